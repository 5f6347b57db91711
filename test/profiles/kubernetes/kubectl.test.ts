/**
 * The real kubectl against a server that checks the token, through what jit writes.
 * @module
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { kubernetesProfiles } from '../../../src/profiles/kubernetes/tool.ts';
import type { Access, Change, Env, ProfileEntry } from '../../../src/profiles/tool.ts';
import { run } from '../../local/ground.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { skipUnless } from '../../support/tools.ts';
import { entry, given, grant, PLAIN, scene, settings } from './scene.ts';
import type { Scene } from './scene.ts';

const skip = skipUnless('kubectl', 'openssl');
const TOKEN = 't0ken';

interface Cluster {
  readonly server: string;
  readonly authority: string;
  /** Path and Authorization header of each call. */
  readonly calls: readonly string[];
}

/** An API server that knows one token, one version and the pods of any namespace. */
async function cluster(t: TestContext, { home }: Scene): Promise<Cluster> {
  const made = await makeCertificate(home, 'api');
  const calls: string[] = [];
  const tls = { cert: fs.readFileSync(made.cert), key: fs.readFileSync(made.key) };
  const server = createServer(tls, (request, response) => {
    calls.push(`${request.url ?? ''} ${request.headers.authorization ?? 'nobody'}`);
    const known = request.headers.authorization === `Bearer ${TOKEN}`;
    response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(
        known
          ? { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: [] }
          : { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Unauthorized', code: 401 },
      ),
    );
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  return { server: `https://127.0.0.1:${port}`, authority: tls.cert.toString(), calls };
}

/** In the place of jit: writes down what it was asked for, and answers as jit does. */
function plugin({ home }: Scene): { readonly script: string; readonly asked: () => readonly string[] } {
  const script = join(home, 'bin', "jit's own # 1");
  const log = join(home, 'asked');
  const reply = {
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token: TOKEN, expirationTimestamp: '2099-01-01T00:00:00Z' },
  };
  const source = `const fs = require('node:fs'); fs.appendFileSync(${JSON.stringify(log)}, process.argv.slice(2).join(' ') + '\\n'); console.log(${JSON.stringify(JSON.stringify(reply))});`;
  given(script, source);
  return { script, asked: () => (fs.existsSync(log) ? fs.readFileSync(log, 'utf8').trim().split('\n') : []) };
}

async function kubectl(
  home: string,
  args: readonly string[],
  env: Record<string, string> = {},
): ReturnType<typeof run> {
  return await run('kubectl', args, { HOME: home, KUBECTL_KUBERC: 'false', ...env });
}

/** Without the discovery of kinds, for which kubectl asks many questions. */
const pods = (namespace: string): readonly string[] => ['get', '--raw', `/api/v1/namespaces/${namespace}/pods`];

async function ready(
  t: TestContext,
): Promise<Scene & Cluster & { readonly wanted: ProfileEntry; readonly asked: () => readonly string[] }> {
  const set = scene(t);
  const api = await cluster(t, set);
  const { script, asked } = plugin(set);
  const tool = settings({ server: api.server, authority: api.authority });
  return { ...set, ...api, asked, wanted: entry(set, { tool, command: { runtime: process.execPath, script } }) };
}

test('kubectl --context NAME asks jit for a token and uses it; its own current context stays', { skip }, async (t) => {
  const set = await ready(t);
  given(set.config, PLAIN);
  await kubernetesProfiles.write(set.places, set.wanted, set.deps);
  const got = await kubectl(set.home, ['--context', 'jit-shop', ...pods('shop')]);
  assert.deepEqual([got.status, got.stderr], [0, ''], got.stdout);
  assert.equal(set.calls.at(-1), `/api/v1/namespaces/shop/pods Bearer ${TOKEN}`);
  // Some builds ask for the version first.
  assert.ok(set.calls.every((call) => call.endsWith(` Bearer ${TOKEN}`)));
  assert.deepEqual([...new Set(set.asked())], [`credential ${grant(1)} --format kubernetes --target cluster`]);
  assert.equal((await kubectl(set.home, ['config', 'current-context'])).stdout, 'prod\n');
  const seen = await kubectl(set.home, [
    'config',
    'view',
    '--minify',
    '--context',
    'jit-shop',
    '-o',
    'jsonpath={..namespace} {..server}',
  ]);
  assert.equal(seen.stdout, `shop ${set.server}`);
});

test(
  'after kubectl has written the file anew, the profile is still known as unchanged, put off, and wiped as a whole',
  { skip },
  async (t) => {
    const set = await ready(t);
    given(set.config, PLAIN);
    const plain = await kubectl(set.home, ['config', 'set-cluster', 'other', '--server=https://other.example.com']);
    assert.equal(plain.status, 0, plain.stderr);
    const before = fs.readFileSync(set.config, 'utf8');
    await kubernetesProfiles.write(set.places, set.wanted, set.deps);
    for (const args of [
      ['set-cluster', 'another', '--server=https://another.example.com'],
      ['set-context', 'jit-shop', '--namespace=elsewhere'],
      ['delete-cluster', 'another'],
    ]) {
      const done = await kubectl(set.home, ['config', ...args]);
      assert.equal(done.status, 0, done.stderr);
    }
    assert.doesNotMatch(fs.readFileSync(set.config, 'utf8'), /server: "/, 'kubectl has written it in its own way');
    const later = set.wanted.expiresAt + 60_000;
    await kubernetesProfiles.extend(set.places, grant(1), later, set.deps);
    const found = await kubernetesProfiles.list(set.places);
    assert.deepEqual(
      found.map(({ name, intact, expiresAt }) => [name, intact, expiresAt]),
      [['jit-shop', 'intact', later]],
    );
    // What a start of jit looks for without reading any YAML.
    assert.equal(
      fs.readFileSync(set.config, 'utf8').match(/^ +ends: ["']?(\S{20,30}?)["']?\r?\n +grant: ["']?gr_[0-9a-z]{26}\b/gm)
        ?.length,
      3,
    );
    assert.equal((await kubectl(set.home, ['--context', 'jit-shop', ...pods('shop')])).status, 0);
    const { conflicts, failed } = await kubernetesProfiles.wipe(set.places, () => true, set.deps);
    assert.deepEqual([conflicts, failed], [[], []]);
    assert.equal(fs.readFileSync(set.config, 'utf8'), before);
  },
);

test(
  'a context that kubectl renamed goes too, and kubectl reads whatever jit leaves of a file of its own',
  { skip },
  async (t) => {
    const set = await ready(t);
    await kubernetesProfiles.write(set.places, set.wanted, set.deps);
    for (const args of [
      ['rename-context', 'jit-shop', 'mine'],
      ['use-context', 'mine'],
    ]) {
      assert.equal((await kubectl(set.home, ['config', ...args])).status, 0);
    }
    assert.deepEqual(
      (await kubernetesProfiles.list(set.places)).map(({ name, intact }) => [name, intact]),
      [['mine', 'edited']],
    );
    assert.equal((await kubectl(set.home, pods('shop'))).status, 0);
    await kubernetesProfiles.wipe(set.places, () => true, set.deps);
    assert.equal(fs.existsSync(set.config), false);
    const gone = await kubectl(set.home, ['--context', 'mine', ...pods('shop')]);
    assert.match(gone.stderr, /does not exist/);
  },
);

test('kubectl trusts only the authority that the broker named', { skip }, async (t) => {
  const set = await ready(t);
  const other = fs.readFileSync((await makeCertificate(set.home, 'other')).cert, 'utf8');
  await kubernetesProfiles.write(
    set.places,
    { ...set.wanted, tool: settings({ server: set.server, authority: other }) },
    set.deps,
  );
  const refused = await kubectl(set.home, ['--context', 'jit-shop', ...pods('shop')]);
  assert.match(refused.stderr, /certificate signed by unknown authority|failed to verify certificate/);
  assert.deepEqual(set.calls, []);
});

test(
  'a command under a grant finds the cluster and nothing else, whatever the environment said before',
  { skip },
  async (t) => {
    const set = await ready(t);
    given(set.config, PLAIN);
    const env: Env = {
      HOME: set.home,
      KUBERNETES_MASTER: 'https://192.0.2.1',
      KUBERNETES_SERVICE_HOST: '192.0.2.1',
      KUBERNETES_SERVICE_PORT: '443',
      HELM_KUBECONTEXT: 'prod',
      HELM_NAMESPACE: 'mine',
      KUBE_CTX: 'prod',
      KUBE_TOKEN: 's3cr3t',
      K8S_AUTH_API_KEY: 's3cr3t',
      KUBE_EDITOR: 'vi',
    };
    const change = await kubernetesProfiles.environment(env, 'linux', access(set.wanted));
    assert.deepEqual(change.removed, [
      'HELM_KUBECONTEXT',
      'K8S_AUTH_API_KEY',
      'KUBERNETES_MASTER',
      'KUBERNETES_SERVICE_HOST',
      'KUBERNETES_SERVICE_PORT',
      'KUBE_CTX',
      'KUBE_TOKEN',
    ]);
    assert.deepEqual(change.hidden, [set.config]);
    const path = change.set.get('KUBECONFIG') ?? '';
    assert.equal(path, `${set.wanted.secretFile}.kubeconfig`);
    assert.equal(change.set.get('KUBE_CONFIG_PATH'), path);
    assert.equal(fs.statSync(path).mode & 0o777, 0o600);
    const got = await kubectl('', pods('shop'), applied(env, change));
    assert.deepEqual([got.status, got.stderr], [0, ''], got.stdout);
    assert.deepEqual([...new Set(set.asked())], [`credential ${grant(1)} --format kubernetes --target cluster`]);
    const seen = await kubectl('', ['config', 'get-contexts', '-o', 'name'], applied(env, change));
    assert.equal(seen.stdout, 'cluster\n');
  },
);

function access(wanted: ProfileEntry): Access {
  return { ...wanted, endpoint: { url: 'http://127.0.0.1:1', tokenFile: '/nowhere' } };
}

function applied(env: Env, { set, removed }: Change): Record<string, string> {
  const kept = Object.entries(env).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && !removed.includes(pair[0]),
  );
  return { ...Object.fromEntries(kept), ...Object.fromEntries(set) };
}
