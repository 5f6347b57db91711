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

/** How an exercise names somebody. */
export function drillId({ issuer, subject }: Pick<Principal, 'issuer' | 'subject'>): string {
  return `${issuer}|${subject}`;
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
      if ([...drills.values()].filter((drill) => standing(drill).state === 'open').length >= MOST) {
        throw new JitError({
          code: 'ERR_DENIED',
          message: 'denied: too many drills are under way',
          hint: 'try again later',
        });
      }
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
      if (drill === undefined || !drill.responders.some(({ id }) => id === drillId(who))) {
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
