/**
 * Few connections to each server, used by one conversation at a time and kept for a moment, since grants come and end in crowds.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { deadline, openLink } from './link.ts';
import type { Link, ReadSecret } from './link.ts';
import type { Reach } from './target.ts';

/** At one server at a time. An administrator of the server should find room beside the broker. */
const LANES = 4;
/** How long a connection is kept that nobody uses, ms. */
const KEEP_MS = 2_000;

/** Throws what `work` throws, what node-postgres throws, and `ERR_CLOUD_BUSY` where the signal comes before a connection is free. */
export type Converse = <T>(reach: Reach, signal: AbortSignal, work: (link: Link) => Promise<T>) => Promise<T>;

interface Place {
  running: number;
  readonly waiting: (() => void)[];
  readonly idle: Link[];
}

/** Conversations in the database of the target. A kept connection that turns out to be dead is replaced by a fresh one. */
export function lanesWith(readSecret: ReadSecret): Converse {
  const places = new Map<string, Place>();

  const converse = async <T>(
    place: Place,
    reach: Reach,
    signal: AbortSignal,
    work: (link: Link) => Promise<T>,
  ): Promise<T> => {
    const kept = takeIdle(place);
    const link = kept ?? (await openLink(reach, reach.database, { readSecret, signal }));
    const before = link.answers();
    link.hold('in use');
    const obeying = link.obey(signal);
    try {
      const result = await work(link);
      obeying.release();
      keep(place, link);
      return result;
    } catch (thrown) {
      obeying.release();
      link.close();
      // Before the first answer nothing can have been committed.
      const stale = kept !== null && link.answers() === before;
      if (!stale || signal.aborted) throw thrown;
      return await converse(place, reach, signal, work);
    }
  };

  return async (reach, signal, work) => {
    const key = JSON.stringify([
      reach.host,
      reach.port,
      reach.database,
      reach.user,
      reach.passwordFile,
      reach.tls,
      reach.authority,
    ]);
    const place = places.get(key) ?? { running: 0, waiting: [], idle: [] };
    places.set(key, place);
    await enter(place, signal);
    try {
      return await converse(place, reach, deadline(signal), work);
    } finally {
      leave(place);
    }
  };
}

function takeIdle(place: Place): Link | null {
  for (let link = place.idle.pop(); link !== undefined; link = place.idle.pop()) {
    if (link.isOpen()) return link;
  }
  return null;
}

function keep(place: Place, link: Link): void {
  if (!link.isOpen()) return;
  link.hold('idle');
  place.idle.push(link);
  setTimeout(() => {
    const at = place.idle.indexOf(link);
    if (at === -1) return;
    place.idle.splice(at, 1);
    link.close();
  }, KEEP_MS).unref();
}

async function enter(place: Place, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw gaveUp();
  if (place.running < LANES) {
    place.running += 1;
    return;
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = (): void => {
    const at = place.waiting.indexOf(resolve);
    if (at === -1) return;
    place.waiting.splice(at, 1);
    reject(gaveUp());
  };
  place.waiting.push(resolve);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Whoever waits longest takes the place over. */
function leave(place: Place): void {
  const next = place.waiting.shift();
  if (next === undefined) place.running -= 1;
  else next();
}

function gaveUp(): JitError {
  return new JitError({ code: 'ERR_CLOUD_BUSY', message: 'given up before postgres was asked' });
}
