/** Bytes that no honest client sends, over real sockets. @module */
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import * as fc from 'fast-check';
import { identityToken, start } from './fixture.ts';

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly mark: string | undefined;
}

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

function send(port: number, sent: Sent): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { method = 'POST', path = '/', headers = {}, body = '' } = sent;
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const outgoing = httpRequest(
      { host: '127.0.0.1', port, method, path, headers: { ...form, ...headers } },
      (reply) => {
        const pieces: Buffer[] = [];
        reply.on('data', (piece: Buffer) => pieces.push(piece));
        reply.on('end', () => {
          const mark = reply.headers['x-jit-sandbox'];
          resolve({ status: reply.statusCode ?? 0, text: Buffer.concat(pieces).toString(), mark: String(mark) });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** What a raw text over a socket is answered with, until the other side closes. */
function sendRaw(port: number, raw: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(raw));
    let text = '';
    socket.setTimeout(30_000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (piece) => (text += piece.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => {
      resolve(text);
    });
  });
}

function codeOf(reply: Reply): string {
  return /<Code>([^<]*)<\/Code>/.exec(reply.text)?.[1] ?? 'none';
}

const ROLE = 'arn:aws:iam::000000000000:role/jit-sandbox';
const enter = (token: string) =>
  `Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=${ROLE}&RoleSessionName=gr_1&WebIdentityToken=${token}`;

test('ambiguous, broken and oversized forms are refused before anything is looked at', async (t) => {
  const { sandbox } = await start(t);
  const good = enter(await identityToken());
  assert.equal((await send(sandbox.port, { body: good })).status, 200);
  const cases: readonly (readonly [name: string, sent: Sent, status: number, code: string])[] = [
    ['a parameter twice', { body: `${good}&RoleArn=${ROLE}` }, 400, 'MalformedInput'],
    ['a parameter twice in another case', { body: `${good}&rolearn=${ROLE}` }, 400, 'MalformedInput'],
    ['an unknown parameter', { body: `${good}&Extra=1` }, 400, 'ValidationError'],
    ['__proto__', { body: `${good}&__proto__=1` }, 400, 'ValidationError'],
    ['a managed policy', { body: `${good}&PolicyArns.member.1.arn=x` }, 400, 'ValidationError'],
    ['broken percent-encoding', { body: `${good}%` }, 400, 'MalformedInput'],
    ['bytes that are not UTF-8', { body: `${good}%ff%fe` }, 400, 'MalformedInput'],
    ['JSON', { body: '{}', headers: { 'content-type': 'application/json' } }, 400, 'MalformedInput'],
    [
      'another charset',
      { body: good, headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-16' } },
      400,
      'MalformedInput',
    ],
    ['parameters in the query of a POST', { path: '/?Action=GetCallerIdentity', body: good }, 400, 'MalformedInput'],
    ['no action', { body: '' }, 400, 'InvalidAction'],
    ['an unknown action', { body: 'Action=DeleteUser&Version=2010-05-08' }, 400, 'InvalidAction'],
    ['constructor as an action', { body: 'Action=constructor&Version=2011-06-15' }, 400, 'InvalidAction'],
    ['an unknown version', { body: 'Action=AssumeRole&Version=1999-01-01' }, 400, 'InvalidAction'],
    ['64 KiB and a byte', { body: 'a'.repeat(64 * 1024 + 1) }, 400, 'EntityTooLarge'],
    ['markup in a name', { body: good.replace('gr_1', '%3Cscript%3E') }, 400, 'ValidationError'],
    ['a deep policy', { body: `${good}&Policy=${'%5B'.repeat(2_000)}` }, 400, 'MalformedPolicyDocument'],
    [
      'a policy with __proto__',
      { body: `${good}&Policy=%7B%22__proto__%22%3A%7B%7D%7D` },
      400,
      'MalformedPolicyDocument',
    ],
    ['an unsigned caller', { body: 'Action=GetCallerIdentity&Version=2011-06-15' }, 403, 'MissingAuthenticationToken'],
    ['an unsigned reader', { method: 'GET', path: '/sandbox-reports/hello.txt' }, 403, 'AccessDenied'],
    ['a path that climbs', { method: 'GET', path: '/sandbox-reports/../sandbox-secrets/x' }, 403, 'AccessDenied'],
    ['a broken path', { method: 'GET', path: '/sandbox-reports/%zz' }, 400, 'InvalidURI'],
    ['a path that is not UTF-8', { method: 'GET', path: '/sandbox-reports/%ff' }, 400, 'InvalidURI'],
    ['an impossible bucket', { method: 'GET', path: '/..%2f/x' }, 400, 'InvalidBucketName'],
    ['a long key', { method: 'GET', path: `/sandbox-reports/${'k'.repeat(1_025)}` }, 400, 'KeyTooLongError'],
  ];
  for (const [name, sent, status, code] of cases) {
    const reply = await send(sandbox.port, sent);
    assert.equal(codeOf(reply), code, `${name}: ${reply.text}`);
    assert.equal(reply.status, status, name);
    assert.equal(reply.mark, 'this is not AWS', name);
    assert.match(reply.text, /\(jit sandbox, not AWS\)<\/Message>/, name);
    assert.ok(!reply.text.includes('<script>'), name);
  }
});

test('only loopback names are answered, so that a page on the web cannot rebind its own', async (t) => {
  const { sandbox } = await start(t);
  const { port } = sandbox;
  for (const host of [
    'evil.example',
    'sandbox-reports.localhost',
    `127.0.0.1.nip.io:${port}`,
    '127.0.0.1:x',
    '127.0.0.2',
  ]) {
    const reply = await send(port, { method: 'GET', headers: { host } });
    assert.ok(reply.status === 421 || reply.status === 400, `${host}: ${reply.status}`);
  }
  for (const host of ['localhost', `LOCALHOST:${port}`, `[::1]:${port}`, '127.0.0.1']) {
    assert.equal((await send(port, { method: 'GET', headers: { host } })).status, 403, host);
  }
});

test('requests that two readers could read differently are refused', async (t) => {
  const { sandbox } = await start(t);
  const host = `Host: 127.0.0.1:${sandbox.port}\r\nConnection: close\r\n`;
  const form = 'Content-Type: application/x-www-form-urlencoded\r\n';
  const raws = [
    `GET / HTTP/1.1\r\n${host}Authorization: a\r\nAuthorization: b\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}X-Amz-Date: a\r\nx-amz-date: b\r\n\r\n`,
    `GET http://evil.example/ HTTP/1.1\r\n${host}\r\n`,
    `POST / HTTP/1.1\r\n${host}${form}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `POST / HTTP/1.1\r\n${host}${form}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
    `GET / HTTP/1.1\r\n${host}X: ${'a'.repeat(40_000)}\r\n\r\n`,
    `NONSENSE\r\n\r\n`,
  ];
  for (const raw of raws) {
    const answer = await sendRaw(sandbox.port, raw);
    assert.match(answer, /^HTTP\/1\.1 4\d\d /, `${raw.slice(0, 80)} → ${answer.slice(0, 80)}`);
  }
});

test('an upload that is too long is cut off, stated length or not', async (t) => {
  const { sandbox } = await start(t);
  const path = '/sandbox-reports/x';
  const stated = await send(sandbox.port, {
    method: 'PUT',
    path,
    headers: { 'content-length': '99999999', connection: 'close' },
  }).catch(() => null);
  assert.ok(stated === null || codeOf(stated) === 'EntityTooLarge');
  const unstated = await send(sandbox.port, {
    method: 'PUT',
    path,
    body: Buffer.alloc(10 * 1024 * 1024),
    headers: { 'transfer-encoding': 'chunked' },
  }).catch(() => null);
  assert.ok(unstated === null || codeOf(unstated) === 'EntityTooLarge');
});

test('random requests are always answered, never with a fault of our own', async (t) => {
  const { sandbox, sts, events } = await start(t);
  const piece = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom(
      'Action',
      'AssumeRole',
      'Version',
      '2011-06-15',
      'X-Amz-Signature',
      'X-Amz-Algorithm',
      '%',
      '%00',
      '__proto__',
      '=',
    ),
  );
  const query = fc
    .array(fc.tuple(piece, piece), { maxLength: 6 })
    .map((pairs) => pairs.map(([a, b]) => `${encodeURI(a.toWellFormed())}=${encodeURI(b.toWellFormed())}`).join('&'));
  const property = fc.asyncProperty(
    fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS'),
    fc.constantFrom('/', '/sandbox-reports', '/sandbox-reports/hello.txt', '//', '/%2f', '/a'),
    query,
    fc.oneof(query, fc.string()),
    fc.constantFrom(
      '',
      'AWS4-HMAC-SHA256 Credential=a',
      'AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=',
      'Basic x',
    ),
    async (method, path, search, body, authorization) => {
      const headers = authorization === '' ? {} : { authorization };
      const reply = await send(sandbox.port, { method, path: `${path}?${search}`, body, headers });
      assert.ok(reply.status >= 400 && reply.status < 502 && reply.status !== 500, `${reply.status} ${reply.text}`);
    },
  );
  await fc.assert(property, { numRuns: 300 });
  assert.ok(!events.some((event) => event.event === 'fault'));
  assert.ok(await sts().send(new GetCallerIdentityCommand({})));
});
