/**
 * From the incident that somebody names to the one that their request is bound to.
 * @module
 */
import { JitError } from '../../../core/errors.ts';
import { type BoundIncident, DRILLS } from '../../../core/incident.ts';
import type { Principal } from '../../../core/principal.ts';
import { STRANGER } from '../../incidents/people.ts';
import type { World } from '../world.ts';

/**
 * @param text as it was typed. Throws `ERR_USAGE` for what is no name or names several, `ERR_DENIED` where there is none (which
 * goes into the audit log), `ERR_INCIDENT_SOURCE` where it cannot be said which source would know it.
 */
export async function bindIncident(world: World, principal: Principal, text: string): Promise<BoundIncident> {
  const found = await world.incidents.find(text, principal);
  switch (found.kind) {
    case 'found': {
      const { ref, incident } = found;
      const seen = await world.incidents.see(ref, MOMENT_MS);
      const standing = world.incidents.standing(seen.kind === 'seen' ? seen.incident : incident, principal);
      return { source: ref.source, id: ref.id, reference: incident.reference, standing };
    }
    case 'several':
      throw new JitError({
        code: 'ERR_USAGE',
        message: `several sources have an incident of that name: ${found.sources.join(', ')}`,
        hint: `say which: --incident ${found.sources[0] ?? ''}/${text}`,
      });
    case 'silent': {
      const [source, another] = found.sources;
      if (source === undefined || another !== undefined) {
        throw new JitError({
          code: 'ERR_INCIDENT_SOURCE',
          message: `no source knows that incident, and these give no answer: ${found.sources.join(', ')}`,
          hint: `say which it is of: --incident ${source ?? ''}/${text}`,
        });
      }
      const reference = text.startsWith(`${source}/`) ? text.slice(source.length + 1) : text;
      return { source, id: null, reference, standing: STRANGER };
    }
    case 'none': {
      // Drills are nobody's incidents.
      const sources = world.incidents.sources.filter((name) => name !== DRILLS);
      const message =
        sources.length === 0 ? 'this broker knows no incidents' : `no such incident at ${sources.join(', ')}`;
      const data = { incident: text, why: message };
      const entry = { type: 'emergency.refused', at: world.now(), actor: principal, request: null, grant: null, data };
      await world.store.commit({ entries: [entry] });
      throw new JitError({
        code: 'ERR_DENIED',
        message: `denied: ${message}`,
        hint:
          sources.length === 0
            ? 'its operator configures them under incidents'
            : 'see the open ones with: jit breakglass',
      });
    }
  }
}

const MOMENT_MS = 5_000;
