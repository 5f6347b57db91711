/**
 * The routes about incidents, and about the reviews of emergency access.
 * @module
 */
import * as wire from '../../wire/emergencies.ts';
import type { Broker } from '../service/broker.ts';
import { requestIdOf } from './ids.ts';
import { type Route, route } from './routes.ts';

export function emergencyRoutes(broker: Broker): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/incidents',
      summary: 'Open incidents of which you are a responder, or for which you are on call, newest first',
      reply: wire.incidentListSchema,
      status: 200,
      run: async ({ principal }) => broker.incidents(principal),
    }),
    route({
      method: 'GET',
      path: '/v1/incidents/{source}/{id}',
      summary:
        'One incident of a source, by its id or its reference, and its emergency access as far as you may see it',
      reply: wire.incidentPageSchema,
      status: 200,
      run: async ({ principal, source, id }) => broker.incident(principal, source, id),
    }),
    route({
      method: 'GET',
      path: '/v1/reviews',
      summary: 'Open reviews of emergency access: those that you may close, and those of your own',
      reply: wire.reviewListSchema,
      status: 200,
      run: async ({ principal }) => broker.reviews(principal),
    }),
    route({
      method: 'POST',
      path: '/v1/requests/{id}/review',
      summary: "Close the review of somebody else's emergency access, with a verdict",
      // It lets the holder break glass again: as a yes does, it needs the identity provider's word.
      access: () => 'fresh',
      body: wire.reviewBodySchema,
      reply: wire.reviewItemSchema,
      status: 200,
      run: async (call) => broker.closeReview(call.principal, requestIdOf(call), call.body),
    }),
  ];
}
