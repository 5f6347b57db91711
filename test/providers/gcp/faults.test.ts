/**
 * A Google that misbehaves: each answer and each silence has the meaning that the port promises, and nothing of it is echoed.
 * @module
 */
import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';
import { inspect } from 'node:util';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { googleError } from '../../fakes/gcp/gcp.ts';
import type { Trouble } from '../../fakes/gcp/gcp.ts';
import { failure } from '../../support/failure.ts';
import { FOREIGN, PROJECT, config, markOf, never, none, openPlace, orderOf, storageConfig } from './support.ts';

const place = await openPlace();
const { gcp, clock, provider, target } = place;
after(place.close);
afterEach(() => {
  gcp.trouble = () => null;
  gcp.world.makeProject(PROJECT, FOREIGN);
  clock.at += 86_400_000;
});

const ours = (): readonly string[] =>
  gcp.world
    .policyOf(PROJECT)
    .bindings.flatMap(({ condition }) => (condition?.title?.startsWith('jit-') === true ? [condition.title] : []));
const writes = (): number => gcp.calls.filter((call) => call.endsWith(':setIamPolicy')).length;
const at = (verb: 'getIamPolicy' | 'setIamPolicy', trouble: Trouble) => (call: string) =>
  call.endsWith(`:${verb}`) ? trouble : null;
const issue = async (signal = never()) => await provider.issue(target, orderOf(clock), signal);

test('each answer to a write has its code: surely nothing, later, or nobody knows', async () => {
  const cases: readonly (readonly [Trouble, ErrorCode, RegExp])[] = [
    [googleError(400, 'INVALID_ARGUMENT'), 'ERR_CLOUD', /principal and the role must exist/],
    [googleError(401, 'UNAUTHENTICATED'), 'ERR_CLOUD', /credentials/],
    [googleError(403, 'PERMISSION_DENIED'), 'ERR_CLOUD', /resourcemanager\.projects\.setIamPolicy/],
    [googleError(404, 'NOT_FOUND'), 'ERR_CLOUD', /./],
    [googleError(400, 'FAILED_PRECONDITION'), 'ERR_CLOUD', /organization/],
    [googleError(429, 'RESOURCE_EXHAUSTED'), 'ERR_CLOUD_BUSY', /moment/],
    [googleError(500, 'INTERNAL'), 'ERR_CLOUD_UNKNOWN', /^$/],
    [googleError(503, 'UNAVAILABLE'), 'ERR_CLOUD_UNKNOWN', /^$/],
    [googleError(504, 'DEADLINE_EXCEEDED'), 'ERR_CLOUD_UNKNOWN', /^$/],
    ['dropped', 'ERR_CLOUD_UNKNOWN', /^$/],
    [{ http: 200, body: '' }, 'ERR_CLOUD_UNKNOWN', /endpoint/],
    [{ http: 200, body: '<html>canary-77ab</html>' }, 'ERR_CLOUD_UNKNOWN', /endpoint/],
    [{ http: 301, body: '', headers: { location: 'https://evil.example' } }, 'ERR_CLOUD', /./],
    [{ http: 403, body: '{"error":{"status":"canary-77ab <b>","message":"canary-77ab"}}' }, 'ERR_CLOUD', /./],
  ];
  for (const [trouble, code, hint] of cases) {
    gcp.trouble = at('setIamPolicy', trouble);
    const error = await failure(issue(), code);
    assert.match(error.hint ?? '', hint, inspect(trouble));
    assert(!inspect(error, { depth: 9 }).includes('canary'), inspect(trouble));
    assert.deepEqual(ours(), []);
  }
});

test('a read that fails has issued nothing, however it fails', async () => {
  for (const trouble of [
    googleError(500, 'INTERNAL'),
    googleError(503, 'UNAVAILABLE'),
    'dropped',
    { http: 200, body: '{' },
  ] as const) {
    gcp.trouble = at('getIamPolicy', trouble);
    await failure(issue(), 'ERR_CLOUD_BUSY');
  }
  gcp.trouble = at('getIamPolicy', googleError(403, 'PERMISSION_DENIED'));
  assert.match(
    (await failure(issue(), 'ERR_CLOUD')).hint ?? '',
    /resourcemanager\.projects\.getIamPolicy on acme-web-prod/,
  );
  assert.deepEqual(ours(), []);
});

test('a kept connection that has died under a read or a token is nothing that anybody notices', async () => {
  const storage = provider.parseTarget('s', storageConfig({ endpoint: gcp.url }));
  for (const verb of [':getIamPolicy', ':generateAccessToken', '/v1/token']) {
    let dropped = 0;
    gcp.trouble = (call) => (call.endsWith(verb) && ++dropped === 1 ? 'dropped' : null);
    await provider.issue(verb === ':getIamPolicy' ? target : storage, orderOf(clock), never());
    assert.equal(dropped, 2);
  }
});

test('a write whose answer was lost is looked for, and found, and not made twice', async () => {
  let lost = 0;
  gcp.trouble = (call) => (call.endsWith(':setIamPolicy') && ++lost === 1 ? 'lost' : null);
  const before = writes();
  await issue();
  assert.equal(writes() - before, 1);
  assert.equal(ours().length, 1);
});

