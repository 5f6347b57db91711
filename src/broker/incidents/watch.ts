/**
 * Emergency access ends with its incident: when the source says so by itself, when it is asked in between, and at the start.
 * @module
 */
import { asJitError } from '../../core/errors.ts';
import type { Heard } from '../../core/incident.ts';
import type { Clock } from '../../core/ports.ts';
import type { Ends, IncidentNow } from '../service/emergency/end.ts';
import type { Log } from '../service/log.ts';
import type { StoredEmergency } from '../store/emergencies.ts';
import type { Store } from '../store/store.ts';
import type { Found, Incidents, Seen } from './registry.ts';

export interface IncidentWatch {
  readonly heard: Heard;
  /** Looks at every incident that something depends on. Never rejects. */
  lookAtAll(): Promise<void>;
  /** Resolves when looks under way have ended. */
  stop(): Promise<void>;
}

const TICK_MS = 1_000;
const AT_ONCE = 8;
/** A signed word of the end that nobody can confirm counts after this long: what takes access away fails towards taking. */
const UNCONFIRMED_MS = 15_000;
const CONFIRM_AGAIN_MS = 2_000;
const MOMENT_MS = 5_000;

/** One incident that something depends on. `id` null: not known yet. */
interface Place {
  readonly source: string;
  readonly id: string | null;
  readonly reference: string;
}

interface Look {
  readonly place: Place;
  running: Promise<void> | null;
  /** Something new was heard while a look was under way. */
  again: boolean;
  /** What came of the last look could not be written. */
  failed: boolean;
  /** Epoch ms since which its source says that it is closed, and nobody has been able to confirm it; or null. */
  closedSince: number | null;
  /** Epoch ms at which to ask again. */
  retryAt: number;
}

/** Looks at everything at once. @param pollMs how often it does so again, should no call come. */
export function startIncidentWatch(parts: {
  readonly store: Pick<Store, 'emergencies'>;
  readonly incidents: Incidents;
  readonly ends: Ends;
  readonly pollMs: number;
  readonly now: Clock;
  readonly log: Log;
}): IncidentWatch {
  const { store, incidents, ends, pollMs, now, log } = parts;
  const looks = new Map<string, Look>();
  let nextPoll = now() + pollMs;
  let polling: Promise<void> | null = null;
  let stopped = false;

  function lookOf(place: Place): Look {
    const key = keyOf(place);
    const state = looks.get(key) ?? {
      place,
      running: null,
      again: false,
      failed: false,
      closedSince: null,
      retryAt: 0,
    };
    looks.set(key, state);
    return state;
  }

  async function look(place: Place): Promise<void> {
    const state = lookOf(place);
    if (state.running !== null) {
      state.again = true;
      return state.running;
    }
    const run = async (): Promise<void> => {
      do {
        state.again = false;
        await lookOnce(place, state);
      } while (state.again && !stopped);
    };
    state.failed = false;
    state.running = run()
      .catch((thrown: unknown) => {
        state.failed = true;
        log.error('an incident could not be dealt with; it is tried again', { code: asJitError(thrown).code });
      })
      .finally(() => {
        state.running = null;
        state.retryAt = now() + CONFIRM_AGAIN_MS;
        // Heard when the last look had ended, and before this was noticed.
        if (state.again && !stopped) void look(place);
        else if (state.closedSince === null && !state.failed) looks.delete(keyOf(place));
      });
    return state.running;
  }

  async function lookOnce(place: Place, state: Look): Promise<void> {
    const standing = await standingOf(place, state);
    const all = await dependents(place);
    await Promise.all(all.map(async (emergency) => ends.settle(emergency, standing)));
    if (standing.kind === 'said to be closed') state.closedSince = null;
  }

  /** As what it has become part of, if anything. */
  async function seenOf({ source, id, reference }: Place): Promise<Seen | Exclude<Found, { kind: 'found' }>> {
    if (id !== null) return incidents.see({ source, id }, 0);
    const found = await incidents.find(`${source}/${reference}`);
    return found.kind === 'found' ? incidents.see(found.ref, MOMENT_MS) : found;
  }

  async function standingOf(place: Place, state: Look): Promise<IncidentNow> {
    const { source } = place;
    // Nobody will ever say of it that it is over.
    if (!incidents.sources.includes(source)) return { kind: 'gone' };
    const seen = await seenOf(place);
    switch (seen.kind) {
      case 'seen':
        state.closedSince = null;
        return { kind: seen.incident.state, incident: seen.incident };
      case 'none':
        state.closedSince = null;
        return { kind: 'gone' };
      case 'several':
      case 'silent':
        if (state.closedSince === null || now() - state.closedSince < UNCONFIRMED_MS) return { kind: 'unknown' };
        log.warn('a signed end of an incident could not be confirmed, and is taken for true', { source });
        return { kind: 'said to be closed' };
    }
  }

  async function dependents({ source, id, reference }: Place): Promise<readonly StoredEmergency[]> {
    const watched = await store.emergencies({ kind: 'watched' });
    return watched.filter(({ incident, request: { request } }) => {
      const bound = request.incident;
      return bound?.source === source && incident === id && (id !== null || bound.reference === reference);
    });
  }

  /** Every incident that something depends on. */
  async function places(source: string | null): Promise<readonly Place[]> {
    const found = new Map<string, Place>();
    for (const { incident, request } of await store.emergencies({ kind: 'watched' })) {
      const bound = request.request.incident;
      if (bound === null || (source !== null && bound.source !== source)) continue;
      const place = { source: bound.source, id: incident, reference: bound.reference };
      found.set(keyOf(place), place);
    }
    return [...found.values()];
  }

  async function lookAtAll(): Promise<void> {
    nextPoll = now() + pollMs;
    try {
      const waiting = [...(await places(null))];
      const work = async (): Promise<void> => {
        for (let next = waiting.pop(); next !== undefined && !stopped; next = waiting.pop()) await look(next);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
    } catch (thrown) {
      log.error('incidents could not be looked at; it is tried again', { code: asJitError(thrown).code });
    }
  }

  function poll(): void {
    polling ??= lookAtAll().finally(() => {
      polling = null;
    });
  }

  const timer = setInterval(() => {
    for (const { place, running, retryAt } of looks.values()) {
      if (running === null && now() >= retryAt) void look(place);
    }
    if (now() >= nextPoll) poll();
  }, TICK_MS).unref();
  // Whatever happened while no broker was there.
  poll();

  return {
    heard: async (source, signals) => {
      // Whatever else is said in the same breath, an end is an end until it is known to be none.
      const inOrder = signals.toSorted((a, b) => Number(a.says === 'closed') - Number(b.says === 'closed'));
      const doubted = new Map(
        inOrder.flatMap(({ id, says }) => incidents.doubt({ source, id }, says).map((each) => [each, says])),
      );
      // A service tells of all its incidents, and few of them matter here.
      for (const place of await places(source)) {
        // One that nobody could name when access was given may be any of them.
        const says = place.id === null ? 'changed' : doubted.get(place.id);
        if (says === undefined) continue;
        if (says === 'closed') lookOf(place).closedSince ??= now();
        void look(place);
      }
    },
    lookAtAll,
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      await polling;
      await Promise.all([...looks.values()].map(async ({ running }) => running));
    },
  };
}

const keyOf = ({ source, id, reference }: Place): string => JSON.stringify([source, id, id === null ? reference : '']);
