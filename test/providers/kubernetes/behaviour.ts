/**
 * What grants can and cannot do in a cluster, as tests that hold in the one for tests and in a real one alike.
 * @module
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { formatDuration } from '../../../src/core/duration.ts';
import type { Issued, Order, Provider } from '../../../src/core/ports.ts';
import type { Permission } from '../../../src/core/request.ts';
import type { KubernetesTarget } from '../../../src/providers/kubernetes/provider.ts';
import { list, member, text } from '../../fakes/kubernetes/rbac.ts';
import { tempFolder } from '../../support/home.ts';
import { run } from '../../support/run.ts';
import { skipUnless } from '../../support/tools.ts';
import { failure } from '../../support/failure.ts';
import { CASES, NEVER, PODS } from './cases.ts';
import { call, markOf, marked, never, noneRevoked, orderOf, permission, tokenOf } from './support.ts';
import type { Reply, World } from './support.ts';

/** A cluster with its clock. */
export interface Stage {
  readonly world: World;
  readonly now: () => number;
  /** Moves the clock that the provider goes by. */
  passTo(at: number): Promise<void>;
  /** Comes back when that moment has come for the cluster too: moves its clock, or waits. */
  wait(at: number): Promise<void>;
  /** Comes back when the cluster goes by every role and binding that was written before. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

const MS = 1_000;

export function behaviourTests(open: () => Promise<Stage>): void {
  let stage: Stage | null = null;
  const on = (): Stage => stage ?? assert.fail('the stage is not open');
  before(async () => {
    stage = await open();
  });
  after(async () => {
    await stage?.close();
  });

  const begin = (parts: { readonly namespaces?: readonly string[] } = {}) => {
    const provider = on().world.provider();
    return { provider, target: provider.parseTarget('shop', on().world.config(parts)) };
  };
  const issue = async (
    wanted: readonly Permission[],
    { provider, target } = begin(),
    seconds = 900,
  ): Promise<{ readonly order: Order; readonly issued: Issued; readonly token: string }> => {
    const permissions = [];
    for (const one of wanted) permissions.push((await provider.assess(target, one)).permission);
    const order = orderOf({ endsAt: on().now() + seconds * MS, permissions });
    const issued = await provider.issue(target, order, never());
    await on().settled();
    return { order, issued, token: tokenOf(issued) };
  };
  const send = async (token: string, [line, body]: readonly [string, unknown?]): Promise<Reply> =>
    await call(on().world.cluster, token, line, body);
  /** Known for a moment longer where it was just seen, and let in nowhere. */
  const denied = async (token: string, line: readonly [string, unknown?]): Promise<void> => {
    await on().settled();
    const { status } = await send(token, line);
    assert([401, 403].includes(status), `${line[0]}: ${status}`);
  };
  const end = async (
    provider: Provider<KubernetesTarget>,
    target: KubernetesTarget,
    held: { readonly order: Order; readonly issued: Issued },
    until: (at: number) => Promise<void> = on().passTo,
  ): Promise<void> => {
    const mark = markOf(provider, target, held.order, held.issued);
    for (let round = 0; round < 5; round++) {
      const result = await provider.revoke(mark, noneRevoked, never());
      if (result.kind === 'gone') return;
      await until(result.checkAt);
    }
    assert.fail('it is not gone');
  };

  for (const { what, permission: wanted, may, mayNot } of CASES) {
    test(what, async () => {
      const { token } = await issue([wanted]);
      for (const one of may) {
        const { status, body } = await send(token, one);
        assert(![401, 403, 404].includes(status), `${one[0]}: ${status} ${JSON.stringify(body)}`);
      }
      for (const one of [...mayNot, ...NEVER]) assert.equal((await send(token, one)).status, 403, one[0]);
    });
  }

