/**
 * A cluster that is out of order, step by step, and files of the configuration that are not what they should be.
 * @module
 */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { inspect } from 'node:util';
import { fakeCluster } from '../../fakes/kubernetes/server.ts';
import type { Fate } from '../../fakes/kubernetes/server.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { tempFolder } from '../../support/home.ts';
import { failure } from '../../support/failure.ts';
import { bench } from './bench.ts';
import { call, markOf, marked, never, noneRevoked, openWorld, permission, tokenOf } from './support.ts';

const on = bench();

/** What issuing asks of a cluster, in its order. */
const STEPS = ['serviceaccounts', 'secrets', 'roles', 'rolebindings', 'serviceaccounts/token'];

const atStep = (step: string, fate: Fate): void => {
  on().fake.disturb(({ type, verb, subresource }) => {
    const what = subresource === '' ? type.resource : `${type.resource}/${subresource}`;
    return what === step && verb === 'create' ? fate : null;
  });
};

test('a step that is refused or turned away says so, and what was made before it is taken back', async () => {
  const { provider, target, order: newOrder, world, fake } = on();
  const before = await marked(world);
  for (const step of STEPS) {
    for (const [fate, code, message] of [
      [403, 'ERR_CLOUD', /refused to create .*HTTP 403/],
      [429, 'ERR_CLOUD_BUSY', /could not create .* now .*HTTP 429/],
      [503, 'ERR_CLOUD_BUSY', /HTTP 503/],
    ] as const) {
      atStep(step, fate);
      const error = await failure(provider.issue(target, newOrder(), never()), code);
      assert.match(error.message, message, step);
      fake.disturb(null);
      assert.deepEqual(await marked(world), before, `${step} ${fate}`);
    }
  }
});

test('a step whose outcome nobody knows leaves what its intent alone can end', async () => {
  const { provider, target, order: newOrder, world, fake, now, passTo } = on();
  const before = await marked(world);
  for (const step of STEPS) {
    for (const fate of [500, 'drop-reply', 'gone'] as const) {
      atStep(step, fate);
      const order = newOrder();
      await failure(provider.issue(target, order, never()), 'ERR_CLOUD_UNKNOWN');
      fake.disturb(null);
      const mark = markOf(provider, target, order);
      await provider.revoke(mark, noneRevoked, never());
      passTo(now() + 15_000);
      await provider.revoke(mark, noneRevoked, never());
      assert.deepEqual(await marked(world), before, `${step} ${fate}`);
    }
  }
});

test('what could not be taken back is unknown, so that the broker goes on trying', async () => {
  const { provider, target, order: newOrder, fake } = on();
  fake.disturb(({ verb, type }) => (type.resource === 'rolebindings' || verb === 'delete' ? 403 : null));
  const error = await failure(provider.issue(target, newOrder(), never()), 'ERR_CLOUD_UNKNOWN');
  assert.match(error.message, /rolebinding .* and what was made until then could not be removed/);
});

test('a renewal that is refused takes nothing from the grant that lives', async () => {
  const { provider, target, order: newOrder, fake, world } = on();
  const order = newOrder();
  const issued = await provider.issue(target, order, never());
  const there = await marked(world);
  for (const step of ['secrets', 'roles', 'serviceaccounts/token']) {
    atStep(step, 403);
    await failure(provider.issue(target, order, never()), 'ERR_CLOUD');
    fake.disturb(null);
  }
  assert.deepEqual(await marked(world), there);
  const line = 'GET /api/v1/namespaces/shop/pods/web-1';
  assert.equal((await call(world.cluster, tokenOf(issued), line)).status, 200);
});

test('one deletion that is refused does not keep the others from it, and the account stays until all is done', async () => {
  const { provider, target, order: newOrder, fake, world, key } = on();
  const order = newOrder();
  const issued = await provider.issue(target, order, never());
  fake.disturb(({ verb, type }) => (verb === 'delete' && type.resource === 'rolebindings' ? 403 : null));
  const mark = markOf(provider, target, order, issued);
  const { message } = await failure(provider.revoke(mark, noneRevoked, never()), 'ERR_CLOUD');
  assert.match(message, /refused to delete rolebinding shop\/jit-/);
  for (const [resource, namespace, there] of [
    ['secrets', undefined, false],
    ['roles', 'shop', false],
    ['rolebindings', 'shop', true],
    ['serviceaccounts', undefined, true],
  ] as const) {
    assert.equal(fake.store.find(key(order, resource, namespace)) !== null, there, resource);
  }
  assert.equal(fake.tokens.check(tokenOf(issued)), null, 'the token is good');
  fake.disturb(null);
  assert.equal((await provider.revoke(mark, noneRevoked, never())).kind, 'pending');
  assert(!(await marked(world)).some((each) => each.includes(key(order, 'secrets').name)));
});

