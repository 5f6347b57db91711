/**
 * `jit credential`: what the aws tools run. The launcher answers most calls itself; this is for a keeper that is not there.
 * @module
 */
import { display } from '../../core/display.ts';
import type { GrantId } from '../../core/ids.ts';
import { type Format as CredentialFormat, FORMATS } from '../../keeper/protocol.ts';
import { command, single, usage } from '../command.ts';
import { GRANT_ID, readGrantId } from '../ids.ts';
import { profilesHere } from '../sweep.ts';

export interface CredentialOptions {
  readonly id: GrantId;
  readonly as: CredentialFormat;
  readonly target: string | null;
}

export const credential = command<CredentialOptions>({
  name: 'credential',
  group: 'local',
  summary: 'print a credential of a live grant, for tools',
  positionals: [GRANT_ID],
  flags: [
    {
      name: 'format',
      value: 'name',
      about: `${FORMATS.join(', ')}: as the tool reads it; aws if left out`,
      offers: FORMATS,
    },
    { name: 'target', value: 'name', about: 'for a grant at several targets' },
  ],
  examples: [
    { about: 'what a profile of jit runs', line: 'jit credential gr_01hv3k9x7m2q5w8e4r6t0yabcd --format aws' },
    {
      about: 'for kubectl, at one of several targets',
      line: 'jit credential gr_… --format kubernetes --target cluster',
    },
  ],
  notes: ['Exit status: 7 when the grant has ended: an expired credential is never printed.'],
  parse: (input) => {
    const named = single(input, 'format');
    const format = FORMATS.find((known) => known === (named ?? (input.format === 'json' ? 'json' : 'aws')));
    if (format === undefined)
      throw usage(`there is no format ${display(named ?? '', 40)}`, `one of: ${FORMATS.join(', ')}`);
    return { id: readGrantId(input), as: format, target: single(input, 'target') };
  },
  run: async (context, { id, as: format, target }) => {
    const { credentialThroughKeeper } = await import('../../keeper/credential.ts');
    const handedOut = await credentialThroughKeeper({
      keeper: () => context.keeper(),
      grant: id,
      format,
      ...(target === null ? {} : { target }),
      broker: () => context.broker(),
      profiles: () => profilesHere(context, id),
    });
    // The one place where a secret leaves through stdout: that is what this command is for.
    const { output, notAfter } = handedOut.expose();
    if (context.now() >= notAfter) throw usage('the credential ran out on its way here', 'try again');
    context.out.raw(`${output}\n`);
    return 0;
  },
});