  test('the roles in the cluster are the ones that the plan shows, and everything carries its mark', async () => {
    const { provider, target } = begin();
    const wanted = permission(['pods/get', 'pods/delete', 'nodes/list'], 'shop/pods/web-1', '_cluster/nodes/*');
    const held = await issue([wanted], { provider, target });
    const [namespace = '', name = ''] = provider.intend(target, held.order).name.split('/');
    const plan = await provider.plan(target, held.order.permissions, 900);
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const role = await on().world.admin(`GET ${rbac}/namespaces/shop/roles/${name}`);
    const clusterRole = await on().world.admin(`GET ${rbac}/clusterroles/${name}`);
    assert.equal(held.issued.granted, plan.permission);
    assert.deepEqual(JSON.parse(plan.permission), [
      { scope: '_cluster', rules: list(clusterRole.body, 'rules') },
      { scope: 'shop', rules: list(role.body, 'rules') },
    ]);
    const account = await on().world.admin(`GET /api/v1/namespaces/${namespace}/serviceaccounts/${name}`);
    const metadata = member(account.body, 'metadata');
    assert.equal(member(account.body, 'automountServiceAccountToken'), false);
    assert.equal(text(member(metadata, 'labels'), 'jit/grant'), held.order.grant);
    assert.equal(text(member(metadata, 'annotations'), 'jit/ends'), new Date(held.order.endsAt).toISOString());
    assert.equal(text(member(metadata, 'annotations'), 'jit/holder'), 'ann@example.com');
    assert.equal((await marked(on().world)).filter((each) => each.endsWith(name)).length, 6);
  });

  test('what the account of the broker does not hold itself, the cluster lets it grant to nobody', async () => {
    const { provider, target } = begin();
    const there = await marked(on().world);
    for (const [action, place] of [
      ['configmaps/delete', 'shop/configmaps/settings'],
      ['secrets/get', 'shop/secrets/db'],
      ['roles.rbac.authorization.k8s.io/list', '_cluster/clusterroles/*'],
    ] as const) {
      const kind = action.startsWith('roles') ? permission('clusterroles/list', place) : permission(action, place);
      const order = orderOf({ endsAt: on().now() + 900 * MS, permissions: [kind] });
      const { message, hint } = await failure(provider.issue(target, order, never()), 'ERR_CLOUD');
      assert.match(message, /refused to create (?:cluster)?role .*HTTP 403/);
      assert.match(hint ?? '', /must itself hold what it is to grant/);
    }
    assert.deepEqual(await marked(on().world), there, 'something was left');
  });

  test('after a revocation the token is denied at once, and is no token any more once it is called gone', async () => {
    const { provider, target } = begin();
    const held = await issue([permission('pods/get', 'shop/pods/web-1')], { provider, target });
    const look = [`GET ${PODS}/web-1`] as const;
    assert.equal((await send(held.token, look)).status, 200);
    const mark = markOf(provider, target, held.order, held.issued);
    assert.equal((await provider.revoke(mark, noneRevoked, never())).kind, 'pending');
    await denied(held.token, look);
    await end(provider, target, held, on().wait);
    assert.equal((await send(held.token, look)).status, 401);
  });

  test('deleting the secret alone kills the token', async () => {
    const { provider, target } = begin();
    const held = await issue([permission('pods/get', 'shop/pods/web-1')], { provider, target });
    const [namespace = '', name = ''] = provider.intend(target, held.order).name.split('/');
    assert.equal((await on().world.admin(`DELETE /api/v1/namespaces/${namespace}/secrets/${name}`)).status, 200);
    await on().wait(on().now() + 11 * MS);
    assert.equal((await send(held.token, [`GET ${PODS}/web-1`])).status, 401);
    await end(provider, target, held);
  });

  test('a token lives as long as its grant, from ten minutes up to what the target says', async () => {
    const { provider, target } = begin();
    for (const [seconds, life] of [
      [60, 600],
      [1_200, 1_200],
      [40_000, 3_600],
    ] as const) {
      const at = on().now();
      const { issued } = await issue([permission('pods/get', 'shop/pods/web-1')], { provider, target }, seconds);
      const lives = (issued.notAfter - at) / MS;
      assert(Math.abs(lives - life) < 30, `${formatDuration(seconds)}: ${lives} s`);
    }
  });

  test('asked for again it is the same account, moved to the new end, and both tokens work until it is revoked', async () => {
    const { provider, target } = begin();
    const held = await issue([permission('pods/get', 'shop/pods/web-1')], { provider, target }, 900);
    const later = { ...held.order, endsAt: held.order.endsAt + 1_800 * MS };
    const found = await marked(on().world);
    const again = await provider.issue(target, later, never());
    assert.deepEqual(await marked(on().world), found);
    const [namespace = '', name = ''] = provider.intend(target, later).name.split('/');
    const { body } = await on().world.admin(`GET /api/v1/namespaces/${namespace}/serviceaccounts/${name}`);
    const ends = text(member(member(body, 'metadata'), 'annotations'), 'jit/ends');
    assert.equal(ends, new Date(later.endsAt).toISOString());
    for (const token of [held.token, tokenOf(again)]) {
      assert.equal((await send(token, [`GET ${PODS}/web-1`])).status, 200);
    }
    await end(provider, target, { order: later, issued: again });
    for (const token of [held.token, tokenOf(again)]) await denied(token, [`GET ${PODS}/web-1`]);
  });

