import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JitError } from '../../../src/core/errors.ts';
import { tempFolder } from '../../support/home.ts';
import { AUDIENCE, asking, refused, signed, source } from './support.ts';
import { serveWorkloadApi } from './workload-api-server.ts';

const CI = 'spiffe://example.org/ci/deploy';
const DB = 'spiffe://example.org/db';
const svid = (spiffe_id: string): { spiffe_id: string; svid: string } => ({
  spiffe_id,
  svid: signed({ sub: spiffe_id, aud: [AUDIENCE] }),
});

test('a JWT-SVID over a real gRPC socket, and over loopback', async (t) => {
  const mine = svid(CI);
  const api = await serveWorkloadApi(t, () => ({ svids: [mine] }));
  for (const address of [api.socket, api.socket.replace('unix://', 'unix:'), api.tcp]) {
    const env = { SPIFFE_ENDPOINT_SOCKET: address };
    assert.equal(await source('spiffe').detect(env), true);
    const proof = await source('spiffe').fetch(asking(env));
    assert.equal(proof.token.expose(), mine.svid);
    assert.equal(proof.renewal, 'fixed');
  }
  assert.deepEqual(
    api.requests,
    Array.from({ length: 3 }, () => ({ audience: [AUDIENCE], spiffe_id: '' })),
  );
});

test('a proxy of the user is not asked for what is on this machine', async (t) => {
  const api = await serveWorkloadApi(t, () => ({ svids: [svid(CI)] }));
  process.env['https_proxy'] = 'http://127.0.0.1:1';
  t.after(() => delete process.env['https_proxy']);
  await source('spiffe').fetch(asking({ SPIFFE_ENDPOINT_SOCKET: api.tcp }));
});

test('the server of these tests refuses a call without the security header, as the specification demands', async (t) => {
  const api = await serveWorkloadApi(t, () => ({ svids: [svid(CI)] }));
  const client = new Client(api.socket.replace('unix://', 'unix:'), credentials.createInsecure());
  t.after(() => client.close());
  const code = await new Promise((resolve) => {
    const same = (bytes: Buffer): Buffer => bytes;
    const path = '/SpiffeWorkloadAPI/FetchJWTSVID';
    client.makeUnaryRequest(path, same, same, Buffer.alloc(0), new Metadata(), (error) => resolve(error?.code));
  });
  assert.equal(code, status.INVALID_ARGUMENT);
});

test('of several identities the first counts, or the one that JIT_SPIFFE_ID names', async (t) => {
  const [ci, db] = [svid(CI), svid(DB)];
  const api = await serveWorkloadApi(t, () => ({ svids: [ci, db] }));
  const env = { SPIFFE_ENDPOINT_SOCKET: api.socket };
  assert.equal((await source('spiffe').fetch(asking(env))).token.expose(), ci.svid);
  assert.equal((await source('spiffe').fetch(asking({ ...env, JIT_SPIFFE_ID: DB }))).token.expose(), db.svid);
  assert.equal(api.requests.at(-1)?.spiffe_id, DB);
  const other = asking({ ...env, JIT_SPIFFE_ID: 'spiffe://example.org/other' });
  await refused(source('spiffe').fetch(other), 'ERR_NOT_SIGNED_IN', /no identity spiffe:\/\/example\.org\/other/);
  await refused(
    source('spiffe').fetch(asking({ ...env, JIT_SPIFFE_ID: 'ci' })),
    'ERR_NOT_SIGNED_IN',
    /not a SPIFFE ID/,
  );
  const none = await serveWorkloadApi(t, () => ({ svids: [] }));
  const asked = source('spiffe').fetch(asking({ SPIFFE_ENDPOINT_SOCKET: none.socket }));
  await refused(asked, 'ERR_NOT_SIGNED_IN', /no identity for this process/);
});

test('each status of the specification: what is final, what is tried again, and what it means', async (t) => {
  const cases: readonly [code: status, calls: number, error: JitError['code'], words: RegExp][] = [
    [status.INVALID_ARGUMENT, 1, 'ERR_NOT_SIGNED_IN', /refuses the question \(words of the agent\)/],
    [status.UNIMPLEMENTED, 1, 'ERR_NOT_SIGNED_IN', /gives out no JWT-SVIDs/],
    [status.INTERNAL, 3, 'ERR_IDENTITY_PROVIDER', /status 13/],
    [status.PERMISSION_DENIED, 3, 'ERR_NOT_SIGNED_IN', /no identity for this process.*\n.*register an entry/],
    [status.UNAVAILABLE, 3, 'ERR_IDENTITY_PROVIDER', /is not available/],
  ];
  for (const [code, calls, error, words] of cases) {
    const api = await serveWorkloadApi(t, () => ({ code, details: 'words of the agent' }));
    await refused(source('spiffe').fetch(asking({ SPIFFE_ENDPOINT_SOCKET: api.socket })), error, words);
    assert.equal(api.requests.length, calls, status[code]);
  }
});

