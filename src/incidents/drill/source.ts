/**
 * Exercises: incidents that somebody opens to rehearse with, kept in memory, and good for sandboxes alone.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { DRILLS, type Heard, type Incident, type IncidentSource } from '../../core/incident.ts';
import type { Clock, Random } from '../../core/ports.ts';
import type { Principal } from '../../core/principal.ts';

export interface Drills {
  readonly source: IncidentSource;
  /** Opens an exercise of which `who` is the only responder and on call. Throws `ERR_DENIED` where too many are under way. */
  begin(who: Principal): Incident;
  /** Closes it and says so, as a service would. Throws `ERR_NOT_FOUND` for what is not an exercise of theirs. */
  end(who: Principal, reference: string): Promise<Incident>;
  hear(heard: Heard): void;
}

/** An exercise that nobody ends is over after this long. */
const LONGEST_MS = 30 * 60_000;
const MOST = 20;
const MOST_OF_ONE = 3;
/** With those that are over: they are looked up for a while still, unless too many come after them. */
const MOST_KEPT = 200;

/** How an exercise names somebody. */
export function drillId({ issuer, subject }: Pick<Principal, 'issuer' | 'subject'>): string {
  return `${issuer}|${subject}`;
}

function isOf({ responders }: Incident, who: Principal): boolean {
  return responders.some(({ id }) => id === drillId(who));
}

export function makeDrills({ now, random }: { readonly now: Clock; readonly random: Random }): Drills {
  const drills = new Map<string, Incident>();
  let tell: Heard = async () => undefined;

  const standing = (drill: Incident): Incident =>
    drill.state === 'open' && now() - drill.openedAt >= LONGEST_MS ? { ...drill, state: 'closed', onCall: [] } : drill;
  const known = (id: string): Incident | null => {
    const drill = drills.get(id);
    return drill === undefined ? null : standing(drill);
  };

  return {
    source: {
      name: DRILLS,
      find: async (text) => known(text),
      look: async (id) => known(id),
      open: async () => [...drills.values()].map(standing).filter(({ state }) => state === 'open'),
    },
    begin: (who) => {
      for (const [id, drill] of drills) if (now() - drill.openedAt >= 2 * LONGEST_MS) drills.delete(id);
      const open = [...drills.values()].filter((drill) => standing(drill).state === 'open');
      const own = open.filter((drill) => isOf(drill, who));
      if (own.length >= MOST_OF_ONE || open.length >= MOST) {
        const [message, hint] =
          own.length >= MOST_OF_ONE
            ? [`denied: ${own.length} of your drills are under way`, 'end one of them']
            : ['denied: too many drills are under way', 'try again later'];
        throw new JitError({ code: 'ERR_DENIED', message, hint });
      }
      // What is over and forgotten is over all the same.
      const over = [...drills.values()].filter((drill) => !open.includes(drill));
      for (const { id } of over.slice(0, Math.max(0, drills.size + 1 - MOST_KEPT))) drills.delete(id);
      const id = `DRILL-${Buffer.from(random(5)).toString('hex').toUpperCase()}`;
      const person = { id: drillId(who), name: who.name, email: null };
      const drill: Incident = {
        source: DRILLS,
        id,
        reference: id,
        title: `a drill of ${who.name}`,
        state: 'open',
        severity: 1,
        services: [DRILLS],
        responders: [person],
        commanders: [],
        onCall: [{ ...person, tier: 1 }],
        openedAt: now(),
        url: null,
        mergedInto: null,
      };
      drills.set(id, drill);
      return drill;
    },
    end: async (who, reference) => {
      const drill = drills.get(reference);
      if (drill === undefined || !isOf(drill, who)) {
        throw new JitError({ code: 'ERR_NOT_FOUND', message: 'there is no drill of yours by that name' });
      }
      const closed: Incident = { ...drill, state: 'closed', onCall: [] };
      drills.set(reference, closed);
      await tell(DRILLS, [{ event: `${reference}-closed`, id: reference, says: 'closed' }]);
      return closed;
    },
    hear: (heard) => {
      tell = heard;
    },
  };
}
