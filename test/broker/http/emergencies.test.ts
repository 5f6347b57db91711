/**
 * The API about emergencies over a real socket, called by the client that the command line uses.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { apiRoutes } from '../../../src/broker/http/api.ts';
import { makeApp } from '../../../src/broker/http/app.ts';
import { drillRoutes } from '../../../src/broker/http/drill-routes.ts';
import { listen } from '../../../src/broker/http/listen.ts';
import { drillPort } from '../../../src/broker/service/emergency/drills.ts';
import { type BrokerClient, openClient } from '../../../src/client/client.ts';
import { parseBrokerUrl } from '../../../src/client/ref.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { drillId, makeDrills } from '../../../src/incidents/drill/source.ts';
import { fakeCloud, target } from '../../fakes/cloud.ts';
import { person } from '../../fakes/incidents/memory.ts';
import {
  ALICE,
  emergencyBroker,
  type EmergencyBroker,
  EMERGENCY_POLICY,
  endOf,
  glass,
  grantOf,
  LEAD,
  refusal,
  STRANGER,
} from '../service/emergencies.ts';
import { ask } from '../service/world.ts';

interface Served extends EmergencyBroker {
  readonly client: BrokerClient;
  /** Who calls from now on. */
  as(who: Principal): void;
  post(path: string, body: unknown): Promise<{ readonly status: number; readonly code: unknown }>;
}

async function serve(t: TestContext): Promise<Served> {
  const drills = makeDrills({ now: Date.now, random: (bytes) => randomBytes(bytes) });
  const targets = new Map([
    ['main', target('main', 'aws')],
    ['box', { ...target('box', 'aws'), sandbox: true }],
  ]);
  const rehearsing = `@id("drill") permit(principal is Jit::User, action == Jit::Action::"BreakGlass", resource) when {
    context.incident.drill && context.incident.responder };`;
  const w = await emergencyBroker(t, {
    policy: EMERGENCY_POLICY + rehearsing,
    sources: [drills.source],
    people: ({ id }, who) => id === who.subject || id === drillId(who),
    offer: { config: '{}', targets, reader: fakeCloud(Date.now).provider },
  });
  drills.hear(w.watch.heard);
  let caller = ALICE;
  const app = makeApp({
    routes: [
      ...apiRoutes(w.broker, async () => ({ operations: [], targets: [] })),
      ...drillRoutes(drillPort(drills, w.world.incidents)),
    ],
    version: '1',
    identify: async () => ({ kind: 'os user', principal: caller }),
    nonce: null,
    hosts: null,
    health: () => ({ status: 'ok', version: '1', sandbox: true }),
    ready: async () => true,
    metrics: async () => '',
    discovery: () => ({}),
    jwks: () => ({}),
    log: w.world.log,
    observe: () => undefined,
    touch: () => undefined,
  });
  const address = { kind: 'tcp', host: '127.0.0.1', port: 0, tls: null } as const;
  const listener = await listen(app, address, { now: Date.now, log: w.world.log });
  const url = `http://127.0.0.1:${listener.port}`;
  const client = openClient(parseBrokerUrl(url, 'work'), { userAgent: 'test' });
  t.after(async () => {
    client.close();
    await listener.close(100);
  });
  return {
    ...w,
    client,
    as: (who) => {
      caller = who;
    },
    post: async (path, body) => {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
      const answer: { code?: unknown } = Object(await response.json());
      return { status: response.status, code: answer.code };
    },
  };
}

test('from the open incidents to the verdict, each step by the client', async (t) => {
  const w = await serve(t);
  const { items, silent } = await w.client.incidents();
  assert.deepEqual([items.map(({ reference, responder }) => [reference, responder]), silent], [[['INC-1', true]], []]);
  const made = await w.client.request(glass('pager/INC-1'), 'key');
  const id = grantOf(made);
  await w.client.credentials(id);
  w.as(LEAD);
  const page = await w.client.incident({ source: 'pager', id: 'INC-1' });
  assert.deepEqual([page.id, page.revocable, page.items[0]?.grant?.id], [w.incident.id, 1, id]);
  assert.deepEqual(
    (await w.client.reviews()).items.map(({ can }) => can),
    [false],
  );
  const verdict = { hash: made.request.hash, verdict: 'unjustified', comment: 'it could have waited' } as const;
  assert.equal((await refusal(w.client.closeReview(made.request.id, verdict))).code, 'ERR_PENDING');
  const { items: ended, kept } = await w.client.revokeIncident('INC-1');
  assert.deepEqual([ended.map(({ grant }) => grant?.id), kept], [[id], 0]);
  assert.equal(await endOf(w, id), 'revoked');
  const item = await w.client.closeReview(made.request.id, verdict);
  assert.deepEqual([item.closed?.verdict, item.closed?.comment], ['unjustified', 'it could have waited']);
  assert.deepEqual((await w.client.reviews()).items, []);
});