test('an entry that the agent hears of a moment later is found', async (t) => {
  const api = await serveWorkloadApi(t, (_request, call) =>
    call < 3 ? { code: status.PERMISSION_DENIED, details: 'no identity issued' } : { svids: [svid(CI)] },
  );
  await source('spiffe').fetch(asking({ SPIFFE_ENDPOINT_SOCKET: api.socket }));
});

test('what the agent says is shown without control characters and without a token in it', async (t) => {
  const token = signed();
  const details = `\u001b[2Jrefused ${token}\nsecond line`;
  const api = await serveWorkloadApi(t, () => ({ code: status.INVALID_ARGUMENT, details }));
  const asked = source('spiffe').fetch(asking({ SPIFFE_ENDPOINT_SOCKET: api.socket }));
  const error = await refused(asked, 'ERR_NOT_SIGNED_IN', /\(\\x1b\[2Jrefused \[secret\]\)/, [token]);
  assert.ok(!error.message.includes('second line'));
});

test('JWT-SVIDs for another audience, over, too large or none at all are refused', async (t) => {
  const cases: readonly [svid: string, code: JitError['code'], words: RegExp][] = [
    [signed({ aud: ['spire-server'] }), 'ERR_NOT_SIGNED_IN', /is for spire-server/],
    [signed({ aud: [AUDIENCE, 'other'] }), 'ERR_NOT_SIGNED_IN', /is for other/],
    [signed({ exp: 1_000_000 }), 'ERR_NOT_SIGNED_IN', /is over/],
    ['', 'ERR_NOT_SIGNED_IN', /is empty/],
    ['x'.repeat(20_000), 'ERR_NOT_SIGNED_IN', /is longer than/],
    ['x'.repeat(70_000), 'ERR_IDENTITY_PROVIDER', /status 8/],
  ];
  for (const [token, code, words] of cases) {
    const api = await serveWorkloadApi(t, () => ({ svids: [{ spiffe_id: CI, svid: token }] }));
    await refused(source('spiffe').fetch(asking({ SPIFFE_ENDPOINT_SOCKET: api.socket })), code, words);
  }
});

test('an agent that accepts and never answers, by gRPC or by nothing, ends at the limit', async (t) => {
  const api = await serveWorkloadApi(t, () => 'hang');
  const open = new Set<Socket>();
  const mute = createServer((socket) => void open.add(socket));
  const path = join(tempFolder(t), 'mute.sock');
  await new Promise<void>((resolve) => mute.listen(path, resolve));
  t.after(() => {
    mute.close();
    for (const socket of open) socket.destroy();
  });
  for (const address of [api.socket, `unix://${path}`]) {
    const asked = source('spiffe', { limitMs: 300 }).fetch(asking({ SPIFFE_ENDPOINT_SOCKET: address }));
    await refused(asked, 'ERR_IDENTITY_PROVIDER', /SPIFFE agent: there is no answer within 0\.3s/);
  }
  const controller = new AbortController();
  const interrupted = source('spiffe').fetch(
    asking({ SPIFFE_ENDPOINT_SOCKET: api.socket }, { signal: controller.signal }),
  );
  controller.abort();
  await refused(interrupted, 'ERR_INTERRUPTED', /interrupted/);
});

test('a socket that is not there, or is a file', async (t) => {
  const file = join(tempFolder(t), 'file');
  writeFileSync(file, '');
  for (const path of ['/nonexistent/api.sock', file]) {
    const asked = source('spiffe').fetch(asking({ SPIFFE_ENDPOINT_SOCKET: `unix://${path}` }));
    await refused(asked, 'ERR_IDENTITY_PROVIDER', /is not available/);
  }
});

test('addresses that the specification does not allow, or that leave the machine, are refused', async () => {
  const wrong = [
    undefined,
    '/run/agent.sock',
    'unix:agent.sock',
    'unix://host/agent.sock',
    'unix:///agent.sock?x',
    'unix:///agent.sock#x',
    'tcp://localhost:8081',
    'tcp://127.0.0.1',
    'tcp://127.0.0.1:8081/path',
    'tcp://user@127.0.0.1:8081',
    'http://127.0.0.1:8081',
    'dns:///agent.example:8081',
    'tcp://10.1.2.3:8081',
    'tcp://[2001:db8::1]:8081',
  ];
  for (const SPIFFE_ENDPOINT_SOCKET of wrong) {
    const asked = source('spiffe').fetch(asking({ SPIFFE_ENDPOINT_SOCKET }));
    await refused(asked, 'ERR_NOT_SIGNED_IN', /is not set|is neither|is on another machine/);
  }
  const windows = source('spiffe', { platform: 'win32' });
  assert.equal(await windows.detect({ SPIFFE_ENDPOINT_SOCKET: 'unix:///agent.sock' }), false);
  assert.equal(await windows.detect({ SPIFFE_ENDPOINT_SOCKET: 'tcp://127.0.0.1:8081' }), true);
});
