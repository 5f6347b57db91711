/**
 * Waits for the end of a grant that has begun to end.
 * @module
 */
import { asJitError } from '../../core/errors.ts';
import type { Outcome } from '../../wire/views.ts';
import type { Broker, Context } from '../context.ts';
import { isLive } from '../ids.ts';
import { pollSeconds } from './submit.ts';

/** As it stands when it is closed, or at `until` (epoch ms), or when the broker is out of reach. */
export async function untilClosed(
  { now }: Pick<Context, 'now'>,
  { client }: Broker,
  begun: Outcome,
  until: number,
): Promise<Outcome> {
  let outcome = begun;
  while (outcome.grant !== null && isLive(outcome.grant)) {
    const left = until - now();
    if (left <= 0) break;
    const { id, version } = outcome.grant;
    try {
      outcome = await client.getGrant(id, { waitSeconds: pollSeconds(left), after: version });
    } catch (thrown) {
      if (asJitError(thrown).facts.retryable) break;
      throw thrown;
    }
  }
  return outcome;
}
