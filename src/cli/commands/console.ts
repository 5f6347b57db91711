/**
 * `jit console`: an address that signs in to the AWS console with what a live grant may do.
 * @module
 */
import type { GrantId } from '../../core/ids.ts';
import { command, single } from '../command.ts';
import { GRANT_ID, readGrantId } from '../ids.ts';
import type { Format } from '../output.ts';

export interface ConsoleOptions {
  readonly id: GrantId;
  /** Null: the only one of AWS. */
  readonly target: string | null;
  /** A service, an address, or null for the first page. */
  readonly destination: string | null;
  readonly show: 'print' | 'open';
  readonly format: Format;
}

export const consoleCommand = command<ConsoleOptions>({
  name: 'console',
  group: 'local',
  summary: 'sign in to the AWS console with a live grant',
  positionals: [GRANT_ID],
  flags: [
    { name: 'open', about: 'open it in the browser instead of printing it' },
    { name: 'destination', value: 'where', about: 'a service such as s3, or an address of the console' },
    { name: 'target', value: 'name', about: 'for a grant at several targets of AWS' },
  ],
  examples: [
    { about: 'sign in, in the browser', line: 'jit console gr_01hv3k9x7m2q5w8e4r6t0yabcd --open' },
    { about: 'an address to open elsewhere, at once', line: 'jit console gr_… --destination s3' },
  ],
  notes: [
    'The address is a secret: for 15 minutes, whoever opens it is signed in.',
    'The session in the console lives by a clock of its own: as long as the credentials\nthat it was made of. What it may do is what the grant may do, and ends with it, also\nwhen the grant is revoked.',
  ],
  parse: (input) => ({
    id: readGrantId(input),
    target: single(input, 'target'),
    destination: single(input, 'destination'),
    show: input.switches.has('open') ? 'open' : 'print',
    format: input.format,
  }),
  run: async (context, options) => {
    const { signInToConsole } = await import('../console/sign-in.ts');
    return await signInToConsole(context, options);
  },
});