test('after a restart a revocation waits anew, and never less than any api server remembers', async () => {
  const { provider, target, order: newOrder, world, now, passTo } = on();
  const order = newOrder();
  const issued = await provider.issue(target, order, never());
  const mark = markOf(provider, target, order, issued);
  const first = await provider.revoke(mark, noneRevoked, never());
  assert(first.kind === 'pending' && first.checkAt >= now() + 14_000);
  passTo(first.checkAt - 1_000);
  assert.equal((await provider.revoke(mark, noneRevoked, never())).kind, 'pending');
  const restarted = world.provider();
  const second = await restarted.revoke(mark, noneRevoked, never());
  assert(second.kind === 'pending' && second.checkAt >= now() + 14_000);
  passTo(second.checkAt);
  const last = await restarted.revoke(mark, noneRevoked, never());
  assert(last.kind === 'gone' && /read back as not found/.test(last.proof));
  passTo(issued.notAfter + 71_000);
  const late = await world.provider().revoke(mark, noneRevoked, never());
  assert(late.kind === 'gone' && /past its end/.test(late.proof), 'nothing is waited for after the last token');
});

test('without its cluster the ordinary operations are understood, and a kind of its own is not guessed', async (t) => {
  const { world } = on();
  const provider = world.provider();
  const down = await listening(t, (_request, response) => response.destroy());
  const target = provider.parseTarget('down', world.config({ server: down.url }));
  const { assessment } = await provider.assess(target, permission('pods/exec', 'shop/pods/web-1'));
  assert.deepEqual(assessment, { access: 'permissions', breadth: 'exact' });
  const { message } = await failure(
    provider.assess(target, permission('pods/exce/get', 'shop/pods/web-1')),
    'ERR_OPERATION',
  );
  assert.match(message, /no such subresource/);
  await failure(provider.assess(target, permission('widgets/get', 'shop/widgets/w')), 'ERR_CLOUD_UNKNOWN');
});

test('a group whose own server is down is not a kind that does not exist, and hides no other', async () => {
  const { world, fake, target, now, passTo } = on();
  const provider = world.provider();
  const judged = async (kind: string) => await provider.assess(target, permission(`${kind}/get`, `shop/${kind}/x`));
  fake.unavailable('example.com');
  await judged('deployments');
  await judged('gadgets.one.example.com');
  const { message } = await failure(judged('widgets.example.com'), 'ERR_CLOUD_BUSY');
  assert.match(message, /cannot say now whether it has widgets\.example\.com/);
  const { hint } = await failure(judged('widgets'), 'ERR_OPERATION');
  assert.match(hint ?? '', /could not be asked: example\.com/);
  fake.unavailable(null);
  passTo(now() + 6_000);
  const { permission: spelled } = await judged('widgets');
  assert.deepEqual(spelled.actions, ['widgets.example.com/get']);
});

test('what a cluster has is asked once in a while, and not for each request', async () => {
  const { world, fake, target } = on();
  const provider = world.provider();
  await provider.assess(target, permission('widgets/get', 'shop/widgets/w'));
  const asked = fake.log.length;
  for (let round = 0; round < 5; round++) await provider.assess(target, permission('widgets/get', 'shop/widgets/w'));
  await Promise.all([1, 2, 3].map(async () => await provider.assess(target, permission('pods/get', 'shop/pods/a'))));
  assert.equal(fake.log.length, asked);
});

async function listening(t: TestContext, listener: RequestListener): Promise<{ readonly url: string }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  // `listen` on a TCP port gives an address object.
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('answers that make no sense leave the outcome unknown, and what they say is not repeated', async (t) => {
  const { world, order: newOrder } = on();
  const provider = world.provider();
  const canary = 'echo-canary-5f';
  for (const [status, type, body] of [
    [200, 'text/html', `<html>${canary}</html>`],
    [201, 'application/json', '{'],
    [201, 'application/json', 'null'],
    [201, 'application/json', '{}'],
    [500, 'application/json', JSON.stringify({ kind: 'Status', message: canary, reason: 'InternalError' })],
    [403, 'application/json', JSON.stringify({ kind: 'Status', message: canary, reason: 'Forbidden' })],
    [403, 'text/plain', canary],
    [409, 'application/json', '{}'],
  ] as const) {
    const { url } = await listening(t, (_request, response) => {
      response.writeHead(status, { 'content-type': type }).end(body);
    });
    const target = provider.parseTarget('odd', world.config({ server: url }));
    const error: unknown = await provider.issue(target, newOrder(), never()).then(
      () => assert.fail('it succeeded'),
      (thrown: unknown) => thrown,
    );
    const shown = `${String(error)} ${JSON.stringify(error)} ${inspect(error)}`;
    assert(/ERR_CLOUD/.test(shown), shown);
    assert(!shown.includes(canary) && !shown.includes(world.brokerToken), shown);
  }
});

test('a redirect is not followed: the token of the broker goes nowhere else', async (t) => {
  const { world, order: newOrder } = on();
  const provider = world.provider();
  const seen: (string | undefined)[] = [];
  const trap = await listening(t, (request, response) => {
    seen.push(request.headers.authorization);
    response.end('{}');
  });
  for (const status of [301, 302, 307, 308]) {
    const { url } = await listening(t, (_request, response) => {
      response.writeHead(status, { location: trap.url }).end();
    });
    const target = provider.parseTarget('away', world.config({ server: url }));
    const { message } = await failure(provider.issue(target, newOrder(), never()), 'ERR_CLOUD');
    assert.match(message, new RegExp(`HTTP ${status}`));
  }
  assert.deepEqual(seen, []);
});

