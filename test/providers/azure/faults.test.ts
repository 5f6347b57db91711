/**
 * Azure and Entra ID that refuse, break or are slow to know, and what is said and left then.
 * @module
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { inspect } from 'node:util';
import { JitError } from '../../../src/core/errors.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { azureProvider } from '../../../src/providers/azure/provider.ts';
import { testIssuer } from '../../fakes/azure/signer.ts';
import { BROKER, fault } from '../../fakes/azure/world.ts';
import { ANN, BEN, IDENTITY, OWNER, end, markOf, never, openGround } from './support.ts';
import type { Ground } from './support.ts';

let ground: Ground;
beforeEach(async () => {
  ground = await openGround();
});
afterEach(async () => {
  await ground.close();
});

const PUT = /^PUT .*\/roleAssignments\//;
const refusal = async (work: Promise<unknown>): Promise<JitError> =>
  await work.then(
    () => assert.fail('it succeeded'),
    (error: unknown) => (error instanceof JitError ? error : assert.fail(String(error))),
  );

/** Nothing that Azure says, and no token, is in what an operator sees. */
function clean(error: JitError): void {
  const shown = `${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error)}`;
  for (const canary of ['echo-canary', ...ground.azure.entra.tokens()]) assert(!shown.includes(canary), shown);
}

const answers: readonly (readonly [status: number, code: string, expected: ErrorCode, hint: RegExp])[] = [
  [403, 'AuthorizationFailed', 'ERR_CLOUD', /roleAssignments\/read, write and delete/],
  [409, 'ScopeLocked', 'ERR_CLOUD', /a lock on the resource/],
  [409, 'RoleAssignmentUpdateNotPermitted', 'ERR_CLOUD', /./],
  [400, 'RoleAssignmentLimitExceeded', 'ERR_CLOUD', /as many role assignments/],
  [400, 'constructor', 'ERR_CLOUD', /./],
  [429, 'TooManyRequests', 'ERR_CLOUD_BUSY', /in a moment/],
  [409, 'AnotherOperationInProgress', 'ERR_CLOUD_BUSY', /in a moment/],
  [500, 'InternalServerError', 'ERR_CLOUD_UNKNOWN', /^$/],
  [503, 'ServerTimeout', 'ERR_CLOUD_UNKNOWN', /^$/],
  [307, 'Elsewhere', 'ERR_CLOUD', /./],
];

for (const [status, code, expected, hint] of answers) {
  test(`${status} ${code} to an assignment is ${expected}, said without Azure's own words, and not tried again by itself`, async () => {
    const [provider, target] = [ground.provider(), ground.target()];
    ground.azure.refusals.push({ line: PUT, reply: fault(status, code, 'echo-canary') });
    const error = await refusal(provider.issue(target, ground.order(), never()));
    assert.equal(error.code, expected, error.message);
    assert.match(error.hint ?? '', hint);
    clean(error);
    assert.equal(ground.azure.log.filter((line) => PUT.test(line)).length, 1);
  });
}

test('a failure that only reads is never one of an unknown outcome', async () => {
  const [provider, target] = [ground.provider(), ground.target()];
  for (const status of [500, 503]) {
    ground.azure.refusals.push({ line: /^GET .*\/roleAssignments$/, reply: fault(status, 'InternalServerError', 'x') });
    assert.equal((await refusal(provider.issue(target, ground.order(), never()))).code, 'ERR_CLOUD_BUSY');
  }
});

