/**
 * The routes by which emergencies are rehearsed.
 * @module
 */
import type { Principal } from '../../core/principal.ts';
import { type IncidentView, incidentViewSchema } from '../../wire/emergencies.ts';
import { type Route, route } from './routes.ts';

/** What makes the exercises. */
export interface DrillPort {
  /** Throws `ERR_DENIED` for who may hold none, and where too many are under way. */
  begin(who: Principal): Promise<IncidentView>;
  /** Throws `ERR_NOT_FOUND` for what is not an exercise of theirs. */
  end(who: Principal, reference: string): Promise<IncidentView>;
}

export function drillRoutes(drills: DrillPort): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/drills',
      summary:
        'Open an incident to rehearse with, for yourself and for sandboxes alone; it is over by itself in half an hour',
      reply: incidentViewSchema,
      status: 201,
      run: async ({ principal }) => drills.begin(principal),
    }),
    route({
      method: 'POST',
      path: '/v1/drills/{id}/end',
      summary: 'Close a drill of your own, as a service closes an incident: access that came of it ends',
      reply: incidentViewSchema,
      status: 200,
      run: async ({ principal, id }) => drills.end(principal, id),
    }),
  ];
}