test('ids and references with signs that mean something in an address arrive as they are', async (t) => {
  const w = await serve(t);
  for (const id of ['a/b', '#12', '%2F', 'x?y=1&z', "it's;v=1", '..%2e', '{id}']) {
    w.source.opens({ id, reference: `ref ${id}`, responders: [person('alice')] });
    const page = await w.client.incident({ source: 'pager', id });
    assert.deepEqual([page.id, page.incident?.reference], [id, `ref ${id}`]);
  }
});

test('what is nobody’s business is not found, whatever it is', async (t) => {
  const w = await serve(t);
  await w.client.request(glass(), 'key');
  w.as(STRANGER);
  for (const call of [
    w.client.incident({ source: 'pager', id: 'INC-1' }),
    w.client.incident({ source: 'nowhere', id: 'INC-1' }),
    w.client.revokeIncident('INC-1'),
    w.client.revokeIncident('INC-404'),
    w.client.endDrill('DRILL-0'),
  ]) {
    const { code, facts } = await refusal(call);
    assert.deepEqual([code, facts.exit], ['ERR_NOT_FOUND', 9]);
  }
  assert.deepEqual([(await w.client.incidents()).items, (await w.client.reviews()).items], [[], []]);
});

test('a body that says anything else is refused', async (t) => {
  const w = await serve(t);
  const { request } = await w.client.request(glass(), 'key');
  const good = { hash: request.hash, verdict: 'justified', comment: 'x' };
  const review = `/v1/requests/${request.id}/review`;
  for (const [path, body] of [
    ['/v1/revocations', { scope: 'incident' }],
    ['/v1/revocations', { scope: 'incident', incident: '' }],
    ['/v1/revocations', { scope: 'incident', incident: 'INC-1', subject: 'bob' }],
    ['/v1/revocations', { scope: 'mine', incident: 'INC-1' }],
    ['/v1/revocations', { scope: 'all' }],
    [review, { ...good, verdict: 'fine' }],
    [review, { ...good, comment: '' }],
    [review, { ...good, by: 'bob' }],
    [review, { ...good, hash: 'x' }],
    ['/v1/requests', { ...glass(), incident: '' }],
    ['/v1/requests', { ...glass(), incident: 'x'.repeat(193) }],
    ['/v1/requests', { ...glass(), incident: ['INC-1'] }],
  ] as const) {
    assert.deepEqual(await w.post(path, body), { status: 400, code: 'ERR_BODY' }, JSON.stringify(body));
  }
});

test('a drill is opened, reaches the sandbox, and takes its access with it when its own person closes it', async (t) => {
  const w = await serve(t);
  const drill = await w.client.beginDrill();
  assert.deepEqual([drill.source, drill.state, drill.responder], ['drill', 'open', true]);
  const box = { ...ask('s3:PutObject', { target: 'box' }), incident: drill.id };
  const id = grantOf(await w.client.request(box, 'key'));
  assert.match(
    (await refusal(w.client.request({ ...box, ...ask() }, 'other'))).message,
    /a drill is for the sandbox alone/,
  );
  w.as(LEAD);
  assert.equal((await refusal(w.client.endDrill(drill.id))).code, 'ERR_NOT_FOUND');
  w.as(ALICE);
  assert.equal((await w.client.endDrill(drill.id)).state, 'closed');
  assert.equal(await endOf(w, id), 'incident-closed');
});

test('drills are for people', async (t) => {
  const w = await serve(t);
  for (const who of [
    { ...ALICE, kind: 'agent' as const, subject: 'bot', actsFor: { ...ALICE, kind: 'user' as const } },
    { ...ALICE, kind: 'workload' as const },
  ]) {
    w.as(who);
    assert.equal((await refusal(w.client.beginDrill())).code, 'ERR_DENIED');
  }
});