test('an identity that is not the one asked for is given no role, has an unknown outcome and is ended by its name (abuse case 91)', async () => {
  const [provider, target] = [ground.provider(), ground.target(IDENTITY)];
  const order = ground.order();
  const { name } = provider.intend(target, order);
  const ids = { clientId: '99999999-0000-4000-8000-000000000001', principalId: BEN };
  const own = { name, location: 'westeurope', tags: { 'jit-owner': OWNER, 'jit-grant': order.grant }, properties: ids };
  const wrong = [
    {},
    { ...own, name: 'somebody' },
    { ...own, tags: { ...own.tags, 'jit-owner': 'fedcba9876543210' } },
    { ...own, tags: { ...own.tags, 'jit-grant': ground.order().grant } },
    { ...own, tags: {} },
    { ...own, properties: { ...ids, principalId: '' } },
    { ...own, properties: { ...ids, clientId: '' } },
    { ...own, properties: { ...ids, principalId: `${BEN}' or principalId ne '` } },
    { ...own, properties: { clientId: ids.clientId } },
  ];
  for (const body of wrong) {
    ground.azure.refusals.push({
      line: /^PUT .*userAssignedIdentities\/jit-[a-z0-9]+$/,
      reply: { status: 200, body },
    });
    const error = await refusal(provider.issue(target, order, never()));
    assert.equal(error.code, 'ERR_CLOUD_UNKNOWN', JSON.stringify(body));
    assert.match(error.message, /answered with another, or with none/);
    assert.deepEqual(ground.azure.rbac.current(), []);
    clean(error);
  }
  await end(ground, provider, { ...markOf(provider, target, order), endsAt: null });
});

test('where an identity was made and its role is refused, the outcome is unknown, and revocation leaves nothing', async () => {
  const [provider, target] = [ground.provider(), ground.target(IDENTITY)];
  ground.azure.refusals.push({ line: PUT, reply: fault(403, 'AuthorizationFailed', 'echo-canary') });
  const order = ground.order();
  const error = await refusal(provider.issue(target, order, never()));
  assert.equal(error.code, 'ERR_CLOUD_UNKNOWN');
  assert.match(error.message, /AuthorizationFailed/);
  clean(error);
  assert.equal(ground.azure.identities.all.size, 1);
  await end(ground, ground.provider(), { ...markOf(provider, target, order), endsAt: null });
  assert.equal(ground.azure.identities.all.size, 0);
});

for (const [status, code] of [
  [403, 'AuthorizationFailed'],
  [429, 'TooManyRequests'],
] as const) {
  test(`where an identity was made and cannot be made to trust the broker (${status}), it is tried again or cleaned up`, async () => {
    const [provider, target] = [ground.provider(), ground.target(IDENTITY)];
    ground.azure.refusals.push({ line: /^PUT .*federatedIdentityCredentials/, reply: fault(status, code, 'x') });
    const order = ground.order();
    const error = await refusal(provider.issue(target, order, never()));
    assert.equal(error.code, status === 429 ? 'ERR_CLOUD_BUSY' : 'ERR_CLOUD_UNKNOWN');
    assert.equal(ground.azure.identities.all.size, 1);
    await end(ground, provider, { ...markOf(provider, target, order), endsAt: null });
    assert.equal(ground.azure.identities.all.size, 0);
  });
}

test('a new identity that Azure does not find yet is waited for', async () => {
  const [provider, target] = [ground.provider(), ground.target({ ...IDENTITY, assignment: 'pim' })];
  ground.azure.rbac.mood.unreplicated = 1;
  const order = ground.order();
  const { credential } = await provider.issue(target, order, never());
  assert.equal(await ground.works(credential, order), true);
});

test('one that is not found for long is busy, so that it is tried again, and at last unknown, so that it is cleaned up', async (t) => {
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  // The nine seconds for which a new identity is waited for.
  t.mock.method(AbortSignal, 'timeout', (ms: number) => timeout(ms === 9_000 ? 50 : ms));
  const [provider, target] = [ground.provider(), ground.target({ ...IDENTITY, assignment: 'pim' })];
  ground.azure.rbac.mood.unreplicated = 1_000;
  const order = ground.order();
  const codes: string[] = [];
  for (let time = 0; time < 3; time++) {
    codes.push((await refusal(provider.issue(target, order, never()))).code);
  }
  assert.deepEqual(codes, ['ERR_CLOUD_BUSY', 'ERR_CLOUD_BUSY', 'ERR_CLOUD_UNKNOWN']);
  assert.equal(ground.azure.identities.all.size, 1, 'each try made one of its own');
  await end(ground, provider, { ...markOf(provider, target, order), endsAt: null });
  assert.equal(ground.azure.identities.all.size, 0);
});

test('a resource group that is not there is named as what to check', async () => {
  const identities = { resource_group: 'rg-nowhere', location: 'westeurope' };
  const [provider, target] = [ground.provider(), ground.target({ ...IDENTITY, identities })];
  const { code, hint } = await refusal(provider.issue(target, ground.order(), never()));
  assert.equal(code, 'ERR_CLOUD');
  assert.match(hint ?? '', /check the resource group/);
});

