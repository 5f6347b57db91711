import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { status } from '@grpc/grpc-js';
import { JitError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { identityProviderSchema } from '../../src/identity/verify/config.ts';
import type { Verified } from '../../src/identity/verify/verified.ts';
import { makeVerifier } from '../../src/identity/verify/verifier.ts';
import { AUDIENCE, asking, refused, signed, source } from '../identity/workload/support.ts';
import { serveWorkloadApi } from '../identity/workload/workload-api-server.ts';
import { tempFolder } from '../support/home.ts';
import { run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';

/** See test/peers/spiffe/main.go, which says what it is and how it is called. */
const PEER = process.env['SPIFFE_PEER'] ?? 'spiffe-peer';
const skip =
  skipUnless(PEER) && 'needs spiffe-peer: go build -C test/peers/spiffe -o FILE, then set SPIFFE_PEER to FILE';
const TYPE = 'urn:ietf:params:oauth:token-type:jwt';

interface Agent {
  readonly env: Readonly<Record<string, string>>;
  readonly bundle: string;
}

/** The Workload API of go-spiffe on a socket, until the test ends. */
async function agentOf(t: TestContext, trustDomain: string): Promise<Agent> {
  const folder = tempFolder(t);
  const [socket, bundle] = [join(folder, 'agent.sock'), join(folder, 'bundle.json')];
  const child = spawn(PEER, ['serve', socket, trustDomain, bundle], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  t.after(async () => {
    child.stdin.end();
    await ended;
  });
  const line: unknown = await Promise.race([once(createInterface(child.stdout), 'line'), ended]);
  assert.deepEqual(line, ['ready']);
  return { env: { SPIFFE_ENDPOINT_SOCKET: `unix://${socket}` }, bundle };
}

/** What the broker's verifier makes of a JWT-SVID, configured with a bundle as the SPIFFE project writes it. */
async function verified(token: string, bundle: string, { paths = ['/ci/*'], later = 0 } = {}): Promise<Verified> {
  const entry = { type: 'spiffe', trust_domain: 'example.org', paths, keys: { file: bundle } };
  const verifier = makeVerifier({
    providers: new Map([['spiffe', identityProviderSchema.parse(entry)]]),
    audience: AUDIENCE,
    now: () => Date.now() + later,
    log: { warn: () => undefined },
  });
  return await verifier.verify(
    { type: TYPE, token: new Secret(token) },
    { keyThumbprint: 'thumbprint', nonce: 'nonce', body: 'body' },
  );
}

async function notVerified(result: Promise<Verified>, reason: RegExp): Promise<void> {
  await assert.rejects(result, (thrown) => {
    assert.ok(thrown instanceof JitError && thrown.cause instanceof Error, String(thrown));
    assert.equal(thrown.code, 'ERR_NOT_SIGNED_IN');
    assert.match(thrown.cause.message, reason);
    return true;
  });
}

test(
  "a JWT-SVID from the SPIFFE project's own server, fetched by jit, is accepted by the broker with its bundle",
  { skip },
  async (t) => {
    const { env, bundle } = await agentOf(t, 'example.org');
    const proof = await source('spiffe').fetch(asking(env));
    const result = await verified(proof.token.expose(), bundle);
    assert.equal(result.principal.subject, 'spiffe://example.org/ci/deploy');
    assert.equal(result.principal.kind, 'workload');
    assert.equal(result.renewal, proof.renewal);
    // As the specification of the trust domain's bundle has it, so that this is the document that operators have.
    const document = JSON.parse(readFileSync(bundle, 'utf8')) as { readonly keys: readonly { readonly use: string }[] };
    assert.deepEqual(
      document.keys.map(({ use }) => use),
      ['jwt-svid'],
    );
  },
);

test('one of several identities by name, and what the server says when there is no such one', { skip }, async (t) => {
  const { env, bundle } = await agentOf(t, 'example.org');
  const db = await source('spiffe').fetch(asking({ ...env, JIT_SPIFFE_ID: 'spiffe://example.org/db' }));
  assert.equal(
    (await verified(db.token.expose(), bundle, { paths: ['/db'] })).principal.subject,
    'spiffe://example.org/db',
  );
  await notVerified(verified(db.token.expose(), bundle), /the path is not configured/);
  const other = source('spiffe').fetch(asking({ ...env, JIT_SPIFFE_ID: 'spiffe://example.org/other' }));
  await refused(other, 'ERR_NOT_SIGNED_IN', /no identity for this process \(no identity issued\)/);
});

test(
  'another trust domain, other keys, another audience and another time are refused by the broker',
  { skip },
  async (t) => {
    const { env, bundle } = await agentOf(t, 'example.org');
    const token = (await source('spiffe').fetch(asking(env))).token.expose();
    const [foreign, forger] = [await agentOf(t, 'example.net'), await agentOf(t, 'example.org')];
    const abroad = (await source('spiffe').fetch(asking(foreign.env))).token.expose();
    await notVerified(verified(abroad, bundle), /no configured provider/);
    await notVerified(verified(abroad, foreign.bundle), /no configured provider/);
    await notVerified(verified(token, forger.bundle), /the signature is wrong/);
    const elsewhere = await source('spiffe').fetch(asking(env, { audience: 'https://other.example.com' }));
    await notVerified(verified(elsewhere.token.expose(), bundle), /audience/);
    await notVerified(verified(token, bundle, { later: 6 * 60_000 + 1_000 }), /expired/);
    await notVerified(verified(token, bundle, { later: -120_000 }), /future/);
    await verified(token, bundle);
  },
);

test("the server of jit's own tests is one that the SPIFFE project's client takes", { skip }, async (t) => {
  const ids = ['spiffe://example.org/a', 'spiffe://example.org/b'];
  const svids = ids.map((id) => ({ spiffe_id: id, svid: signed({ sub: id, aud: [AUDIENCE] }), hint: id.slice(-1) }));
  const api = await serveWorkloadApi(t, () => ({ svids }));
  const fetched = await run(PEER, ['fetch', api.socket, AUDIENCE]);
  assert.deepEqual(
    fetched.stdout.trim().split('\n'),
    svids.map(({ svid }) => svid),
    fetched.stderr,
  );
  const none = await serveWorkloadApi(t, () => ({ code: status.PERMISSION_DENIED, details: 'no identity issued' }));
  const refusal = await run(PEER, ['fetch', none.socket, AUDIENCE]);
  assert.match(refusal.stderr, /PermissionDenied.*no identity issued/);
});
