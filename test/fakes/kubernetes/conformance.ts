/**
 * What jit relies on in an API server, asked over the wire, as tests that hold in the one for tests and in a real one alike.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { call } from '../../providers/kubernetes/support.ts';
import type { Reply, TestCluster } from '../../providers/kubernetes/support.ts';
import { list, member, text } from './rbac.ts';

export interface Ground {
  readonly cluster: TestCluster;
  /** Moves the cluster's clock by so much, or waits. */
  pass(ms: number): Promise<void>;
  /** Comes back when the cluster goes by every role and binding that was written before. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const RBAC_GROUP = 'rbac.authorization.k8s.io';

export function conformanceTests(open: () => Promise<Ground>): void {
  let opened: Ground | null = null;
  const on = (): Ground => opened ?? assert.fail('it is not open');
  /** A namespace of this run's own. */
  const space = `t-${randomBytes(4).toString('hex')}`;
  const core = `/api/v1/namespaces/${space}`;
  const rbac = `${RBAC}/namespaces/${space}`;
  before(async () => {
    opened = await open();
    await expect(201, 'POST /api/v1/namespaces', { metadata: { name: space } });
  });
  after(async () => {
    await opened?.close();
  });

  const as = async (token: string, line: string, body?: unknown): Promise<Reply> =>
    await call(on().cluster, token, line, body);
  const admin = async (line: string, body?: unknown): Promise<Reply> => await as(on().cluster.admin, line, body);
  /** As the administrator. @returns what was answered. */
  const expect = async (status: number, line: string, body?: unknown): Promise<unknown> => {
    const answer = await admin(line, body);
    assert.equal(answer.status, status, `${line}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const reason = (body: unknown): string => text(body, 'reason');
  const uidOf = (body: unknown): string => text(member(body, 'metadata'), 'uid');
  const versionOf = (body: unknown): string => text(member(body, 'metadata'), 'resourceVersion');

  /** A service account with its token, and what the token was asked with. */
  const account = async (name: string, spec: object = { audiences: [] }): Promise<string> => {
    await admin(`POST ${core}/serviceaccounts`, { metadata: { name } });
    const body = await expect(201, `POST ${core}/serviceaccounts/${name}/token`, { spec });
    return text(member(body, 'status'), 'token');
  };
  const grant = async (name: string, rules: readonly object[]): Promise<void> => {
    await expect(201, `POST ${rbac}/roles`, { metadata: { name }, rules });
    await expect(201, `POST ${rbac}/rolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: RBAC_GROUP, kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace: space }],
    });
    await on().settled();
  };

  test('objects are made once, changed by their version, and deleted by their uid', async () => {
    const at = `${core}/configmaps`;
    const made = await expect(201, `POST ${at}`, { metadata: { name: 'one', labels: { a: 'b' } }, data: { k: '1' } });
    assert.match(uidOf(made), /^[0-9a-f-]{36}$/);
    assert.equal(reason(await expect(409, `POST ${at}`, { metadata: { name: 'one' } })), 'AlreadyExists');
    const next = { metadata: { name: 'one', resourceVersion: versionOf(made) }, data: { k: '2' } };
    const replaced = await expect(200, `PUT ${at}/one`, next);
    assert.notEqual(versionOf(replaced), versionOf(made));
    assert.equal(uidOf(replaced), uidOf(made));
    assert.equal(member(member(replaced, 'metadata'), 'labels'), undefined, 'a replacement replaces');
    assert.equal(reason(await expect(409, `PUT ${at}/one`, next)), 'Conflict');
    const foreign = { metadata: { name: 'one', uid: '00000000-0000-0000-0000-000000000000' } };
    assert.equal(reason(await expect(409, `PUT ${at}/one`, foreign)), 'Conflict');
    await expect(404, `PUT ${at}/none`, { metadata: { name: 'none', resourceVersion: '1' } });
    await expect(400, `PUT ${at}/one`, { metadata: { name: 'two' } });
    const wrong = { preconditions: { uid: '00000000-0000-0000-0000-000000000000' } };
    assert.equal(reason(await expect(409, `DELETE ${at}/one`, wrong)), 'Conflict');
    await expect(200, `DELETE ${at}/one`, { preconditions: { uid: uidOf(made) } });
    assert.equal(reason(await expect(404, `GET ${at}/one`)), 'NotFound');
    await expect(404, `DELETE ${at}/one`);
    await expect(404, 'POST /api/v1/namespaces/no-such-namespace/configmaps', { metadata: { name: 'one' } });
  });

  test('names and labels that are none are refused', async () => {
    for (const name of ['Upper', 'under_score', 'a/b', '..', 'a'.repeat(254), '']) {
      await expect(422, `POST ${core}/configmaps`, { metadata: { name } });
    }
    for (const labels of [{ 'a b': 'c' }, { a: 'b c' }, { a: 'x'.repeat(64) }, { a: 'b,c=d' }]) {
      await expect(422, `POST ${core}/configmaps`, { metadata: { name: 'labelled', labels } });
    }
    for (const name of ['system:x', 'Upper'])
      await expect(201, `POST ${rbac}/roles`, { metadata: { name }, rules: [] });
    for (const name of ['a/b', '..', 'a%b']) await expect(422, `POST ${rbac}/roles`, { metadata: { name }, rules: [] });
  });

  test('a finalizer keeps an object until it is taken off', async () => {
    const at = `${core}/configmaps`;
    const metadata = { name: 'held', finalizers: ['example.com/hold'] };
    await expect(201, `POST ${at}`, { metadata });
    await expect(200, `DELETE ${at}/held`);
    const held = await expect(200, `GET ${at}/held`);
    assert.notEqual(text(member(held, 'metadata'), 'deletionTimestamp'), '');
    await expect(200, `PATCH ${at}/held`, { metadata: { finalizers: null } });
    await expect(404, `GET ${at}/held`);
  });

  test('lists are selected by labels and names, and come in pages', async () => {
    const at = `${core}/serviceaccounts`;
    for (const name of ['l-1', 'l-2', 'l-3', 'l-4']) {
      await expect(201, `POST ${at}`, { metadata: { name, labels: { jit: name === 'l-4' ? 'no' : 'yes' } } });
    }
    const names = (body: unknown): readonly string[] =>
      list(body, 'items').map((item) => text(member(item, 'metadata'), 'name'));
    assert.deepEqual(names(await expect(200, `GET ${at}?labelSelector=jit%3Dyes`)), ['l-1', 'l-2', 'l-3']);
    assert.deepEqual(names(await expect(200, `GET ${at}?labelSelector=jit%3Dyes,none%3Dx`)), []);
    assert.deepEqual(names(await expect(200, `GET ${at}?labelSelector=jit,jit!%3Dyes`)), ['l-4']);
    assert.deepEqual(names(await expect(200, `GET ${at}?fieldSelector=metadata.name%3Dl-2`)), ['l-2']);
    const first = await expect(200, `GET ${at}?labelSelector=jit%3Dyes&limit=2`);
    assert.deepEqual(names(first), ['l-1', 'l-2']);
    const next = encodeURIComponent(text(member(first, 'metadata'), 'continue'));
    const second = await expect(200, `GET ${at}?labelSelector=jit%3Dyes&limit=2&continue=${next}`);
    assert.deepEqual(names(second), ['l-3']);
    assert.equal(text(member(second, 'metadata'), 'continue'), '');
  });

  test('what a Secret that is immutable holds, and what a binding points to, stays', async () => {
    const secret = await expect(201, `POST ${core}/secrets`, {
      metadata: { name: 'fixed' },
      type: 'Opaque',
      immutable: true,
    });
    const metadata = { name: 'fixed', resourceVersion: versionOf(secret) };
    await expect(422, `PUT ${core}/secrets/fixed`, { metadata, type: 'Opaque', immutable: true, data: { a: 'Yg==' } });
    await expect(422, `PUT ${core}/secrets/fixed`, { metadata, type: 'Opaque', immutable: false });
    await expect(200, `PUT ${core}/secrets/fixed`, {
      metadata: { ...metadata, labels: { a: 'b' } },
      type: 'Opaque',
      immutable: true,
    });
    const roleRef = { apiGroup: RBAC_GROUP, kind: 'Role', name: 'a' };
    await expect(201, `POST ${rbac}/rolebindings`, { metadata: { name: 'fixed' }, roleRef, subjects: [] });
    await expect(422, `PUT ${rbac}/rolebindings/fixed`, {
      metadata: { name: 'fixed' },
      roleRef: { ...roleRef, name: 'b' },
    });
  });

  test('a token request is bound to what is there, for ten minutes at least', async () => {
    await account('bound');
    const at = `POST ${core}/serviceaccounts/bound/token`;
    const secret = await expect(201, `POST ${core}/secrets`, { metadata: { name: 'bound' } });
    const ref = { apiVersion: 'v1', kind: 'Secret', name: 'bound', uid: uidOf(secret) };
    const spec = { audiences: [], expirationSeconds: 600, boundObjectRef: ref };
    await expect(422, at, { spec: { ...spec, expirationSeconds: 599 } });
    await expect(404, at, { spec: { ...spec, boundObjectRef: { ...ref, name: 'none' } } });
    await expect(409, at, { spec: { ...spec, boundObjectRef: { ...ref, uid: uidOf(secret).replace(/^./, 'x') } } });
    await expect(400, at, { spec: { ...spec, boundObjectRef: { ...ref, kind: 'ConfigMap' } } });
    await expect(404, `POST ${core}/serviceaccounts/none/token`, { spec });
    const { status } = Object(await expect(201, at, { spec }));
    const [, payload = ''] = text(status, 'token').split('.');
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    assert.equal(text(claims, 'sub'), `system:serviceaccount:${space}:bound`);
    assert.equal(text(member(member(claims, 'kubernetes.io'), 'secret'), 'uid'), uidOf(secret));
    const expiry = Number(member(claims, 'exp'));
    assert.equal(expiry - Number(member(claims, 'iat')), 600);
    assert(Math.abs(Date.parse(text(status, 'expirationTimestamp')) / 1_000 - expiry) <= 1);
  });

  test('a token works while its Secret is there, and is remembered for ten seconds at most', async () => {
    await account('mortal');
    const secret = await expect(201, `POST ${core}/secrets`, { metadata: { name: 'mortal' } });
    const ref = { apiVersion: 'v1', kind: 'Secret', name: 'mortal', uid: uidOf(secret) };
    const body = await expect(201, `POST ${core}/serviceaccounts/mortal/token`, {
      spec: { audiences: [], boundObjectRef: ref },
    });
    const token = text(member(body, 'status'), 'token');
    const review = async (): Promise<unknown> => {
      const answer = await expect(201, 'POST /apis/authentication.k8s.io/v1/tokenreviews', {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token },
      });
      return member(member(answer, 'status'), 'authenticated') === true;
    };
    assert.equal(await review(), true);
    assert.equal((await as(token, `GET ${core}/configmaps`)).status, 403);
    await expect(200, `DELETE ${core}/secrets/mortal`);
    await expect(201, `POST ${core}/secrets`, { metadata: { name: 'mortal' } });
    await on().pass(11_000);
    assert.equal(await review(), false, 'another Secret of the same name keeps it alive');
    assert.equal((await as(token, `GET ${core}/configmaps`)).status, 401);
    assert.equal((await as('nonsense', `GET ${core}/configmaps`)).status, 401);
  });

  test('nobody gives what they do not have, by a role or by a binding, unless they may escalate or bind', async () => {
    const token = await account('giver');
    await grant('giver', [
      { apiGroups: [RBAC_GROUP], resources: ['roles', 'rolebindings'], verbs: ['create', 'update'] },
      { apiGroups: [''], resources: ['pods'], resourceNames: ['a', 'b'], verbs: ['get'] },
      { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] },
    ]);
    const role = async (name: string, rule: object): Promise<number> =>
      (await as(token, `POST ${rbac}/roles`, { metadata: { name }, rules: [rule] })).status;
    const rule = { apiGroups: [''], resources: ['pods'], resourceNames: ['a'], verbs: ['get'] };
    assert.equal(await role('g-1', rule), 201);
    assert.equal(await role('g-2', { ...rule, resourceNames: ['a', 'c'] }), 403);
    assert.equal(await role('g-3', { apiGroups: [''], resources: ['pods'], verbs: ['get'] }), 403);
    assert.equal(await role('g-4', { ...rule, verbs: ['get', 'delete'] }), 403);
    assert.equal(await role('g-5', { ...rule, resources: ['pods/log'] }), 403);
    assert.equal(await role('g-6', { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }), 403);
    assert.equal(
      await role('g-7', { apiGroups: [''], resources: ['configmaps'], resourceNames: ['x'], verbs: ['list'] }),
      201,
    );
    const bind = async (name: string, kind: string, of: string): Promise<number> =>
      (
        await as(token, `POST ${rbac}/rolebindings`, {
          metadata: { name },
          roleRef: { apiGroup: RBAC_GROUP, kind, name: of },
          subjects: [{ kind: 'ServiceAccount', name: 'giver', namespace: space }],
        })
      ).status;
    const wide = `${space}-wide`;
    await expect(201, `POST ${RBAC}/clusterroles`, {
      metadata: { name: wide },
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }],
    });
    assert.equal(await bind('b-1', 'Role', 'g-1'), 201);
    assert.equal(await bind('b-2', 'ClusterRole', wide), 403);
    await grant('binder', [
      { apiGroups: [RBAC_GROUP], resources: ['clusterroles'], resourceNames: [wide], verbs: ['bind'] },
    ]);
    await expect(200, `PATCH ${rbac}/rolebindings/binder`, {
      subjects: [{ kind: 'ServiceAccount', name: 'giver', namespace: space }],
    });
    await on().settled();
    assert.equal(await bind('b-2', 'ClusterRole', wide), 201);
    await expect(200, `DELETE ${RBAC}/clusterroles/${wide}`);
  });

  test('rules bind verb, group, resource, subresource, name and namespace', async () => {
    const token = await account('ruled');
    const review = async (asked: object): Promise<unknown> => {
      const { body } = await as(token, 'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { namespace: space, ...asked } },
      });
      return member(member(body, 'status'), 'allowed');
    };
    await grant('ruled', [
      { apiGroups: [''], resources: ['pods'], resourceNames: ['a'], verbs: ['get', 'list', 'create'] },
      { apiGroups: [''], resources: ['pods/exec'], resourceNames: ['a'], verbs: ['create'] },
      { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'] },
    ]);
    for (const [asked, allowed] of [
      [{ verb: 'get', resource: 'pods', name: 'a' }, true],
      [{ verb: 'get', resource: 'pods', name: 'b' }, false],
      [{ verb: 'get', resource: 'pods' }, false],
      [{ verb: 'list', resource: 'pods' }, false],
      [{ verb: 'list', resource: 'pods', name: 'a' }, true],
      [{ verb: 'create', resource: 'pods' }, false],
      [{ verb: 'create', resource: 'pods', subresource: 'exec', name: 'a' }, true],
      [{ verb: 'get', resource: 'pods', subresource: 'exec', name: 'a' }, false],
      [{ verb: 'get', resource: 'pods', subresource: 'log', name: 'a' }, false],
      [{ verb: 'get', group: 'apps', resource: 'deployments', name: 'x' }, true],
      [{ verb: 'get', resource: 'deployments', name: 'x' }, false],
      [{ verb: 'get', group: 'apps', resource: 'deployments', name: 'x', namespace: 'default' }, false],
    ] as const) {
      assert.equal(await review(asked), allowed, JSON.stringify(asked));
    }
    assert.equal((await as(token, `DELETE ${core}/pods`)).status, 403);
  });
}
