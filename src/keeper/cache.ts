/**
 * The credentials of one grant, in memory only: fetched once for all who wait, renewed before they run out.
 * @module
 */
import type { IssuedCredential, IssuedCredentials } from '../client/client.ts';
import { asJitError, JitError } from '../core/errors.ts';
import { type Clocks, type Deadline, deadline, judge } from '../local/clock.ts';

/** A credential and the moment, in epoch ms, from which nobody may use it. */
export interface Usable {
  readonly issued: IssuedCredential;
  readonly notAfter: number;
}

export interface CredentialCache {
  /**
   * Credentials that are not over, however long fetching them took. While the ones at hand are good, they are returned
   * at once, and better ones fetched behind the caller's back when their end is near and the grant's is not.
   * Throws what `fetch` throws, and `ERR_GRANT_ENDED` once cleared.
   */
  get(): Promise<readonly Usable[]>;
  /** Drops everything for good, a fetch under way included. */
  clear(): void;
}

/** The one for that target, or the only one. Throws `ERR_TARGET` if none or several fit. */
export function choose(usable: readonly Usable[], target: string | undefined): Usable {
  const fitting = target === undefined ? usable : usable.filter(({ issued }) => issued.target === target);
  const [only, another] = fitting;
  if (only !== undefined && another === undefined) return only;
  const names = usable.map(({ issued }) => issued.target).join(', ');
  throw new JitError({
    code: 'ERR_TARGET',
    message: only === undefined ? 'the grant has no such target' : 'the grant has several targets',
    hint: `name one with --target: ${names}`,
  });
}

interface Stock {
  readonly usable: readonly Usable[];
  /** The earliest end among them. */
  readonly until: Deadline;
  /** When to fetch new ones, as remaining ms, unless they last as long as the grant. */
  readonly renewBelowMs: number;
  /** What ended them: the grant, as far as was known when they were fetched, or their own life. */
  readonly endedBy: 'grant' | 'life';
}

/** Renewal starts when this much life is left, or a tenth of it if that is more. */
const RENEW_MS = 60_000;
/** After a failed renewal the broker is left alone for so long. */
const RETRY_MS = 5_000;
/** Ends that differ by less count as the same. */
const SAME_END_MS = 2_000;

/** @param endsAt the grant's end, epoch ms; it can move. */
export function openCache(
  fetch: () => Promise<IssuedCredentials>,
  read: () => Clocks,
  endsAt: () => number,
): CredentialCache {
  let stock: Stock | null = null;
  let flight: Promise<Stock> | null = null;
  let cleared = false;
  let failedAt = Number.NEGATIVE_INFINITY;

  function refresh(): Promise<Stock> {
    flight ??= fetch()
      .then((fetched) => {
        if (cleared) throw over();
        stock = stockOf(fetched, read(), endsAt());
        return stock;
      })
      .catch((thrown: unknown) => {
        failedAt = read().bootMs;
        throw asJitError(thrown);
      })
      .finally(() => (flight = null));
    return flight;
  }

  return {
    get: async () => {
      if (cleared) throw over();
      const now = read();
      const left = stock === null ? 0 : remaining(stock, now);
      if (stock !== null && left > 0) {
        // Where the grant was renewed meanwhile, nobody need wait for what ends with its old end.
        const late = stock.endedBy === 'grant' || left < stock.renewBelowMs;
        const due = late && endsAt() - SAME_END_MS > stock.until.endsAt;
        // A failure shows itself when nothing usable is left.
        if (due && now.bootMs - failedAt > RETRY_MS) refresh().catch(() => undefined);
        return stock.usable;
      }
      stock = null;
      const fresh = await refresh();
      if (remaining(fresh, read()) > 0) return fresh.usable;
      throw new JitError({
        code: 'ERR_CLOUD',
        message: 'the new credential is already over by the clock of this machine',
        hint: 'check that the clock is right',
      });
    },
    clear: () => {
      cleared = true;
      stock = null;
    },
  };
}

function stockOf(fetched: IssuedCredentials, now: Clocks, grantEnd: number): Stock {
  const usable = fetched.credentials.map((issued) => ({
    issued,
    notAfter: Math.min(Date.parse(issued.expiration), Date.parse(fetched.expiresAt), grantEnd),
  }));
  const end = Math.min(...usable.map(({ notAfter }) => notAfter));
  if (!Number.isFinite(end)) throw new JitError({ code: 'ERR_BROKER_REPLY', message: 'the broker sent no credential' });
  const life = end - now.wallMs;
  return {
    usable,
    until: deadline(end, now),
    renewBelowMs: Math.max(RENEW_MS, life / 10),
    endedBy: grantEnd - end <= SAME_END_MS ? 'grant' : 'life',
  };
}

function remaining(stock: Stock, now: Clocks): number {
  const verdict = judge(stock.until, now);
  return verdict.state === 'live' ? verdict.remainingMs : 0;
}

function over(): JitError {
  return new JitError({ code: 'ERR_GRANT_ENDED', message: 'the grant has ended' });
}
