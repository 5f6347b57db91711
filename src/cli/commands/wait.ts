/**
 * `jit wait`: take up a request where an earlier command left it.
 * @module
 */
import type { GrantId, RequestId } from '../../core/ids.ts';
import { parsePatience, parseWish, type Patience, TIMEOUT_FLAG } from '../access/flags.ts';
import { type Consent, consentOf, YES_FLAG } from '../access/consent.ts';
import type { Wish } from '../access/install.ts';
import { awaitGrant } from '../access/submit.ts';
import { command } from '../command.ts';
import { ANY_ID, lookUp, readId } from '../ids.ts';
import type { Format } from '../output.ts';
import { profilesHere } from '../sweep.ts';

export interface WaitOptions {
  readonly id: GrantId | RequestId;
  readonly patience: Patience;
  readonly consent: Consent;
  readonly wish: Wish;
  readonly format: Format;
}

export const wait = command<WaitOptions>({
  name: 'wait',
  group: 'everyday',
  summary: 'wait for a request to be approved, then install its profile',
  positionals: [ANY_ID],
  flags: [
    TIMEOUT_FLAG,
    YES_FLAG,
    { name: 'profile', value: 'name', about: 'name of the profile; made up if left out' },
    { name: 'write-credentials', about: 'also write the keys to ~/.aws/credentials' },
  ],
  examples: [
    { about: 'go on after --no-wait or Ctrl-C', line: 'jit wait req_01hv3k9x7m2q5w8e4r6t0yabcd' },
    { about: 'one look, no waiting worth the name', line: 'jit wait req_… --timeout 1s' },
  ],
  notes: [
    'For what an agent of yours asks: your confirmation, or waiting for those who\napprove; the agent takes it up itself.',
    'Exit status: as jit request; 6 when it is still pending at the timeout.',
  ],
  parse: (input) => {
    return {
      id: readId(input),
      patience: parsePatience(input),
      consent: consentOf(input),
      wish: { ...parseWish(input), onFailure: 'keep' },
      format: input.format,
    };
  },
  run: async (context, options) => {
    const { id, wish, format } = options;
    const { checkWish, install } = await import('../access/install.ts');
    await checkWish(context, wish);
    const found = await lookUp(await context.broker(), id);
    const { ownerOf, supervise } = await import('../access/agent.ts');
    if ((await ownerOf(context, found)) === 'my agent') return await supervise(context, found, options);
    const granted = await awaitGrant(context, found, options);
    // Waiting twice must not make two profiles.
    const [earlier, ...more] = await profilesHere(context, granted.grant.id);
    const name = wish.profile ?? (more.length === 0 ? earlier?.name : undefined) ?? null;
    const profiles = await install(context, granted, { ...wish, profile: name });
    const { reportGranted } = await import('../access/report.ts');
    await reportGranted(context, granted, profiles, format);
    return 0;
  },
});