test('an application that does not trust the broker gets no token, and the operator is told what is missing', async () => {
  const provider = ground.provider();
  const target = ground.target({ client_id: '0a11c0de-0000-4000-8000-00000000ffff' });
  const error = await refusal(provider.issue(target, ground.order(), never()));
  assert.equal(error.code, 'ERR_CLOUD');
  assert.match(`${error.message} ${error.hint ?? ''}`, /AADSTS700016.*tenant and client_id/);
  clean(error);
});

test('an issuer that does not sign with RSA is told apart from one that is not trusted', async () => {
  const { signer } = await testIssuer(ground.now, { algorithm: 'ES256' });
  const provider = azureProvider({ now: ground.now, signer, owner: OWNER });
  const { code, message, hint } = await refusal(provider.issue(ground.target(), ground.order(), never()));
  assert.equal(code, 'ERR_CLOUD');
  assert.match(`${message} ${hint ?? ''}`, /AADSTS5002738.*signed with RSA only/);
});

test('with an issuer whose tokens Microsoft’s Entra ID does not take, nothing is planned that could not work, and nothing is issued', async () => {
  const issuer = 'https://jit.example.com';
  const signer = { ...(await testIssuer(ground.now, { algorithm: 'ES256' })).signer, issuer };
  const getToken = async (): Promise<never> => await Promise.reject(new Error('a call was made'));
  const made = { now: ground.now, owner: OWNER, ambient: { getToken } };
  const microsoft = { credentials: 'ambient', client_id: undefined, authority: undefined, endpoint: undefined };
  const order = ground.order();
  const provider = azureProvider({ ...made, signer });
  const target = provider.parseTarget('t', ground.config({ ...IDENTITY, ...microsoft }));
  const error = await refusal(provider.plan(target, order.permissions, 600));
  assert.equal(error.code, 'ERR_CONFIG');
  assert.match(`${error.message} ${error.hint ?? ''}`, /RSA signatures only.*keys rotate --algorithm RS256/);
  assert.equal((await refusal(provider.issue(target, order, never()))).code, 'ERR_CLOUD');
  // One that signs with RSA gets as far as Azure, and so does a target that needs no token of the broker.
  const rsa = { ...(await testIssuer(ground.now)).signer, issuer };
  const able = azureProvider({ ...made, signer: rsa });
  assert.equal((await refusal(able.plan(target, order.permissions, 600))).code, 'ERR_CLOUD');
  const plain = provider.parseTarget('t', ground.config(microsoft));
  assert.equal((await refusal(provider.plan(plain, order.permissions, 600))).code, 'ERR_CLOUD');
});

test('the broker’s own statement says who it is, for whom and for how long, and nothing else', async () => {
  const [provider, target] = [ground.provider(), ground.target()];
  await provider.plan(target, ground.order().permissions, 600);
  const [claims] = ground.azure.entra.seen;
  assert.deepEqual(Object.keys(claims ?? {}).toSorted(), ['aud', 'exp', 'iat', 'iss', 'jti', 'nbf', 'sub']);
  assert.deepEqual([claims?.['sub'], claims?.['aud']], [`jit:${BROKER}`, 'api://AzureADTokenExchange']);
});

test('ambient credentials are asked where the target has them, and one that throws is no secret told', async () => {
  const getToken = async (): Promise<never> => await Promise.reject(new Error('echo-canary'));
  const provider = azureProvider({ now: ground.now, signer: null, owner: OWNER, ambient: { getToken } });
  const target = provider.parseTarget('t', ground.config({ credentials: 'ambient', client_id: undefined }));
  const error = await refusal(provider.issue(target, ground.order(), never()));
  assert.equal(error.code, 'ERR_CLOUD');
  clean(error);
});

test('lists of several pages are read to their end', async () => {
  const [provider, target] = [ground.provider(), ground.target(IDENTITY)];
  ground.azure.paging.size = 1;
  const orders = [ground.order(), ground.order(), ground.order()];
  for (const order of orders) await provider.issue(target, order, never());
  const found = (await provider.list(target, never())).map(({ grant }) => grant).toSorted();
  assert.deepEqual(found, orders.map(({ grant }) => grant).toSorted());
});

