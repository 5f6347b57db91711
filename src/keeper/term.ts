/**
 * The end of one grant as this machine follows it. Its broker may put it off or move it up; no clock does either.
 * @module
 */
import { type Clocks, type Deadline, deadline } from '../local/clock.ts';
import type { About, Adoption } from './protocol.ts';

export interface Term {
  readonly about: () => About;
  /** RFC 3339. */
  readonly expiresAt: () => string;
  readonly until: () => Deadline;
  /** Whether its end has moved up because its incident is closed. */
  readonly isCut: () => boolean;
  /** What a broker says of it now; what is older than what was said before changes nothing. */
  follow(
    seen: Pick<Adoption, 'expiresAt' | 'version'>,
    terms: Pick<About, 'seconds' | 'idleSeconds'>,
  ): 'same' | 'moved' | 'cut';
  /** Epoch ms until which what is served now may be used by the idle limit: whoever uses the grant comes back by then. */
  readonly servedUntil: () => number;
}

const SHORTEST_SERVED_MS = 60_000;

export function openTerm(adoption: Pick<Adoption, 'about' | 'expiresAt' | 'version'>, read: () => Clocks): Term {
  let { about, expiresAt, version } = adoption;
  let until = limited(expiresAt, about.seconds, read());
  let cut = false;
  return {
    about: () => about,
    expiresAt: () => expiresAt,
    until: () => until,
    isCut: () => cut,
    // The same end again moves no deadline: measured again it would honour a clock that was set back meanwhile. An earlier one
    // is measured from where the old one was, for the same reason.
    follow: (seen, { seconds, idleSeconds }) => {
      if (seen.version < version) return 'same';
      const newer = seen.version > version;
      version = seen.version;
      about = { ...about, seconds, idleSeconds };
      const [before, after] = [Date.parse(expiresAt), Date.parse(seen.expiresAt)];
      if (after === before || (after < before && !newer)) return 'same';
      expiresAt = seen.expiresAt;
      cut = after < before && about.incident !== null;
      until =
        after > before ? limited(expiresAt, seconds, read()) : { ...until, endsAt: Math.min(until.endsAt, after) };
      return cut ? 'cut' : 'moved';
    },
    // A grant with an idle limit is seen to be used only by those who ask.
    servedUntil: () => {
      const { idleSeconds } = about;
      return idleSeconds === null ? Infinity : read().wallMs + Math.max(SHORTEST_SERVED_MS, idleSeconds * 500);
    },
  };
}

/** A deadline that no clock can put off further than the grant's whole length from now. */
function limited(expiresAt: string, seconds: number, now: Clocks): Deadline {
  return deadline(Math.min(Date.parse(expiresAt), now.wallMs + seconds * 1_000), now);
}
