/**
 * `jit renew`: more time for a grant that is still live.
 * @module
 */
import { parseDuration } from '../../core/duration.ts';
import { asJitError, JitError, worded } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import { type Granted, newKey, settled } from '../access/submit.ts';
import { accessWords, endOf } from '../access/words.ts';
import { command, single } from '../command.ts';
import type { Context } from '../context.ts';
import { GRANT_ID, readGrantId } from '../ids.ts';
import type { Format } from '../output.ts';
import { withProgress } from '../progress.ts';
import { brokerFact, type Site, siteOf } from '../site.ts';
import { fact, record } from '../table.ts';
import { orWhenIdle, recordedTime } from '../time.ts';

export interface RenewOptions {
  readonly id: GrantId;
  /** Null: the length that was asked for at first. */
  readonly seconds: number | null;
  readonly format: Format;
}

export const renew = command<RenewOptions>({
  name: 'renew',
  group: 'everyday',
  summary: 'put the end of a live grant off',
  positionals: [GRANT_ID],
  flags: [{ name: 'for', value: 'duration', about: 'how long from now, such as 30m; as at first if left out' }],
  examples: [
    { about: 'the same time again, from now on', line: 'jit renew gr_01hv3k9x7m2q5w8e4r6t0yabcd' },
    { about: 'a little longer', line: 'jit renew gr_… --for 10m' },
  ],
  notes: [
    'Policy is judged anew, with your groups as they are now: how long at once, and\nhow often, is said by --plan. Profile and running commands go on; an end that\nis later already stays.',
    'Exit status: 5 when policy does not allow it, and the grant goes on as it is,\nunless policy would not grant it at all any more; 7 when it has ended.',
  ],
  parse: (input) => {
    const length = single(input, 'for');
    return {
      id: readGrantId(input),
      seconds: length === null ? null : parseDuration(length),
      format: input.format,
    };
  },
  run: async (context, { id, seconds, format }) => {
    const { client } = await context.broker();
    const site = await siteOf(context);
    const waiting = { what: 'asking the broker', broker: site.broker, until: null };
    const outcome = await withProgress(context, waiting, async () => {
      const length = seconds ?? (await client.getGrant(id)).request.seconds;
      return await client.renew(id, { seconds: length }, newKey(context.random));
    });
    const granted = settled(outcome, site);
    if (granted === null)
      throw new JitError({ code: 'ERR_BROKER_REPLY', message: 'the broker renewed nothing', broker: site.broker });
    const { followRenewal } = await import('../access/renewal.ts');
    const problem = await followRenewal(context, granted).then(() => null, asJitError);
    await report(context, granted, site, format);
    if (problem === null) return 0;
    const message = `renewed, but not on this machine: ${problem.message}`;
    await context.out.note(worded({ broker: problem.broker, message }));
    await context.out.hint(`bring it here anew with: ${site.line(`jit wait ${id}`)}`);
    return problem.facts.exit;
  },
});

async function report({ out, now }: Context, { request, grant }: Granted, site: Site, format: Format): Promise<void> {
  if (format === 'json') {
    out.document('renewal', { request, grant, broker: site.name });
    return;
  }
  const end = endOf(grant);
  const ends = end === null ? grant.state : `${recordedTime(end, now())}${orWhenIdle(grant.idleSeconds)}`;
  await out.print(
    record(
      [
        fact('grant', grant.id, 'strong'),
        ...brokerFact(site),
        fact('access', accessWords(request)),
        ...(grant.renewals === 0 ? [] : [fact('renewed', grant.renewals === 1 ? 'once' : `${grant.renewals} times`)]),
        fact('ends', ends, 'good'),
      ],
      out.width,
    ),
  );
}