test('a write that broke on the way is made once more, on what stands then', async () => {
  let broken = 0;
  gcp.trouble = (call) => (call.endsWith(':setIamPolicy') && ++broken === 1 ? googleError(503, 'UNAVAILABLE') : null);
  await issue();
  assert.equal(ours().length, 1);
});

test('once a write may have been carried out, a refusal afterwards does not make it nothing', async () => {
  const order = orderOf(clock);
  let seen = 0;
  gcp.trouble = (call) => {
    if (!call.endsWith(':setIamPolicy') && !call.endsWith(':getIamPolicy')) return null;
    seen += 1;
    if (seen === 2) return 'lost';
    return seen > 2 ? googleError(403, 'PERMISSION_DENIED') : null;
  };
  await failure(provider.issue(target, order, never()), 'ERR_CLOUD_UNKNOWN');
  gcp.trouble = () => null;
  assert.equal(ours().length, 1);
  await provider.revoke(markOf(place, order), none, never());
  assert.deepEqual(ours(), []);
});

test('where Google asks for a pause, nothing is sent there before it is over', async () => {
  gcp.trouble = at('getIamPolicy', { ...googleError(429, 'RESOURCE_EXHAUSTED'), headers: { 'retry-after': '30' } });
  await failure(issue(), 'ERR_CLOUD_BUSY');
  gcp.trouble = () => null;
  const calls = gcp.calls.length;
  clock.at += 29_000;
  await failure(issue(), 'ERR_CLOUD_BUSY');
  assert.equal(gcp.calls.length, calls);
  clock.at += 1_000;
  await issue();
  assert.equal(ours().length, 1);
});

test('a pause that is absurdly long is cut to a minute', async () => {
  gcp.trouble = at('getIamPolicy', { ...googleError(429, 'RESOURCE_EXHAUSTED'), headers: { 'retry-after': '999999' } });
  await failure(issue(), 'ERR_CLOUD_BUSY');
  gcp.trouble = () => null;
  clock.at += 60_000;
  await issue();
});

test('whoever stops waiting is told that nobody knows, and what was still waiting is not written for them', async () => {
  gcp.trouble = at('getIamPolicy', 'silent');
  const [first, second] = [new AbortController(), new AbortController()];
  const [held, waiting] = [orderOf(clock), orderOf(clock)];
  const tries = [provider.issue(target, held, first.signal), provider.issue(target, waiting, second.signal)].map(
    async (one) => await failure(one, 'ERR_CLOUD_UNKNOWN'),
  );
  first.abort();
  second.abort();
  await Promise.all(tries);
  gcp.trouble = () => null;
  assert.deepEqual(ours(), []);
});

test('a revocation that Google refuses is thrown, and is no success', async () => {
  const order = orderOf(clock);
  const mark = markOf(place, order, await provider.issue(target, order, never()));
  for (const trouble of [googleError(403, 'PERMISSION_DENIED'), googleError(400, 'INVALID_ARGUMENT')]) {
    gcp.trouble = at('setIamPolicy', trouble);
    await failure(provider.revoke(mark, none, never()), 'ERR_CLOUD');
  }
  gcp.trouble = () => null;
  assert.equal((await provider.revoke(mark, none, never())).kind, 'pending');
  assert.deepEqual(ours(), []);
});

test('a removal that was refused does not start the time after which it would be called gone', async () => {
  const order = orderOf(clock);
  const mark = markOf(place, order, await provider.issue(target, order, never()));
  gcp.trouble = at('setIamPolicy', googleError(403, 'PERMISSION_DENIED'));
  await failure(provider.revoke(mark, none, never()), 'ERR_CLOUD');
  gcp.trouble = () => null;
  clock.at += 420_000;
  assert.equal((await provider.revoke(mark, none, never())).kind, 'pending');
});

test('a broker without credentials says so, before anything is issued, and shows none', async () => {
  const silent = place.fresh({ ambient: async () => await Promise.reject(new Error('canary-51dd')) });
  const thrown: unknown = await silent.issue(target, orderOf(clock), never()).catch((error: unknown) => error);
  assert.deepEqual(ours(), []);
  assert(thrown instanceof Error);
  const expired = place.fresh({ ambient: async () => await Promise.resolve(new Secret('ya29.expired')) });
  const { hint } = await failure(expired.issue(target, orderOf(clock), never()), 'ERR_CLOUD');
  assert.match(hint ?? '', /credentials/);
});

test('an address where nobody is, leaves nothing and says where to look', async () => {
  const nowhere = provider.parseTarget('web', config({ endpoint: 'http://127.0.0.1:1' }));
  const { hint } = await failure(provider.issue(nowhere, orderOf(clock), never()), 'ERR_CLOUD_BUSY');
  assert.match(hint ?? '', /network/);
});

test('an answer that never ends is cut off', async () => {
  gcp.trouble = at('getIamPolicy', { http: 200, body: `{"etag":"ZTE=","x":"${'x'.repeat(5_000_000)}"}` });
  await failure(issue(), 'ERR_CLOUD_BUSY');
});
