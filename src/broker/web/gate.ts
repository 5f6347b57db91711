/**
 * How often somebody who is not known yet may start something, so that nobody keeps the broker or its identity provider busy.
 * @module
 */
import type { Clock } from '../../core/ports.ts';

export interface Gate {
  /** @param from a network address; empty where it is not known. */
  admits(from: string): boolean;
}

const WINDOW_MS = 60_000;
/** Addresses remembered in one window; once they are more, the rest share what is left of it. */
const MOST = 10_000;

/** @param most calls in a minute from one address; @param mostShared from a proxy on this machine, behind which are many. */
export function makeGate(
  now: Clock,
  { most, mostShared }: { readonly most: number; readonly mostShared: number },
): Gate {
  let began = Number.NEGATIVE_INFINITY;
  const counts = new Map<string, number>();
  return {
    admits: (from) => {
      const at = now();
      if (at - began >= WINDOW_MS) {
        counts.clear();
        began = at;
      }
      const key = counts.has(from) || counts.size < MOST ? from : '';
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return count <= (isShared(key) ? mostShared : most);
    },
  };
}

function isShared(from: string): boolean {
  return from === '' || from === '::1' || /^(?:::ffff:)?127\./.test(from);
}
