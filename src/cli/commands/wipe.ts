/**
 * `jit wipe`: nothing of jit left in the files of other tools.
 * @module
 */
import { awsFiles } from '../../profiles/aws/names.ts';
import { listProfiles, type ManagedProfile } from '../../profiles/aws/wipe.ts';
import { command } from '../command.ts';
import type { Format } from '../output.ts';
import { wipeAll } from '../sweep.ts';

export interface WipeOptions {
  readonly grants: 'keep' | 'revoke';
  readonly format: Format;
}

export const wipe = command<WipeOptions>({
  name: 'wipe',
  group: 'local',
  summary: 'remove every profile and credential of jit from this machine',
  positionals: [],
  flags: [{ name: 'revoke', about: 'also revoke every live grant of yours at the broker' }],
  examples: [
    { about: 'before handing over the machine', line: 'jit wipe --revoke' },
    { about: 'only the local side; the grants go on', line: 'jit wipe' },
  ],
  notes: ['Exit status: 11 when something could not be removed.'],
  parse: ({ switches, format }) => ({ grants: switches.has('revoke') ? 'revoke' : 'keep', format }),
  run: async (context, { grants, format }) => {
    const { out } = context;
    const before = await listProfiles(awsFiles(context.env, context.platform)).catch((): ManagedProfile[] => []);
    const { failed, conflicts } = await wipeAll(context);
    const after = await listProfiles(awsFiles(context.env, context.platform)).catch(() => before);
    const gone = before.filter(({ name, file }) => !after.some((each) => each.name === name && each.file === file));
    const revoked =
      grants === 'keep'
        ? []
        : (await (await context.broker()).client.revokeMine()).items.flatMap(({ grant }) => grant?.id ?? []);
    const exit = failed[0]?.facts.exit ?? 0;
    const names = [...new Set(gone.map(({ name }) => name))];
    if (format === 'json') {
      const kept = conflicts.map(({ profile, kept: keys }) => ({ profile: profile.name, keys }));
      out.document('wipe', {
        wiped: names,
        kept,
        revoked,
        failed: failed.map(({ code, message }) => ({ code, message })),
        exit,
      });
      return exit;
    }
    await out.print([names.length === 0 ? 'nothing to wipe' : `wiped: ${names.join(', ')}`]);
    for (const { profile, kept } of conflicts)
      await out.note(`${profile.name} keeps what you added to it: ${kept.join(', ')}`);
    for (const error of failed) await out.note(error.message);
    if (grants === 'revoke')
      await out.print([`revoked: ${revoked.length === 0 ? 'no live grants' : revoked.join(', ')}`]);
    else await out.hint('the grants themselves go on at the broker; end them with: jit revoke --all');
    return exit;
  },
});
