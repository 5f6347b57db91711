/**
 * A cluster from the command line: the launcher, the keeper, the broker and kubectl are the real ones; the cluster is a server with
 * the API, the tokens and the access rules of Kubernetes.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fakeCluster } from '../fakes/kubernetes/server.ts';
import { call, openWorld, type World } from '../providers/kubernetes/support.ts';
import { makeCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { type Home, tempFolder, tempHome } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { succeeded } from './shared.ts';

const JIT = resolve('bin/jit');

/** What `jit request --json` prints, as far as it is looked at here. */
interface Granted {
  readonly grant: { readonly id: string; readonly legs: readonly { readonly name: string }[] };
  readonly profile: Readonly<Record<'name' | 'tool', string>>;
  readonly use: string;
}

const skip = skipUnless('kubectl');
const TERMS = ['--for', '15m', '--reason', 'restarts of web'];
const READ = ['pods/get', 'shop/pods/web-1', ...TERMS];

async function ownBroker(t: TestContext): Promise<{ readonly home: Home; readonly world: World }> {
  const made = await makeCertificate(tempFolder(t), 'cluster');
  const tls = { cert: readFileSync(made.cert, 'utf8'), key: readFileSync(made.key, 'utf8') };
  const cluster = await fakeCluster({ now: Date.now, tls });
  t.after(() => cluster.close());
  const world = await openWorld({ url: cluster.url, authority: tls.cert, admin: cluster.admin }, Date.now);
  t.after(() => world.close());
  const home = tempHome(t);
  const folder = join(home.path, '.config', 'jit');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const config = { targets: { cluster: world.config({ environment: 'dev' }) } };
  // JSON is YAML too.
  writeFileSync(join(folder, 'broker.yaml'), JSON.stringify(config), { mode: 0o600 });
  return { home, world };
}

const jit = async ({ env }: Home, ...args: readonly string[]): Promise<Ended> =>
  run(process.execPath, [JIT, ...args], { env });
const kubectl = async ({ env }: Home, ...args: readonly string[]): Promise<Ended> => run('kubectl', args, { env });

test(
  'a context for one pod: kubectl reads that pod and nothing else, until the grant is revoked',
  { skip },
  async (t) => {
    const { home, world } = await ownBroker(t);
    const kubeconfig = join(home.path, '.kube', 'config');
    mkdirSync(join(home.path, '.kube'), { mode: 0o700 });
    const mine = 'apiVersion: v1\nkind: Config\n# mine\ncurrent-context: ""\n';
    writeFileSync(kubeconfig, mine, { mode: 0o600 });
    const { grant, profile, use }: Granted = JSON.parse(
      succeeded(await jit(home, 'request', ...READ, '--json')).stdout,
    );
    assert.equal(profile.tool, 'kubernetes');
    assert.match(use, new RegExp(`^kubectl --context ${profile.name} `));
    const at = (...args: readonly string[]): Promise<Ended> => kubectl(home, '--context', profile.name, ...args);
    assert.match(succeeded(await at('-n', 'shop', 'get', 'pod', 'web-1', '-o', 'name')).stdout, /^pod\/web-1$/m);
    for (const other of [
      ['-n', 'shop', 'get', 'pod', 'web-2'],
      ['-n', 'bank', 'get', 'pod', 'web-1'],
      ['-n', 'shop', 'delete', 'pod', 'web-1'],
      ['-n', 'jit-grants', 'get', 'secrets'],
    ]) {
      assert.match((await at(...other)).stderr, /forbidden/i, other.join(' '));
    }
    assert.equal(
      (
        await world.admin(
          `GET /api/v1/namespaces/jit-grants/serviceaccounts/${grant.legs[0]?.name.split(/[/:]/).at(-1)}`,
        )
      ).status,
      200,
    );
    succeeded(await jit(home, 'revoke', grant.id));
    assert.equal(readFileSync(kubeconfig, 'utf8'), mine);
    const left = await world.admin('GET /api/v1/namespaces/jit-grants/serviceaccounts');
    assert.doesNotMatch(JSON.stringify(left.body), /jit-[0-9a-z]{26}/);
  },
);

test(
  'a command sees the cluster through a kubeconfig of its own, and a kept token is worth nothing after it',
  { skip },
  async (t) => {
    const { home, world } = await ownBroker(t);
    const script = 'kubectl -n shop get pod web-1 -o name && jit credential $JIT_GRANT --format kubernetes > kept.json';
    const env = { ...home.env, PATH: `${resolve('bin')}:${home.env['PATH'] ?? ''}`, KUBECONFIG: '/nonexistent/mine' };
    const ran = await run(process.execPath, [JIT, 'exec', ...READ, '--', 'sh', '-c', `cd ${home.path} && ${script}`], {
      env,
    });
    assert.match(succeeded(ran).stdout, /^pod\/web-1$/m);
    const { token } = JSON.parse(readFileSync(join(home.path, 'kept.json'), 'utf8')).status;
    // The broker may be at it still when the command has ended. The role goes first; the token may be remembered for some seconds.
    await eventually(async () =>
      [401, 403].includes((await call(world.cluster, token, 'GET /api/v1/namespaces/shop/pods/web-1')).status),
    );
  },
);

test('what would be wider than asked is refused before anything is made', { skip }, async (t) => {
  const { home } = await ownBroker(t);
  const refused = await jit(home, 'request', 'configmaps/create', 'shop/configmaps/settings', ...TERMS);
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /hint: /);
});