test('access is called gone no earlier than Azure has forgotten it, and one that comes back is removed again', async () => {
  const [provider, target] = [ground.provider(), ground.target()];
  ground.azure.rbac.mood.lagMs = 590_000;
  const order = ground.order({ endsAt: ground.now() + 7_200_000 });
  await provider.issue(target, order, never());
  const mark = markOf(provider, target, order);
  const revoke = async () => await provider.revoke(mark, async () => await Promise.resolve([]), never());
  const begun = ground.now();
  await revoke();
  ground.passTo(begun + 300_000);
  assert.equal((await revoke()).kind, 'pending');
  assert.equal(await ground.works({ kind: 'own' }, order), true, 'the stand-in forgets too early for this test');
  // A call that was on its way arrives late.
  await ground.provider().issue(target, order, never());
  ground.passTo(begun + 900_000);
  assert.equal((await revoke()).kind, 'pending');
  assert.equal(
    ground.azure.rbac.current().some(({ principalId }) => principalId === ANN),
    false,
  );
  await end(ground, provider, mark);
  assert(ground.now() >= begun + 1_500_000, 'it was not counted anew');
  assert.equal(await ground.works({ kind: 'own' }, order), false);
});

test('an identity is cut off first: with its roles still there, nobody becomes it any more', async () => {
  const [provider, target] = [ground.provider(), ground.target({ ...IDENTITY, assignment: 'pim' })];
  const order = ground.order();
  const { credential } = await provider.issue(target, order, never());
  const mark = markOf(provider, target, order);
  assert.equal((await provider.revoke(mark, async () => await Promise.resolve([]), never())).kind, 'pending');
  assert.equal(ground.azure.rbac.current().length, 1, 'it is within its five minutes');
  const [identity] = ground.azure.identities.all.values();
  assert.equal(identity?.federations.size, 0);
  assert(credential.kind === 'azure');
  const { clientId, assertion } = credential.secret.expose();
  const form = {
    client_id: clientId,
    client_assertion: assertion,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    grant_type: 'client_credentials',
  };
  assert.equal((await ground.azure.entra.exchange(new URLSearchParams(form))).status, 400);
});

test('a statement for the holder ends with the grant, and is of this grant only', async () => {
  const [provider, target] = [ground.provider(), ground.target(IDENTITY)];
  const order = ground.order({ endsAt: ground.now() + 120_000 });
  const { credential, notAfter } = await provider.issue(target, order, never());
  assert(credential.kind === 'azure' && notAfter <= order.endsAt + 1_000);
  const claims = ground.azure.entra.seen.at(-1);
  assert.deepEqual([claims?.['sub'], claims?.['aud']], [`jit:${order.grant}`, 'api://AzureADTokenExchange']);
  const other = await provider.issue(target, ground.order(), never());
  assert(other.credential.kind === 'azure');
  const crossed = {
    client_id: other.credential.secret.expose().clientId,
    client_assertion: credential.secret.expose().assertion,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    grant_type: 'client_credentials',
  };
  assert.equal((await ground.azure.entra.exchange(new URLSearchParams(crossed))).status, 400);
});

for (const assignment of ['direct', 'pim'] as const) {
  test(`${assignment}: with a deleted resource its assignments are gone; with a subscription that is not found nothing is`, async () => {
    const [provider, target] = [ground.provider(), ground.target({ assignment })];
    const order = ground.order();
    await provider.issue(target, order, never());
    const mark = markOf(provider, target, order);
    const revoke = async () => await provider.revoke(mark, async () => await Promise.resolve([]), never());
    const lists = /^GET .*\/(?:roleAssignments|roleAssignmentSchedules|roleAssignmentScheduleRequests)$/;
    ground.azure.refusals.push({ line: lists, reply: fault(404, 'SubscriptionNotFound', 'x') });
    assert.equal((await refusal(revoke())).code, 'ERR_CLOUD');
    for (const one of ground.azure.rbac.current()) ground.azure.rbac.drop(one);
    for (let round = 0; round < 2; round++) {
      ground.azure.refusals.push({ line: lists, reply: fault(404, 'ResourceNotFound', 'x') });
    }
    assert.equal((await revoke()).kind, 'pending');
    ground.azure.refusals.length = 0;
    await end(ground, provider, mark);
  });
}
