/**
 * A cluster in which others are at work, or that answers something else than it was asked, and what jit makes of it.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { member } from '../../fakes/kubernetes/rbac.ts';
import { failure } from '../../support/failure.ts';
import { bench } from './bench.ts';
import { call, markOf, marked, never, noneRevoked, permission, tokenOf } from './support.ts';

const on = bench();

const HOME_KINDS = ['serviceaccounts', 'secrets'];

test('an object of the same name that is not of this grant is left alone, and nothing is issued beside it', async () => {
  const { fake, provider, target, order: newOrder, key, world } = on();
  for (const resource of ['serviceaccounts', 'secrets', 'roles', 'rolebindings']) {
    for (const labels of [
      {},
      { 'app.kubernetes.io/managed-by': 'jit', 'jit/owner': 'ffffffffffffffff' },
      { 'app.kubernetes.io/managed-by': 'helm', 'jit/owner': '00112233445566aa' },
    ]) {
      const order = newOrder();
      const at = key(order, resource, HOME_KINDS.includes(resource) ? undefined : 'shop');
      const rest = resource === 'rolebindings' ? { roleRef: { kind: 'Role', name: 'x' }, subjects: [] } : {};
      const made = fake.store.create(at, { metadata: { name: at.name, labels }, ...rest });
      const before = await marked(world);
      const { message } = await failure(provider.issue(target, order, never()), 'ERR_CLOUD');
      assert.match(message, /that jit did not make for this grant/);
      assert.deepEqual(await marked(world), before, 'something is left');
      const mark = markOf(provider, target, order);
      const first = await provider.revoke(mark, noneRevoked, never());
      assert.equal(first.kind, 'pending');
      assert.deepEqual(fake.store.get(at), made, 'it was touched');
      fake.store.remove(at, undefined);
    }
  }
});

test('a role that somebody has widened is brought back to what was granted when the grant is asked for again', async () => {
  const { fake, provider, target, order: newOrder, key, world } = on();
  const order = newOrder();
  const { granted } = await provider.issue(target, order, never());
  const at = key(order, 'roles', 'shop');
  const role = fake.store.get(at);
  fake.store.replace(at, { ...role, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] });
  const again = await provider.issue(target, order, never());
  assert.equal(again.granted, granted);
  assert.deepEqual(fake.store.get(at)['rules'], role['rules']);
  const line = 'GET /api/v1/namespaces/shop/pods/web-2';
  assert.equal((await call(world.cluster, tokenOf(again), line)).status, 403);
});

test('a binding that somebody has pointed elsewhere is never worked with', async () => {
  const { fake, provider, target, order: newOrder, key } = on();
  const order = newOrder();
  await provider.issue(target, order, never());
  const at = key(order, 'rolebindings', 'shop');
  const binding = fake.store.remove(at, undefined);
  fake.store.create(at, {
    ...binding,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'jit-broker' },
  });
  await failure(provider.issue(target, order, never()), 'ERR_CLOUD');
});

test('an object that takes the place of another between a look and a deletion is not deleted', async () => {
  const { fake, provider, target, order: newOrder, key } = on();
  const order = newOrder();
  const issued = await provider.issue(target, order, never());
  const at = key(order, 'roles', 'shop');
  fake.disturb(({ type, verb }) => {
    if (type.resource === 'roles' && verb === 'delete') {
      fake.disturb(null);
      const { rules } = fake.store.remove(at, undefined);
      fake.store.create(at, { metadata: { name: at.name }, rules });
    }
    return null;
  });
  const mark = markOf(provider, target, order, issued);
  assert.equal((await provider.revoke(mark, noneRevoked, never())).kind, 'pending');
  assert.equal(fake.store.get(at).metadata.labels, undefined);
  fake.store.remove(at, undefined);
});

test('a second subject in a binding is taken out again', async () => {
  const { fake, provider, target, order: newOrder, key } = on();
  const order = newOrder();
  await provider.issue(target, order, never());
  const at = key(order, 'rolebindings', 'shop');
  const binding = fake.store.get(at);
  const mallory = { kind: 'User', name: 'mallory', apiGroup: 'rbac.authorization.k8s.io' };
  fake.store.replace(at, { ...binding, subjects: [...Object(binding['subjects']), mallory] });
  await provider.issue(target, order, never());
  assert.deepEqual(fake.store.get(at)['subjects'], binding['subjects']);
});

test('an admission rule that makes something wider of a role or a binding stops the grant, and nothing is left', async () => {
  const { fake, provider, target, order: newOrder, world } = on();
  const before = await marked(world);
  for (const [resource, change] of [
    ['roles', { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }] }],
    ['roles', { rules: [{ apiGroups: [''], resources: ['pods'], resourceNames: ['web-1', 'web-2'], verbs: ['get'] }] }],
    ['rolebindings', { subjects: [{ kind: 'Group', name: 'system:authenticated' }] }],
  ] as const) {
    fake.admit((made, object) => (made === resource ? { ...object, ...change } : object));
    const { message } = await failure(provider.issue(target, newOrder(), never()), 'ERR_CLOUD');
    assert.match(message, /is not what was asked for/);
    fake.admit(null);
    assert.deepEqual(await marked(world), before);
  }
});

test('a token that is not the one asked for is not handed out and can be revoked by its name (abuse case 91)', async () => {
  const { fake, provider, target, order: newOrder, now } = on();
  for (const [quirks, message] of [
    [{ signs: () => 86_400, says: () => 86_400 }, /lives longer than was asked for/],
    [{ signs: () => 31_536_000 }, /lives longer than was asked for/],
    [{ says: () => 31_536_000 }, /lives longer than was asked for/],
    [{ signs: () => -10, says: () => -10 }, /no end that makes sense/],
    [{ subject: 'system:serviceaccount:kube-system:admin' }, /is of another account/],
    [{ unbound: 'unbound' }, /does not hang on the secret/],
  ] as const) {
    fake.quirks(quirks);
    const order = newOrder();
    const error = await failure(provider.issue(target, order, never()), 'ERR_CLOUD_UNKNOWN');
    assert.match(error.message, message);
    assert(!/eyJ/.test(inspect(error, { depth: 9, showHidden: true })), 'the token is in the error');
    const mark = markOf(provider, target, order);
    assert.equal((await provider.revoke(mark, noneRevoked, never())).kind, 'pending');
  }
  fake.quirks({ signs: () => 700, says: () => 700 });
  const { notAfter } = await provider.issue(target, newOrder(), never());
  assert(notAfter < now() + 701_000, 'a life that the server has cut is said as it is');
});

test('somebody who writes at the same time is not overwritten unseen, and does not stop the grant', async () => {
  const { fake, provider, target, order: newOrder, key } = on();
  const order = newOrder();
  await provider.issue(target, order, never());
  const at = key(order, 'serviceaccounts');
  let once = true;
  fake.disturb(({ type, verb }) => {
    if (once && type.resource === 'serviceaccounts' && verb === 'update') {
      once = false;
      const found = fake.store.get(at);
      fake.store.replace(at, { ...found, imagePullSecrets: [{ name: 'x' }] });
    }
    return null;
  });
  const updates = fake.log.length;
  await provider.issue(target, { ...order, endsAt: order.endsAt + 600_000 }, never());
  const tries = fake.log.slice(updates).filter((line) => line.startsWith('update serviceaccounts'));
  assert.equal(tries.length, 2);
});

test('what a finalizer holds back keeps the revocation from being called gone, and the account findable', async () => {
  const { fake, provider, target, order: newOrder, key, now, passTo } = on();
  const order = newOrder();
  const issued = await provider.issue(target, order, never());
  const at = key(order, 'secrets');
  const secret = fake.store.get(at);
  fake.store.replace(at, { ...secret, metadata: { ...secret.metadata, finalizers: ['example.com/hold'] } });
  const mark = markOf(provider, target, order, issued);
  for (let round = 0; round < 4; round++) {
    const result = await provider.revoke(mark, noneRevoked, never());
    assert.equal(result.kind, 'pending');
    passTo(now() + 15_000);
  }
  const found = await provider.list(target, never());
  assert(found.some(({ grant }) => grant === order.grant));
  const held = fake.store.get(at);
  const { finalizers: _finalizers, ...metadata } = held.metadata;
  fake.store.replace(at, { ...held, metadata });
  for (let round = 0; round < 2; round++) {
    await provider.revoke(mark, noneRevoked, never());
    passTo(now() + 15_000);
  }
  assert.equal((await provider.revoke(mark, noneRevoked, never())).kind, 'gone');
});

test('what only looks like an account of this broker is not found, and what is written on accounts is not trusted', async () => {
  const { fake, provider, target, order: newOrder, key, now } = on();
  const order = newOrder();
  await provider.issue(target, order, never());
  const at = key(order, 'serviceaccounts');
  const account = fake.store.get(at);
  const { labels = {} } = account.metadata;
  const make = (name: string, changes: Record<string, string>): void => {
    fake.store.create(at, { metadata: { name, labels: { ...labels, ...changes } } });
  };
  make('copy-of-an-account', {});
  make(`${at.name}x`, {});
  make('jit-00000000000000000000000000-00000000', { 'jit/grant': 'gr_00000000000000000000000000' });
  make('another', { 'jit/grant': 'not-a-grant' });
  make('theirs', { 'jit/owner': 'ffffffffffffffff' });
  const annotations = { 'jit/scopes': 'shop,../kube-system,UPPER,,a/b', 'jit/not-after': 'tomorrow' };
  fake.store.replace(at, { ...account, metadata: { ...account.metadata, annotations } });
  const found = (await provider.list(target, never())).filter(({ name }) => !name.includes('gone'));
  const mine = found.filter(({ grant }) => grant === order.grant);
  assert.equal(mine.length, 1);
  assert.deepEqual(JSON.parse(mine[0]?.handle ?? '')['scopes'], ['shop']);
  assert((mine[0]?.notAfter ?? 0) > now() + 600_000, 'an end that nobody can read is not in the past');
  assert(found.every(({ grant }) => grant !== 'gr_00000000000000000000000000'));
});

test('more accounts than one page holds are all found', async () => {
  const { fake, world, key, order: newOrder, now } = on();
  const owner = 'aaaabbbbccccdddd';
  const provider = world.provider({ owner });
  const target = provider.parseTarget('many', world.config());
  const order = newOrder();
  await provider.issue(target, order, never());
  const [home = '', name = ''] = provider.intend(target, order).name.split('/');
  const { type } = key(order, 'serviceaccounts');
  const { labels } = fake.store.get({ type, namespace: home, name }).metadata;
  for (let index = 0; index < 1_100; index++) {
    const body = String(index).padStart(26, '0');
    const metadata = { name: `jit-${body}${name.slice(-9)}`, labels: { ...labels, 'jit/grant': `gr_${body}` } };
    fake.store.create({ type, namespace: home }, { metadata });
  }
  const found = await provider.list(target, never());
  assert.equal(new Set(found.map(({ grant }) => grant)).size, 1_101);
  assert(found.every(({ notAfter }) => notAfter > now()));
  for (const each of found) {
    fake.store.remove({ type, namespace: home, name: each.name.split('/')[1] ?? '' }, undefined);
  }
});

test('a name of a person that would move a cursor is written down escaped', async () => {
  const { fake, provider, target, order: newOrder, key } = on();
  const principal = { ...newOrder().principal, name: 'eve\u001b[2J\u202e', actsFor: undefined };
  const { actsFor: _none, ...person } = principal;
  const order = newOrder({ principal: person });
  await provider.issue(target, order, never());
  const holder = fake.store.get(key(order, 'serviceaccounts')).metadata.annotations?.['jit/holder'] ?? '';
  assert.match(holder, /^[\x20-\x7e]+$/);
});

test('a definition that somebody adds takes over no word that others use', async () => {
  const { provider, target } = on();
  const spelled = async (action: string, place: string) => await provider.assess(target, permission(action, place));
  const secret = await spelled('deployments/get', 'shop/deployments/web');
  assert.deepEqual(secret.permission.actions, ['deployments.apps/get']);
  const core = await spelled('secrets/get', 'shop/secrets/db');
  assert.deepEqual(core.permission.resources, ['shop/secrets/db']);
  const widget = await spelled('widgets/patch', 'shop/widgets/w');
  assert.deepEqual(widget.permission, {
    target: 'shop',
    operation: 'widgets.example.com/patch',
    actions: ['widgets.example.com/patch'],
    resources: ['shop/widgets.example.com/w'],
  });
  const old = await spelled('oldwidgets/get', 'shop/oldwidgets/w');
  assert.deepEqual(old.permission.actions, ['oldwidgets.example.com/get'], 'of a version that is not preferred');
  const { message, hint } = await failure(spelled('gadgets/get', 'shop/gadgets/g'), 'ERR_OPERATION');
  assert.match(
    `${message}; ${hint}`,
    /more than one API group has them; write gadgets\.one\.example\.com or gadgets\.two/,
  );
  await spelled('gadgets.one.example.com/get', 'shop/gadgets.one.example.com/g');
  await failure(spelled('gadgets.two.example.com/get', 'shop/gadgets.two.example.com/g'), 'ERR_RESOURCE');
  const mixed = await failure(spelled('events.events.k8s.io/get', 'shop/events/e'), 'ERR_RESOURCE');
  assert.match(mixed.message, /not a resource of/);
  assert.equal(member(mixed, 'cause'), undefined);
});
