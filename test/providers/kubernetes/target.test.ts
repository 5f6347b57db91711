/**
 * What a configuration may say about a cluster, and what handles keep of it.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { JitError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { kubernetesProvider } from '../../../src/providers/kubernetes/provider.ts';
import { member } from '../../fakes/kubernetes/rbac.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { tempFolder } from '../../support/home.ts';
import { OWNER, README, markOf, orderOf, permission } from './support.ts';

const BASE = {
  provider: 'kubernetes',
  server: 'https://10.0.0.1:6443',
  token_file: '/etc/jit/token',
  namespace: 'jit-grants',
  environment: 'prod',
};

const make = (readText: (path: string) => string = () => assert.fail('nothing is to be read')) =>
  kubernetesProvider({
    now: Date.now,
    owner: OWNER,
    readSecret: async () => await Promise.resolve(new Secret('token')),
    readText,
  });

function fault(config: object, readText?: (path: string) => string): string {
  try {
    make(readText).parseTarget('shop', config);
  } catch (thrown) {
    assert(thrown instanceof JitError && thrown.code === 'ERR_CONFIG', String(thrown));
    return thrown.message;
  }
  return assert.fail(`it was taken: ${JSON.stringify(config)}`);
}

test('a sound configuration becomes a target, with what kubectl needs and nothing secret', async (t) => {
  const { cert } = await makeCertificate(tempFolder(t), 'ca');
  const pem = readFileSync(cert, 'utf8');
  for (const [changes, expected] of [
    [{}, { server: BASE.server, authority: null, namespace: null }],
    [{ authority: pem }, { server: BASE.server, authority: pem, namespace: null }],
    [{ namespaces: ['shop'] }, { server: BASE.server, authority: null, namespace: 'shop' }],
    [{ namespaces: ['shop', '_cluster'] }, { server: BASE.server, authority: null, namespace: 'shop' }],
    [{ namespaces: ['shop', 'bank'] }, { server: BASE.server, authority: null, namespace: null }],
    [{ server: 'https://gate/k8s/c-1/' }, { server: 'https://gate/k8s/c-1', authority: null, namespace: null }],
    [{ server: 'http://127.0.0.1:8001' }, { server: 'http://127.0.0.1:8001', authority: null, namespace: null }],
  ] as const) {
    const { tool } = make().parseTarget('shop', { ...BASE, ...changes });
    assert.deepEqual(tool, { kind: 'kubernetes', ...expected });
  }
  const { tool } = make(() => pem).parseTarget('shop', { ...BASE, authority_file: '/etc/jit/ca.crt' });
  assert.deepEqual(tool, { kind: 'kubernetes', server: BASE.server, authority: pem, namespace: null });
});

test('the target that the README shows is one', async (t) => {
  const { cert } = await makeCertificate(tempFolder(t), 'ca');
  const [, yaml] = /```yaml\n(targets:[^`]+)```/.exec(readFileSync(README, 'utf8')) ?? [];
  const shown: unknown = parse(yaml ?? '');
  const config = member(member(shown, 'targets'), 'shop-prod');
  const { reach, tool } = make(() => readFileSync(cert, 'utf8')).parseTarget('shop-prod', config);
  assert.deepEqual(reach, { home: 'jit-grants', allowed: ['shop', '_cluster'] });
  assert.equal(tool.kind === 'kubernetes' && tool.namespace, 'shop');
});

test('without a token_file the broker is a pod, and uses the token of its own account', () => {
  const { token_file: _left, ...rest } = BASE;
  const { access } = make().parseTarget('shop', rest);
  assert.equal(access.tokenFile, '/var/run/secrets/kubernetes.io/serviceaccount/token');
});

test('a wrong configuration names its field', async (t) => {
  const folder = tempFolder(t);
  const { cert, key } = await makeCertificate(folder, 'ca');
  const [pem, secret] = [readFileSync(cert, 'utf8'), readFileSync(key, 'utf8')];
  for (const [changes, field] of [
    [{ server: 'http://10.0.0.1:8001' }, /server: an https URL/],
    [{ server: 'https://user:pass@10.0.0.1' }, /server/],
    [{ server: 'https://10.0.0.1/?x=1' }, /server/],
    [{ server: 'https://10.0.0.1/a%2fb' }, /server/],
    [{ server: 'ftp://10.0.0.1' }, /server/],
    [{ server: '' }, /server/],
    [{ authority: 'none' }, /authority/],
    [{ authority: `${pem}${secret}` }, /authority/],
    [{ authority: secret }, /authority/],
    [{ authority: pem, authority_file: '/x' }, /authority_file: not beside authority/],
    [{ server: 'http://127.0.0.1:1', authority: pem }, /nothing to verify/],
    [{ namespace: 'kube-system' }, /namespace/],
    [{ namespace: 'default' }, /namespace/],
    [{ namespace: 'a/b' }, /namespace/],
    [{ namespaces: [] }, /namespaces/],
    [{ namespaces: ['*'] }, /namespaces/],
    [{ namespaces: ['shop', 'jit-grants'] }, /namespaces: jit-grants holds the accounts/],
    [{ token_seconds: 599 }, /token_seconds: at least 600/],
    [{ token_seconds: 100_000 }, /token_seconds: at most/],
    [{ token_file: '' }, /token_file/],
    [{ environment: 'Prod' }, /environment/],
    [{ insecure_skip_tls_verify: true }, /insecure_skip_tls_verify: unknown/],
  ] as const) {
    assert.match(fault({ ...BASE, ...changes }), field, JSON.stringify(changes).slice(0, 80));
  }
  const files = { ...BASE, authority_file: '/etc/jit/ca.crt' };
  assert.match(
    fault(files, () => secret),
    /authority_file: it holds no certificates/,
  );
  assert.match(
    fault(files, (path) => readFileSync(join(folder, path), 'utf8')),
    /authority_file: it cannot be read/,
  );
});

test('a handle leads back to its cluster, names every place, and is refused when anything in it was changed', async () => {
  const provider = make();
  const target = provider.parseTarget('shop', BASE);
  const places = ['shop/pods/a', 'bank/pods/b', '_cluster/nodes/n1'];
  const order = orderOf({
    endsAt: Date.now() + 900_000,
    permissions: [permission(['pods/get', 'nodes/get'], ...places)],
  });
  const { handle, name } = provider.intend(target, order);
  assert.match(name, new RegExp(`^jit-grants/jit-${order.grant.slice(3)}-[0-9a-f]{8}$`));
  assert.deepEqual(JSON.parse(handle).scopes, ['_cluster', 'bank', 'shop']);
  const mark = markOf(provider, target, order);
  for (const [from, to] of [
    [order.grant, 'gr_00000000000000000000000000'],
    ['"bank"', '"ba/nk"'],
    ['"bank"', '"../x"'],
    ['"namespace":"jit-grants"', '"namespace":"jit-grants/../kube-system"'],
    [`"owner":"${OWNER}"`, '"owner":"a,b=c"'],
    ['"v":1', '"v":1,"more":2'],
  ] as const) {
    assert(handle.includes(from));
    await assert.rejects(
      provider.revoke(
        { ...mark, handle: handle.replace(from, to) },
        async () => await Promise.resolve([]),
        AbortSignal.abort(),
      ),
      /handle of gr_\w+ cannot be read/,
    );
  }
});
