/**
 * The keys of one identity provider, kept fresh without letting anybody drive the broker to fetch them all the time.
 * @module
 */
import { type Algorithm } from './algorithms.ts';
import { candidates, type PublicKey } from './jwks.ts';
import { detailOf, unavailable } from './refusal.ts';

/** For so long nothing is fetched for a key that is there. */
export const FRESH_MS = 10 * 60_000;
/** At most once in this time a key that is not there is looked for. */
export const COOLDOWN_MS = 60_000;
/** After a failure it is tried again no sooner. */
export const RETRY_MS = 10_000;
/** While the provider is down, keys of this age still serve; after that nothing is accepted. */
export const STALE_MS = 60 * 60_000;

/** Where keys come from. */
export interface Origin {
  /** For the log. */
  readonly name: string;
  /** Throws `ERR_IDENTITY_PROVIDER`. */
  load(): Promise<readonly PublicKey[]>;
  /** Cheap to ask, and another text whenever `load` would give other keys; null where nothing can tell. */
  version(): Promise<string | null>;
}

export interface KeySource {
  /**
   * The keys that may have made a signature; none where there is no such key.
   * Throws `ERR_IDENTITY_PROVIDER` where that cannot be known: the check is never skipped.
   */
  find(alg: Algorithm, kid: string | null): Promise<readonly PublicKey[]>;
}

/** What the verifier tells the operator. The broker's own log fits. */
export interface VerifyLog {
  warn(message: string, fields?: Readonly<Record<string, string | number>>): void;
}

interface Held {
  readonly keys: readonly PublicKey[];
  readonly version: string | null;
  /** Epoch ms at which they were known to be current. */
  readonly at: number;
}

export function makeKeySource(parts: {
  readonly origin: Origin;
  readonly now: () => number;
  readonly log: VerifyLog;
}): KeySource {
  const { origin, now, log } = parts;
  let held: Held | null = null;
  let failure: unknown = null;
  let triedAt = Number.NEGATIVE_INFINITY;
  let flight: Promise<void> | null = null;

  async function fetchKeys(version: string | null): Promise<void> {
    triedAt = now();
    try {
      held = { keys: await origin.load(), version, at: triedAt };
      failure = null;
    } catch (thrown) {
      failure = thrown;
      log.warn('the keys of an identity provider cannot be had', { provider: origin.name, cause: detailOf(thrown) });
    } finally {
      flight = null;
    }
  }

  async function refresh(version: string | null): Promise<void> {
    await (flight ??= fetchKeys(version));
  }

  /** Fetches where what is held is missing, old or known to have changed. */
  async function freshen(): Promise<void> {
    const version = await origin.version();
    if (held !== null && version !== null && version === held.version) {
      held = { ...held, at: now() };
      failure = null;
      return;
    }
    const changed = version !== null;
    const due = held === null || changed || now() - held.at >= FRESH_MS;
    const tooSoon = flight === null && failure !== null && !changed && now() - triedAt < RETRY_MS;
    if (due && !tooSoon) await refresh(version);
  }

  async function lookAgain(): Promise<void> {
    const version = await origin.version();
    if (flight !== null || now() - triedAt >= COOLDOWN_MS) await refresh(version);
  }

  function matching(alg: Algorithm, kid: string | null): readonly PublicKey[] {
    return held === null || now() - held.at > STALE_MS ? [] : candidates(held.keys, alg, kid);
  }

  return {
    find: async (alg, kid) => {
      await freshen();
      if (matching(alg, kid).length === 0) await lookAgain();
      const found = matching(alg, kid);
      // While the provider does not answer, an unknown key may be a new one: nobody can say that the proof is wrong.
      if (found.length === 0 && failure !== null)
        throw unavailable(`no keys of ${origin.name}: ${detailOf(failure)}`, failure);
      return found;
    },
  };
}