  test('a grant that covers two targets in one cluster is two accounts, ended one by one', async () => {
    const { provider, target } = begin();
    const other = provider.parseTarget('shop-too', on().world.config());
    const first = await issue([permission('pods/get', 'shop/pods/web-1')], { provider, target });
    const order = { ...first.order, permissions: [permission('pods/get', 'bank/pods/web-2')] };
    const second = await provider.issue(other, order, never());
    await on().settled();
    const line = ['GET /api/v1/namespaces/bank/pods/web-2'] as const;
    assert.equal((await send(first.token, line)).status, 403);
    assert.equal((await send(tokenOf(second), line)).status, 200);
    await end(provider, target, first);
    assert.equal((await send(tokenOf(second), line)).status, 200);
    await end(provider, other, { order, issued: second });
    await denied(tokenOf(second), line);
  });

  test('what the cluster has decides about spellings, and what it lacks is not guessed', async () => {
    const { provider, target } = begin();
    const spelled = async (action: string, place: string) =>
      (await provider.assess(target, permission(action, place))).permission;
    const deployment = await spelled('deployments/get', 'shop/deployments/web');
    assert.deepEqual(
      [deployment.operation, deployment.actions, deployment.resources],
      ['deployments.apps/get', ['deployments.apps/get'], ['shop/deployments.apps/web']],
    );
    const refused = async (action: string, place: string): Promise<string> => {
      const { message, hint } = await failure(spelled(action, place), 'ERR_OPERATION');
      return `${message}; ${hint ?? ''}`;
    };
    assert.match(await refused('po/get', 'shop/po/web-1'), /no such kind of resource; did you mean pods\?/);
    assert.match(await refused('deploy/get', 'shop/deploy/web'), /did you mean deployments\.apps\?/);
    assert.match(await refused('pod/get', 'shop/pod/web-1'), /did you mean pods/);
    assert.match(await refused('pods/gte', 'shop/pods/web-1'), /did you mean pods\/get\?/);
    assert.match(await refused('pods.apps/get', 'shop/pods.apps/web-1'), /no such kind/);
    assert.match(await refused('pods/scale/update', 'shop/pods/web-1'), /no such subresource/);
    assert.match(
      await refused('pods/eviction/get', 'shop/pods/web-1'),
      /there is no get of that; the cluster permits create/,
    );
    const scope = await failure(spelled('pods/get', '_cluster/pods/web-1'), 'ERR_RESOURCE');
    assert.match(scope.hint ?? '', /namespace\/pods\/web-1/);
  });

  test(
    'kubectl works with the token of a grant, and only as far as it reaches',
    { skip: skipUnless('kubectl') },
    async (t) => {
      const { token } = await issue([permission(['pods/get', 'pods/delete'], 'shop/pods/web-1')]);
      const folder = tempFolder(t);
      const { cluster } = on().world;
      const file = join(folder, 'config');
      await writeFile(
        file,
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Config',
          'current-context': 'c',
          contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
          clusters: [
            {
              name: 'c',
              cluster: {
                server: cluster.url,
                ...(cluster.authority === null
                  ? {}
                  : { 'certificate-authority-data': Buffer.from(cluster.authority).toString('base64') }),
              },
            },
          ],
          users: [{ name: 'u', user: { token } }],
        }),
        { mode: 0o600 },
      );
      const env = { HOME: folder, KUBECONFIG: file, PATH: process.env['PATH'] ?? '' };
      const kubectl = async (...args: readonly string[]) => await run('kubectl', args, { env });
      const read = await kubectl('get', 'pod', 'web-1', '-o', 'name');
      assert.equal(read.stdout.trim(), 'pod/web-1', read.stderr);
      for (const args of [
        ['delete', 'pod', 'web-2', '--dry-run=server', '--wait=false'],
        ['get', 'pods'],
        ['get', 'pod', 'web-2'],
        ['get', 'pod', 'web-1', '-n', 'bank'],
        ['get', 'secrets'],
      ]) {
        const refused = await kubectl(...args);
        assert.equal(refused.status, 1, args.join(' '));
        assert.match(refused.stderr, /Forbidden/, args.join(' '));
      }
      const tried = await kubectl('delete', 'pod', 'web-1', '--dry-run=server', '--wait=false');
      assert.match(tried.stdout, /pod "web-1" deleted/, tried.stderr);
    },
  );
}
