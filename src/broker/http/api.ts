/**
 * What each route of `/v1` does.
 * @module
 */
import { parseDuration } from '../../core/duration.ts';
import { JitError } from '../../core/errors.ts';
import type { Principal } from '../../core/principal.ts';
import * as bodies from '../../wire/bodies.ts';
import { revocationViewSchema } from '../../wire/emergencies.ts';
import * as views from '../../wire/views.ts';
import type { Broker, Wait } from '../service/broker.ts';
import { approvalRoutes } from './approval-routes.ts';
import { emergencyRoutes } from './emergency-routes.ts';
import { grantIdOf, requestIdOf } from './ids.ts';
import { asksInEmergency, grantedInEmergency } from './emergency-calls.ts';
import { type Call, type Query, type Route, route } from './routes.ts';

const LONGEST_WAIT_SECONDS = 60;
const wait = { name: 'wait', description: 'answer when something changes, or after this long; 1s to 60s' };
const limit = { name: 'limit', description: 'at most this many, 1 to 1000; 100 by default' };

export function apiRoutes(
  broker: Broker,
  catalog: (principal: Principal) => Promise<views.CatalogView>,
): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/requests',
      summary: 'Ask for access; with plan=true only show what would happen',
      query: [{ name: 'plan', description: 'true: decide and show, store nothing', status: 200 }],
      access: (query) => (flag(query, 'plan') ? 'signed in' : 'fresh'),
      emergency: asksInEmergency,
      idempotent: 'by key',
      body: bodies.requestBodySchema,
      reply: views.outcomeSchema.or(views.planViewSchema),
      status: 201,
      run: async ({ principal, unconfirmed, body, query, idempotencyKey, bodyHash }) => {
        if (flag(query, 'plan')) return broker.plan(principal, body);
        const idempotency = idempotencyKey === null ? null : { key: idempotencyKey, bodyHash };
        return broker.submit(principal, body, idempotency, unconfirmed);
      },
    }),
    route({
      method: 'GET',
      path: '/v1/requests',
      summary: 'Your requests, newest first; or, as an approver, those that wait for you, the most urgent first',
      query: [{ name: 'role', description: 'requester, which is the default, or approver' }, limit],
      reply: views.outcomeListSchema,
      status: 200,
      run: async ({ principal, query }) =>
        roleOf(query) === 'approver'
          ? broker.inbox(principal, limitOf(query))
          : broker.requests(principal, limitOf(query)),
    }),
    route({
      method: 'GET',
      path: '/v1/requests/{id}',
      summary: 'One request and its grant',
      query: [wait, { name: 'after', description: 'with wait: answer once the version of the request is above this' }],
      reply: views.outcomeSchema,
      status: 200,
      run: async (call) => {
        const patience = waitOf(call);
        const after = call.query.get('after') === undefined ? null : wholeNumber(call.query, 'after', 0);
        return broker.request(call.principal, requestIdOf(call), patience === null ? null : { ...patience, after });
      },
    }),
    ...approvalRoutes(broker),
    ...emergencyRoutes(broker),
    route({
      method: 'GET',
      path: '/v1/grants',
      summary: 'Your live grants, newest first',
      query: [{ name: 'live', description: 'true, the only choice' }, limit],
      reply: views.outcomeListSchema,
      status: 200,
      run: async ({ principal, query }) => broker.liveGrants(principal, limitOf(query)),
    }),
    route({
      method: 'GET',
      path: '/v1/grants/{id}',
      summary: 'One grant',
      query: [wait, { name: 'after', description: 'with wait: answer once the version is above this' }],
      reply: views.outcomeSchema,
      status: 200,
      run: async (call) => {
        const patience = waitOf(call);
        const after = wholeNumber(call.query, 'after', 0);
        return broker.grant(call.principal, grantIdOf(call), patience === null ? null : { ...patience, after });
      },
    }),
    route({
      method: 'POST',
      path: '/v1/grants/{id}/credentials',
      summary: 'Credentials of a live grant; the reply carries secrets',
      access: () => 'fresh',
      emergency: grantedInEmergency(broker),
      reply: views.credentialsViewSchema,
      status: 200,
      run: async (call) => broker.credentials(call.principal, grantIdOf(call), call.unconfirmed),
    }),
    route({
      method: 'POST',
      path: '/v1/grants/{id}/renew',
      summary: 'Put the end of a live grant off; policy is judged anew',
      access: () => 'fresh',
      idempotent: 'by key',
      body: bodies.renewBodySchema,
      reply: views.outcomeSchema,
      status: 200,
      run: async (call) => {
        const { principal, body, idempotencyKey: key, bodyHash } = call;
        return broker.renew(principal, grantIdOf(call), body, key === null ? null : { key, bodyHash });
      },
    }),
    route({
      method: 'POST',
      path: '/v1/grants/{id}/revoke',
      summary: 'End a grant of yours now, or one that policy lets you end',
      body: bodies.revokeBodySchema,
      reply: views.outcomeSchema,
      status: 200,
      run: async (call) => broker.revoke(call.principal, grantIdOf(call), call.body.reason),
    }),
    route({
      method: 'POST',
      path: '/v1/grants/{id}/use',
      summary: 'Report local use of a grant',
      body: bodies.useBodySchema,
      reply: null,
      status: 204,
      run: async (call) => broker.use(call.principal, grantIdOf(call), call.body),
    }),
    route({
      method: 'POST',
      path: '/v1/revocations',
      summary: 'End all of your live grants, or those of a user or of an incident as far as you may',
      body: bodies.revocationsBodySchema,
      reply: views.outcomeListSchema.or(views.userRevocationSchema).or(revocationViewSchema),
      status: 200,
      run: async ({ principal, body }) => {
        switch (body.scope) {
          case 'mine':
            return broker.revokeMine(principal);
          case 'user':
            return broker.revokeUser(principal, body);
          case 'incident':
            return broker.revokeIncident(principal, body.incident);
        }
      },
    }),
    route({
      method: 'GET',
      path: '/v1/audit/entries',
      summary: 'Audit entries of one request or grant of yours',
      query: [
        { name: 'grant', description: 'a grant id' },
        { name: 'request', description: 'a request id' },
        { name: 'from', description: 'first sequence number' },
        limit,
      ],
      reply: views.entriesViewSchema,
      status: 200,
      run: async (call) => {
        const { principal, query } = call;
        const [grant, request] = [query.get('grant'), query.get('request')];
        return broker.entries(principal, {
          from: wholeNumber(query, 'from', 0),
          limit: limitOf(query),
          ...(grant === undefined ? {} : { grant: grantIdOf({ id: grant }) }),
          ...(request === undefined ? {} : { request: requestIdOf({ id: request }) }),
        });
      },
    }),
    route({
      method: 'GET',
      path: '/v1/catalog',
      summary: 'What can be asked for here, and how it would be decided',
      reply: views.catalogViewSchema,
      status: 200,
      run: async ({ principal }) => catalog(principal),
    }),
  ];
}

function roleOf(query: Query): 'requester' | 'approver' {
  const role = query.get('role') ?? 'requester';
  if (role === 'requester' || role === 'approver') return role;
  throw new JitError({ code: 'ERR_BODY', message: 'role must be requester or approver' });
}

function waitOf({ query, signal }: Pick<Call<unknown>, 'query' | 'signal'>): Wait | null {
  const text = query.get('wait');
  if (text === undefined) return null;
  return { ms: Math.min(parseDuration(text), LONGEST_WAIT_SECONDS) * 1_000, signal };
}

function limitOf(query: Query): number {
  const value = wholeNumber(query, 'limit', 100);
  if (value >= 1 && value <= 1_000) return value;
  throw new JitError({ code: 'ERR_BODY', message: 'limit must be from 1 to 1000' });
}

function wholeNumber(query: Query, name: string, otherwise: number): number {
  const text = query.get(name);
  if (text === undefined) return otherwise;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new JitError({ code: 'ERR_BODY', message: `${name} must be a whole number` });
}

function flag(query: Query, name: string): boolean {
  const text = query.get(name);
  if (text === undefined || text === 'false') return false;
  if (text === 'true') return true;
  throw new JitError({ code: 'ERR_BODY', message: `${name} must be true or false` });
}