test('a server that the authority of the target does not vouch for learns nothing, whatever the environment says', async (t) => {
  const folder = tempFolder(t);
  const [one, other] = [await makeCertificate(folder, 'one'), await makeCertificate(folder, 'other')];
  const tls = { cert: readFileSync(one.cert, 'utf8'), key: readFileSync(one.key, 'utf8') };
  const { now, order: newOrder } = on();
  const fake = await fakeCluster({ now, tls });
  t.after(async () => await fake.close());
  const world = await openWorld({ url: fake.url, authority: tls.cert, admin: fake.admin }, now);
  t.after(async () => await world.close());
  const provider = world.provider();
  const seen = fake.log.length;
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  try {
    for (const authority of [{ authority: readFileSync(other.cert, 'utf8') }, {}]) {
      const target = provider.parseTarget('t', { ...world.config(), authority_file: undefined, ...authority });
      const { hint } = await failure(provider.issue(target, newOrder(), never()), 'ERR_CLOUD');
      assert.match(hint ?? '', /authority of the target/);
    }
  } finally {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    process.emitWarning = emitWarning;
  }
  assert.equal(fake.log.length, seen);
  await provider.issue(provider.parseTarget('t', world.config()), newOrder(), never());
});

test('the token of the broker is read for each use, and one that is none is sent nowhere', async (t) => {
  const { world, fake, order: newOrder } = on();
  const provider = world.provider();
  const file = join(tempFolder(t), 'token');
  const target = provider.parseTarget('t', world.config({ token_file: file }));
  const seen = fake.log.length;
  const refused = async (message: RegExp): Promise<void> => {
    assert.match((await failure(provider.issue(target, newOrder(), never()), 'ERR_CLOUD')).message, message);
    assert.match((await failure(provider.list(target, never()), 'ERR_CLOUD')).message, message);
  };
  await refused(/token_file of the target cannot be read/);
  for (const text of ['', 'two words', 'line\nbreak: x', 'tok\u00e9n']) {
    writeFileSync(file, text);
    await refused(/token_file of the target holds no token/);
  }
  assert.equal(fake.log.length, seen);
  writeFileSync(file, 'stale');
  await refused(/HTTP 401/);
  writeFileSync(file, world.brokerToken);
  await provider.issue(target, newOrder(), never());
  chmodSync(file, 0o600);
});

test('a grant of last week is revoked with the token that its target has now, and with that of no other', async (t) => {
  const { world, fake, order: newOrder, now, passTo } = on();
  const folder = tempFolder(t);
  const old = join(folder, 'old');
  writeFileSync(old, world.brokerToken);
  const provider = world.provider();
  const before = provider.parseTarget('shop', world.config({ token_file: old }));
  const order = newOrder();
  const mark = markOf(provider, before, order, await provider.issue(before, order, never()));
  rmSync(old);
  await failure(provider.revoke(mark, noneRevoked, never()), 'ERR_CLOUD');
  const restarted = world.provider();
  restarted.parseTarget('shop', world.config());
  const weak = join(folder, 'weak');
  writeFileSync(weak, fake.addUser('nobody'));
  restarted.parseTarget('another', world.config({ token_file: weak }));
  assert.equal((await restarted.revoke(mark, noneRevoked, never())).kind, 'pending');
  passTo(now() + 15_000);
  assert.equal((await restarted.revoke(mark, noneRevoked, never())).kind, 'gone');
});

test('the plan says what can be had, for how long, and what stays', async () => {
  const { provider, target } = on();
  const words = async (action: string | readonly string[], ...places: readonly string[]): Promise<string> =>
    (await provider.plan(target, [permission(action, ...places)], 900)).words.join('\n');
  const exec = await words('pods/exec', 'shop/pods/web-1');
  assert.match(exec, /run commands in pods web-1 of namespace shop, with pods\/exec \(permissions\)/);
  assert.match(exec, /act as every service account/);
  assert.match(exec, /streams .* are not cut/);
  assert.match(exec, /kubectl reads the object itself first, which takes pods\/get beside it/);
  assert.doesNotMatch(await words(['pods/exec', 'pods/get'], 'shop/pods/web-1'), /kubectl reads/);
  assert.match(await words('pods/watch', 'shop/pods/web-1'), /--field-selector metadata\.name=NAME/);
  assert.match(await words('secrets/get', 'shop/secrets/db'), /may give access that stays/);
  assert.match(await words('deployments/scale/update', 'shop/deployments/a'), /replace scale of deployments\.apps a/);
  const plain = await provider.plan(target, [permission('pods/get', 'shop/pods/web-1')], 60);
  assert.deepEqual(
    [plain.floorSeconds, plain.residualSeconds, plain.revocation],
    [600, 670, { kind: 'within', seconds: 15 }],
  );
  assert.doesNotMatch(plain.words.join('\n'), /act as|streams|field-selector|stays/);
});
