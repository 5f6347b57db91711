/**
 * Hears from the broker how a grant fares: one long-poll after the other, for as long as the grant lives.
 * @module
 */
import type { BrokerClient } from '../client/client.ts';
import { asJitError, type JitError } from '../core/errors.ts';
import type { GrantId } from '../core/ids.ts';
import { pause } from '../local/clock.ts';
import type { GrantView } from '../wire/views.ts';

export interface WatchOptions {
  readonly client: Pick<BrokerClient, 'getGrant'>;
  readonly grant: GrantId;
  readonly signal: AbortSignal;
  /** A sign of life: the grant as it stands. Called for every answer of the broker. */
  readonly onLive: (view: GrantView) => void;
  /** The broker could not be asked; called for every failed attempt. May try to bring it back. */
  readonly onTrouble: (error: JitError) => Promise<void>;
  /** 0 to 1; spreads the attempts of many keepers after a broker's outage. */
  readonly random: () => number;
}

const WAIT_SECONDS = 30;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
/** A broker that answers long-polls at once must not be asked in a tight loop. */
const LEAST_INTERVAL_MS = 500;

/**
 * Returns why the grant is over as soon as the broker says so, be it that it no longer knows it. An unreachable broker
 * is no reason to end: the grant has its own end. Rejects only when `signal` aborts.
 */
export async function watchGrant(options: WatchOptions): Promise<string> {
  const { client, grant, signal, onLive, onTrouble, random } = options;
  let after: number | undefined;
  for (let failures = 0; ;) {
    signal.throwIfAborted();
    const askedAt = performance.now();
    try {
      const wait = after === undefined ? {} : { waitSeconds: WAIT_SECONDS, after };
      const { grant: view } = await client.getGrant(grant, wait);
      if (view === null || view.id !== grant) return 'unknown to the broker';
      if (view.state !== 'active' && view.state !== 'issuing') return view.reason ?? view.state;
      failures = 0;
      onLive(view);
      const seen = after === view.version;
      after = view.version;
      if (seen) await pause(LEAST_INTERVAL_MS - (performance.now() - askedAt), signal);
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asJitError(thrown);
      if (error.code === 'ERR_GRANT_ENDED') return 'ended';
      if (error.code === 'ERR_NOT_FOUND') return 'unknown to the broker';
      await onTrouble(error);
      await pause(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures) * (0.5 + random()), signal);
      failures = Math.min(failures + 1, 16);
    }
  }
}
