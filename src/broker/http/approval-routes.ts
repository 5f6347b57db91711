/**
 * The routes by which people decide, and by which a decided request is taken up.
 * @module
 */
import * as bodies from '../../wire/bodies.ts';
import * as views from '../../wire/views.ts';
import type { Broker } from '../service/broker.ts';
import { requestedInEmergency } from './emergency-calls.ts';
import { requestIdOf } from './ids.ts';
import { type Route, route } from './routes.ts';

/** A yes, a confirmation and the taking up need the identity provider's word; a no and a withdrawal only take access away. */
export function approvalRoutes(broker: Broker): readonly Route[] {
  const emergency = requestedInEmergency(broker);
  return [
    route({
      method: 'GET',
      path: '/v1/requests/{id}/review',
      summary:
        'Everything that an approver has to see: exact permission, plain words, what revocation can promise, history',
      reply: views.reviewViewSchema,
      status: 200,
      run: async (call) => broker.review(call.principal, requestIdOf(call)),
    }),
    route({
      method: 'GET',
      path: '/v1/requests/{id}/explanation',
      summary: 'Why a request was decided as it was, and which rules would have to be met for another answer now',
      reply: views.explanationViewSchema,
      status: 200,
      run: async (call) => broker.explanation(call.principal, requestIdOf(call)),
    }),
    route({
      method: 'POST',
      path: '/v1/requests/{id}/approve',
      summary: 'Vote for a request, exactly as it was shown',
      access: () => 'fresh',
      emergency,
      body: bodies.approveBodySchema,
      reply: views.outcomeSchema,
      status: 200,
      run: async (call) => broker.approve(call.principal, requestIdOf(call), call.body),
    }),
    route({
      method: 'POST',
      path: '/v1/requests/{id}/deny',
      summary: 'Deny a request; one person is enough',
      body: bodies.denyBodySchema,
      reply: views.outcomeSchema,
      status: 200,
      run: async (call) => broker.deny(call.principal, requestIdOf(call), call.body),
    }),
    route({
      method: 'POST',
      path: '/v1/requests/{id}/confirm',
      summary: 'Confirm a self-serve request of your own, or of an agent that acts for you',
      access: () => 'fresh',
      body: bodies.selfServeBodySchema,
      reply: views.outcomeSchema,
      status: 200,
      run: async (call) => broker.confirm(call.principal, requestIdOf(call), call.body),
    }),
    route({
      method: 'POST',
      path: '/v1/requests/{id}/cancel',
      summary: 'Take a request back before it has become a grant',
      reply: views.outcomeSchema,
      status: 200,
      run: async (call) => broker.cancel(call.principal, requestIdOf(call)),
    }),
    route({
      method: 'POST',
      path: '/v1/requests/{id}/issue',
      summary: 'Take an approved request up: everything is judged anew, and the clock of the grant starts',
      access: () => 'fresh',
      emergency,
      reply: views.outcomeSchema,
      status: 200,
      run: async (call) => broker.issue(call.principal, requestIdOf(call), call.unconfirmed),
    }),
  ];
}
