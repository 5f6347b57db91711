/**
 * Which identity providers are down, as the broker has just found: asked only when something depends on it, and soon again.
 * @module
 */
import type { Clock } from '../../core/ports.ts';
import type { Standing } from '../../identity/verify/standing.ts';
import type { Log } from '../service/log.ts';

/** A provider that is back counts so soon after, and one that is down is not asked by everybody. */
export const REMEMBERED_MS = 3_000;

export interface Outages {
  /** Asks, or says what was found a moment ago. Never rejects. @param provider its name in the configuration. */
  standing(provider: string): Promise<Standing>;
  /** It has given its word about somebody: until then, epoch ms, it is not down, whatever becomes of the broker's own questions. */
  vouched(provider: string, until: number): void;
}

export function makeOutages(parts: {
  readonly ask: (provider: string) => Promise<Standing>;
  readonly now: Clock;
  readonly log: Log;
}): Outages {
  const { ask, now, log } = parts;
  const found = new Map<string, { readonly at: number; readonly standing: Standing }>();
  const flights = new Map<string, Promise<Standing>>();
  const alive = new Map<string, number>();

  async function look(provider: string): Promise<Standing> {
    const standing = await ask(provider);
    if (standing.kind === 'down') log.warn('an identity provider is down', { provider, cause: standing.why });
    found.set(provider, { at: now(), standing });
    flights.delete(provider);
    return standing;
  }

  async function recent(provider: string): Promise<Standing> {
    const known = found.get(provider);
    if (known !== undefined && now() - known.at < REMEMBERED_MS) return known.standing;
    const flight = flights.get(provider) ?? look(provider);
    flights.set(provider, flight);
    return flight;
  }

  return {
    standing: async (provider) => {
      const standing = await recent(provider);
      // It may have given its word while it was asked.
      return now() < (alive.get(provider) ?? 0) ? { kind: 'answers' } : standing;
    },
    vouched: (provider, until) => {
      alive.set(provider, Math.max(until, alive.get(provider) ?? 0));
    },
  };
}
