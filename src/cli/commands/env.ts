/**
 * `jit env`: a shell's own way to use a grant, without a key in any variable.
 * @module
 */
import type { GrantId } from '../../core/ids.ts';
import { JitError } from '../../core/errors.ts';
import { targetWords } from '../access/words.ts';
import { settled } from '../access/submit.ts';
import { command, single, usage } from '../command.ts';
import type { Env } from '../context.ts';
import { GRANT_ID, readGrantId } from '../ids.ts';
import type { Format } from '../output.ts';
import { siteOf } from '../site.ts';
import { isShell, type Shell, shellLines, SHELLS } from '../shell.ts';

export interface EnvOptions {
  readonly id: GrantId;
  /** Null: the one that SHELL names. */
  readonly shell: Shell | null;
  readonly format: Format;
}

export const env = command<EnvOptions>({
  name: 'env',
  group: 'local',
  summary: 'print the variables with which a shell uses a grant',
  positionals: [GRANT_ID],
  flags: [{ name: 'shell', value: 'name', about: 'sh, fish or pwsh; follows SHELL if left out', offers: SHELLS }],
  examples: [
    { about: 'use a grant in this shell', line: 'eval "$(jit env gr_01hv3k9x7m2q5w8e4r6t0yabcd)"' },
    { about: 'the same in fish', line: 'jit env gr_… --shell fish | source' },
  ],
  parse: (input) => ({ id: readGrantId(input), shell: parseShell(single(input, 'shell')), format: input.format }),
  run: async (context, { id, shell, format }) => {
    const { client } = await context.broker();
    const site = await siteOf(context);
    const granted = settled(await client.getGrant(id), site);
    if (granted === null) {
      throw new JitError({
        code: 'ERR_PENDING',
        message: 'the grant cannot be used yet',
        hint: `wait for it with: ${site.line(`jit wait ${id}`)}`,
        subject: id,
        broker: site.broker,
      });
    }
    const { accessesOf } = await import('../exec/grant.ts');
    const { accessEnvironment } = await import('../exec/environment.ts');
    const accesses = await accessesOf(context, granted);
    const change = await accessEnvironment(context.env, context.platform, id, accesses);
    if (format === 'json') {
      context.out.document('env', {
        grant: id,
        variables: Object.fromEntries(change.set),
        unset: change.removed,
        broker: site.name,
      });
      return 0;
    }
    context.out.raw(shellLines(change, shell ?? shellOf(context.env, context.platform)));
    const { legs } = granted.grant;
    if (legs.some(({ sandbox }) => sandbox)) await context.out.note(`these variables lead to ${targetWords(legs)}`);
    return 0;
  },
});

function parseShell(text: string | null): Shell | null {
  if (text === null || isShell(text)) return text;
  throw usage('that is not a shell that jit writes for', `one of: ${SHELLS.join(', ')}`);
}

function shellOf(variables: Env, platform: NodeJS.Platform): Shell {
  const name = (variables['SHELL'] ?? '').split('/').at(-1) ?? '';
  if (name === 'fish') return 'fish';
  if (name === 'pwsh' || (name === '' && platform === 'win32')) return 'pwsh';
  return 'sh';
}
