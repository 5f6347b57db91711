/**
 * Starts the real API server of `main.go` beside this file, and stands in front of it as a plain server on loopback.
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';
import { member } from '../../fakes/kubernetes/rbac.ts';
import { call } from '../../providers/kubernetes/support.ts';
import type { TestCluster } from '../../providers/kubernetes/support.ts';
import { eventually } from '../../support/eventually.ts';
import { skipUnless } from '../../support/tools.ts';

/** See main.go, which says what it is and how it is called. */
const PEER = process.env['KUBERNETES_PEER'] ?? 'kubernetes-peer';

/** For a test's `skip`. */
export function missingPeer(): string | false {
  const how = 'needs kubernetes-peer: go build -C test/peers/kubernetes -o FILE, then set KUBERNETES_PEER to FILE';
  return skipUnless(PEER) && how;
}

/**
 * The clock that the provider goes by; the server itself goes by the real one. Before they are too far apart for tokens to make
 * sense, this one is set back, as happens to clocks: revocations wait anew.
 */
export function movedClock(): { now(): number; passTo(at: number): void } {
  let moved = 0;
  return {
    now: () => Date.now() + moved,
    passTo: (at) => {
      moved = Math.max(moved, at - Date.now());
      if (moved > 300_000) moved = 0;
    },
  };
}

export interface Peer {
  readonly cluster: TestCluster;
  /** The same over plain HTTP on loopback, for a gate in front of it. */
  readonly plain: string;
  /** Comes back when the server goes by every role and binding that was written before: it hears of them by a watch. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Leaves no process behind where what needs it fails. */
export async function orClose<T>(peer: Peer, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    await peer.close();
    throw thrown;
  }
}

const READY_MS = 60_000;

export async function startPeer(): Promise<Peer> {
  const folder = await mkdtemp(join(tmpdir(), 'jit-kubernetes-peer-'));
  const path = (name: string): string => join(folder, name);
  const admin = randomBytes(16).toString('hex');
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(path('sa.key'), privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
  await writeFile(path('sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(path('tokens.csv'), `${admin},admin,admin,system:masters\n`, { mode: 0o600 });
  const flags = [
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${path('sa.key')}`,
    `--service-account-key-file=${path('sa.pub')}`,
    `--token-auth-file=${path('tokens.csv')}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--profiling=false',
  ];
  const child = spawn(PEER, [folder, ...flags], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const line: unknown = await Promise.race([once(createInterface(child.stdout), 'line'), ended]);
    const url = Array.isArray(line) ? String(line[0]) : '';
    assert.match(url, /^https:/, 'it did not start');
    const cluster = { url, admin, authority: await readFile(path('apiserver.crt'), 'utf8') };
    const ready = async (): Promise<boolean> => (await call(cluster, admin, 'GET /readyz')).status === 200;
    await eventually(ready, { deadlineMs: READY_MS });
    const front = await plainFront(cluster);
    return {
      cluster,
      plain: front.url,
      settled: async () => await settled(cluster),
      close: async () => {
        await front.close();
        await stop();
      },
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

const RBAC = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';

/** A binding written last is seen last. */
async function settled(cluster: TestCluster): Promise<void> {
  const name = `settled-${randomBytes(6).toString('hex')}`;
  const admin = async (line: string, body?: unknown) => await call(cluster, cluster.admin, line, body);
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
  const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name }];
  await admin(`POST ${RBAC}/roles`, { apiVersion, kind: 'Role', metadata: { name }, rules });
  await admin(`POST ${RBAC}/rolebindings`, { apiVersion, kind: 'RoleBinding', metadata: { name }, roleRef, subjects });
  await eventually(async () => {
    const { body } = await admin('POST /apis/authorization.k8s.io/v1/subjectaccessreviews', {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user: name, resourceAttributes: { namespace: 'default', verb: 'get', resource: 'pods' } },
    });
    return member(member(body, 'status'), 'allowed') === true;
  });
  await admin(`DELETE ${RBAC}/rolebindings/${name}`);
  await admin(`DELETE ${RBAC}/roles/${name}`);
}

/** Passes everything on, unchanged. */
async function plainFront(cluster: TestCluster): Promise<{ readonly url: string; close(): Promise<void> }> {
  const pass = async (request: IncomingMessage): Promise<readonly [IncomingMessage, Buffer]> => {
    const { host: _host, ...headers } = request.headers;
    const body = await buffer(request);
    const options = { method: request.method, headers, ca: cluster.authority ?? '' };
    const onward = secureRequest(new URL(request.url ?? '/', cluster.url), options);
    onward.end(body);
    // `once` rejects where the request fails; the event brings the answer alone.
    const [answer] = (await once(onward, 'response')) as [IncomingMessage];
    return [answer, await buffer(answer)];
  };
  const server = createServer((request, response) => {
    pass(request).then(
      ([answer, body]) => response.writeHead(answer.statusCode ?? 502, answer.headers).end(body),
      () => response.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // `listen` on a TCP port gives an address object.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
