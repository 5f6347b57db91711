/**
 * Fetching keys from a real server that lies, floods, drips and leads elsewhere, by names that move.
 * @module
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Resolve } from '../../../src/identity/verify/fetch.ts';
import { eventually } from '../../support/eventually.ts';
import { tempFolder } from '../../support/home.ts';
import { skipUnless } from '../../support/tools.ts';
import { OUTAGE, startIssuer, type TestIssuer } from './issuer.ts';
import { KEY, worldOf } from './world.ts';

const json = (response: ServerResponse, value: unknown): void => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
};

/** Answers of a broken or hostile issuer: each keeps every proof out. The texts are what the operator reads. */
const ANSWERS: Readonly<
  Record<string, readonly [log: RegExp, answer: (response: ServerResponse, issuer: TestIssuer, path: string) => void]>
> = {
  'redirects to the metadata service': [
    /status 307/,
    (response) => void response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data/' }).end(),
  ],
  'redirects to itself': [
    /status 302/,
    (response, { url }) => void response.writeHead(302, { location: `${url}/jwks` }).end(),
  ],
  'has nothing': [/status 404/, (response) => void response.writeHead(404).end('{}')],
  'answers 201': [/status 201/, (response) => void response.writeHead(201).end('{}')],
  'speaks for another issuer': [
    /another issuer/,
    (response, { url }) => json(response, { issuer: 'https://other.example.com', jwks_uri: `${url}/jwks` }),
  ],
  'names its issuer with a slash': [
    /another issuer/,
    (response, { url }) => json(response, { issuer: `${url}/`, jwks_uri: `${url}/jwks` }),
  ],
  'names no keys': [/no discovery document/, (response, { url }) => json(response, { issuer: url })],
  'names keys at the metadata service': [
    /address that may be reached/,
    (response, { url }) => json(response, { issuer: url, jwks_uri: 'https://169.254.169.254/jwks' }),
  ],
  'names keys at the metadata service, in figures': [
    /address that may be reached/,
    (response, { url }) => json(response, { issuer: url, jwks_uri: 'https://2852039166/jwks' }),
  ],
  'names keys at the metadata service, mapped': [
    /address that may be reached/,
    (response, { url }) => json(response, { issuer: url, jwks_uri: 'https://[::ffff:169.254.169.254]/jwks' }),
  ],
  'names keys without TLS': [
    /http is for a loopback/,
    (response, { url }) => json(response, { issuer: url, jwks_uri: 'http://keys.example.com/jwks' }),
  ],
  'names keys in a file': [
    /an https URL/,
    (response, { url }) => json(response, { issuer: url, jwks_uri: 'file:///etc/passwd' }),
  ],
  'names keys with a user': [
    /without user/,
    (response, { url, port }) => json(response, { issuer: url, jwks_uri: `http://a:b@127.0.0.1:${port}/jwks` }),
  ],
  'publishes 10,000 keys': [
    /more than 65536 bytes/,
    answerKeys((response) => json(response, { keys: Array.from({ length: 10_000 }, () => KEY.jwk) })),
  ],
  'publishes 101 keys': [
    /at most 100 keys/,
    answerKeys((response) => json(response, { keys: Array.from({ length: 101 }, () => KEY.jwk) })),
  ],
  'publishes no set': [/not a JWK Set/, answerKeys((response) => json(response, [KEY.jwk]))],
  'publishes its keys twice over': [
    /twice/,
    answerKeys((response) => void response.end(`{"keys":[],"keys":[${JSON.stringify(KEY.jwk)}]}`)),
  ],
  'announces 50 MB': [
    /bytes announced/,
    answerKeys((response) => void response.writeHead(200, { 'content-length': 50_000_000 }).write('{"keys":[')),
  ],
  'announces more than it sends': [
    /aborted/,
    answerKeys((response) => {
      response.writeHead(200, { 'content-length': 5_000 }).write(JSON.stringify({ keys: [KEY.jwk] }));
      response.socket?.end();
    }),
  ],
  'sends more than it announces': [
    /JSON|Parse Error/,
    answerKeys((response) => {
      response.socket?.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"keys":[]} and then some');
    }),
  ],
  'announces two lengths': [
    /Parse Error/,
    answerKeys((response) => {
      response.socket?.end('HTTP/1.1 200 OK\r\ncontent-length: 11\r\ncontent-length: 5\r\n\r\n{"keys":[]}');
    }),
  ],
  'sends endless headers': [
    /Header overflow|Parse Error/i,
    answerKeys((response) => {
      response.socket?.write(`HTTP/1.1 200 OK\r\n${'x-filler: 0123456789\r\n'.repeat(2_000)}`);
    }),
  ],
  compresses: [
    /compressed/,
    answerKeys((response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('x')),
  ],
  'sends HTML': [/it is not JSON|JSON/, answerKeys((response) => void response.end('<html></html>'))],
  'changes the protocol': [
    /protocol|status 101/,
    answerKeys((response) => {
      response.socket?.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    }),
  ],
};

