/**
 * Drills, as their routes see them.
 * @module
 */
import { JitError } from '../../../core/errors.ts';
import type { Incident } from '../../../core/incident.ts';
import type { Principal } from '../../../core/principal.ts';
import type { Drills } from '../../../incidents/drill/source.ts';
import type { DrillPort } from '../../http/drill-routes.ts';
import type { Incidents } from '../../incidents/registry.ts';
import { incidentView } from './incidents.ts';

/** @param incidents that know the source of the drills. */
export function drillPort(drills: Drills, incidents: Pick<Incidents, 'standing'>): DrillPort {
  const view = (incident: Incident, who: Principal) => incidentView(incident, incidents.standing(incident, who));
  return {
    begin: async (who) => {
      if (who.kind === 'user' && who.actsFor === undefined) return view(drills.begin(who), who);
      throw new JitError({ code: 'ERR_DENIED', message: 'denied: drills are for people' });
    },
    end: async (who, reference) => view(await drills.end(who, reference), who),
  };
}