function answerKeys(answer: (response: ServerResponse) => void) {
  return (response: ServerResponse, { url }: TestIssuer, path: string): void => {
    if (path === '/jwks') answer(response);
    else json(response, { issuer: url, jwks_uri: `${url}/jwks` });
  };
}

test('an issuer that is broken or hostile gets nobody in', async (t) => {
  for (const [name, [log, answer]] of Object.entries(ANSWERS)) {
    await t.test(`it ${name}`, async (context) => {
      const issuer = await startIssuer(context, [KEY.jwk]);
      issuer.answer = (request, response) => answer(response, issuer, request.url ?? '');
      const world = worldOf(issuer.url);
      await assert.rejects(world.verify(), OUTAGE);
      assert.match(world.warnings.join('\n'), log);
      assert.ok(issuer.asked.length <= 2, 'nothing is followed');
    });
  }
});

test('an endless stream is cut off, not read', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  let sent = -1;
  issuer.answer = (_request, response) => {
    response.on('close', () => (sent = response.socket?.bytesWritten ?? 0));
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, 0x20)));
      response.once('drain', more);
    };
    more();
  };
  await assert.rejects(worldOf(issuer.url).verify(), OUTAGE);
  assert.ok((await eventually(() => (sent < 0 ? null : sent))) < 10_000_000);
});

test('an issuer that drips, or says nothing, is given up on, and the connection with it', async (t) => {
  for (const first of ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', 'HTTP/1.1 200 OK\r\nx', '']) {
    const issuer = await startIssuer(t, [KEY.jwk]);
    let closed = false;
    issuer.answer = ({ socket }) => {
      socket.write(first);
      const drip = setInterval(() => socket.write(first.includes('chunked') ? '1\r\n \r\n' : 'x'), 20);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          clearInterval(drip);
          closed = true;
        });
      if (first === '') clearInterval(drip);
    };
    const world = worldOf(issuer.url, {}, { deadlineMs: 200 });
    await assert.rejects(world.verify(), OUTAGE);
    assert.match(world.warnings.join(), /no complete answer in time/);
    await eventually(() => closed);
  }
});

test('http goes to this host alone, and private addresses are asked for by name only where the entry says so', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const by =
    (...addresses: readonly string[]): Resolve =>
    (_host, callback) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
  const named = `http://localhost:${issuer.port}`;
  const good = worldOf(named, { keys: { url: `${named}/jwks` } }, { resolve: by('127.0.0.1') });
  await good.verify();
  for (const addresses of [['10.0.0.1'], ['127.0.0.1', '10.0.0.1'], ['169.254.169.254'], ['0.0.0.0'], ['::'], []]) {
    const world = worldOf(named, { keys: { url: `${named}/jwks` } }, { resolve: by(...addresses) });
    await assert.rejects(world.verify(), OUTAGE);
    assert.match(world.warnings.join(), /may not be reached/, addresses.join());
  }
  const nameless: Resolve = (_host, callback) => callback(new Error('ENOTFOUND'), []);
  const lost = worldOf(named, { keys: { url: `${named}/jwks` } }, { resolve: nameless });
  await assert.rejects(lost.verify(), OUTAGE);
  assert.match(lost.warnings.join(), /cannot be resolved/);
  // By default nothing private, whatever else the name has.
  for (const addresses of [
    ['127.0.0.1'],
    ['::1'],
    ['192.168.1.1'],
    ['100.64.0.1'],
    ['fd00::1'],
    ['8.8.8.8', '10.1.1.1'],
  ]) {
    const strict = { allow_private_addresses: false, keys: { url: `https://keys.example.com:${issuer.port}/jwks` } };
    const world = worldOf('https://issuer.example.com', strict, { resolve: by(...addresses) });
    await assert.rejects(world.verify(), OUTAGE);
    assert.match(world.warnings.join(), /may not be reached/, addresses.join());
  }
  assert.deepEqual(issuer.asked, ['/jwks']);
});

test('the real name service: localhost is not a public name', async (t) => {
  const issuer = await startIssuer(t, [KEY.jwk]);
  const keys = { url: `https://localhost:${issuer.port}/jwks` };
  const world = worldOf('https://issuer.example.com', { allow_private_addresses: false, keys });
  await assert.rejects(world.verify(), OUTAGE);
  assert.match(world.warnings.join(), /localhost has an address that may not be reached/);
  assert.deepEqual(issuer.asked, []);
});

interface Tls {
  readonly key: Buffer;
  readonly cert: Buffer;
}

function certificate(t: TestContext, host: string): Tls {
  const folder = tempFolder(t);
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const about = ['-subj', '/CN=test issuer', '-addext', `subjectAltName=DNS:${host}`, '-days', '2'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...curve, ...about, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

test(
  'TLS is verified, and a name that moves to another address is refused',
  { skip: skipUnless('openssl') },
  async (t) => {
    const host = 'issuer.test';
    const tls = certificate(t, host);
    const issuer = await startIssuer(t, [KEY.jwk], { tls, host });
    let lookups = 0;
    const moving =
      (...addresses: readonly string[]): Resolve =>
      (_host, callback) => {
        const address = addresses[Math.min(lookups, addresses.length - 1)] ?? '';
        lookups += 1;
        callback(null, [{ address, family: 4 }]);
      };
    const ca = tls.cert.toString();
    const good = worldOf(issuer.url, {}, { resolve: moving('127.0.0.1'), ca });
    await good.verify();
    assert.equal(lookups, 2, 'what was checked is what is connected to: one lookup for each connection');
    // Right at the first lookup, elsewhere at the second: discovery goes through, the keys do not.
    lookups = 0;
    const rebound = worldOf(issuer.url, {}, { resolve: moving('127.0.0.1', '169.254.169.254'), ca });
    await assert.rejects(rebound.verify(), OUTAGE);
    assert.match(rebound.warnings.join(), /may not be reached/);
    assert.equal(lookups, 2);
    const asked = issuer.asked.length;
    // Whoever sets this for another program does not switch the check off here.
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    t.after(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
    for (const [authority, problem] of [
      [undefined, /self-signed certificate/],
      [certificate(t, host).cert.toString(), /self-signed certificate|unable to verify|signature/],
    ] as const) {
      const parts = authority === undefined ? {} : { ca: authority };
      const world = worldOf(issuer.url, {}, { resolve: moving('127.0.0.1'), ...parts });
      await assert.rejects(world.verify(), OUTAGE);
      assert.match(world.warnings.join(), problem);
    }
    const other = `https://other.test:${issuer.port}`;
    const misnamed = worldOf(other, {}, { resolve: moving('127.0.0.1'), ca });
    await assert.rejects(misnamed.verify(), OUTAGE);
    assert.match(misnamed.warnings.join(), /altnames/);
    assert.equal(issuer.asked.length, asked, 'nothing was asked for over connections that nobody vouches for');
  },
);
