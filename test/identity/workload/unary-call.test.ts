import assert from 'node:assert/strict';
import type { ServerHttp2Stream } from 'node:http2';
import { test, type TestContext } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { LONGEST_ANSWER } from '../../../src/identity/workload/ask.ts';
import { fetchJwtSvids } from '../../../src/identity/workload/workload-api.ts';
import { eventually } from '../../support/eventually.ts';
import { called, DONE, GOOD, text } from './one-call.ts';
import { type Answerer, framed, http2Agent, http2Port, type Parts, respond } from './raw-agents.ts';
import { asking, signed, source } from './support.ts';

type Case = readonly [what: string, answer: Answerer, code: number, words: RegExp];

async function eachRefused(t: TestContext, cases: readonly Case[]): Promise<void> {
  for (const [what, answer, code, words] of cases) {
    const fetched = await called(await http2Agent(t, answer));
    assert.ok(fetched.kind === 'refused', what);
    assert.equal(fetched.code, code, `${what}: ${fetched.details}`);
    assert.match(fetched.details, words, what);
  }
}

const answering =
  (parts: Parts): Answerer =>
  (stream) =>
    respond(stream, parts);

const trailersOnly =
  (headers: Readonly<Record<string, string | string[]>>): Answerer =>
  (stream) =>
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...headers }, { endStream: true });

test('what reaches the agent over real HTTP/2: a call as gRPC wants it, with the security header and the time there is', async (t) => {
  const seen: Record<string, unknown>[] = [];
  const bodies: Buffer[] = [];
  const agent = await http2Agent(t, (stream, headers) => {
    seen.push(Object.fromEntries(Object.entries(headers)));
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('end', () => {
      bodies.push(Buffer.concat(pieces));
      respond(stream, { body: GOOD });
    });
  });
  const ask = { address: { path: agent.path }, audience: 'aud', signal: AbortSignal.timeout(20_000) };
  assert.deepEqual(await fetchJwtSvids({ ...ask, spiffeId: '', limitMs: 1_500 }), DONE);
  assert.deepEqual(seen, [
    {
      ':method': 'POST',
      ':scheme': 'http',
      ':authority': 'localhost',
      ':path': '/SpiffeWorkloadAPI/FetchJWTSVID',
      'grpc-timeout': '1500m',
      te: 'trailers',
      'content-type': 'application/grpc',
      'grpc-accept-encoding': 'identity',
      'workload.spiffe.io': 'true',
    },
  ]);
  await fetchJwtSvids({ ...ask, spiffeId: 'id', limitMs: 0.2 });
  await fetchJwtSvids({ ...ask, spiffeId: 'id', limitMs: 1e12 });
  assert.deepEqual(
    seen.slice(1).map((headers) => headers['grpc-timeout']),
    ['1m', '99999999m'],
  );
  assert.deepEqual(bodies.slice(0, 2), [
    framed(text(1, 'aud')),
    framed(Buffer.concat([text(1, 'aud'), text(2, 'id')])),
  ]);
});

test('over TCP the agent is called by its address', async (t) => {
  for (const [host, name] of [
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '[::1]'],
  ] as const) {
    const authorities: unknown[] = [];
    const port = await http2Port(t, host, (stream, headers) => {
      authorities.push(headers[':authority']);
      respond(stream, { body: GOOD });
    });
    // A machine may be without IPv6.
    if (port === null && host === '::1') continue;
    assert.ok(port !== null);
    const ask = { audience: 'aud', spiffeId: '', limitMs: 20_000, signal: AbortSignal.timeout(20_000) };
    assert.deepEqual(await fetchJwtSvids({ ...ask, address: { host, port } }), DONE);
    assert.deepEqual(authorities, [`${name}:${port}`]);
  }
});

test('a call whose time is over before it begins connects to nobody', async (t) => {
  const agent = await http2Agent(t, answering({ body: GOOD }));
  const ask = { audience: 'aud', spiffeId: '', limitMs: 20_000, address: { path: agent.path } };
  const fetched = await fetchJwtSvids({ ...ask, signal: AbortSignal.abort() });
  assert.ok(fetched.kind === 'refused' && fetched.code === 1);
  assert.deepEqual(await called(agent), DONE, 'the first connection is this one');
});

test('answers that are unusual and right are taken', async (t) => {
  const answers: Readonly<Record<string, Answerer>> = {
    'another name of the type': answering({ body: GOOD, headers: { 'content-type': 'application/grpc+proto' } }),
    'a type with a parameter': answering({ body: GOOD, headers: { 'content-type': 'application/grpc; v=1' } }),
    'headers and trailers that nobody knows': answering({
      body: GOOD,
      headers: { 'grpc-encoding': 'identity', 'x-new': '1' },
      trailers: { 'grpc-status': '0', 'grpc-message': 'fine', 'x-new-bin': 'AAAA' },
    }),
    'hints before the answer': (stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</x>' });
      respond(stream, { body: GOOD });
    },
    'a byte at a time': dripped,
  };
  for (const [what, answer] of Object.entries(answers)) {
    assert.deepEqual(await called(await http2Agent(t, answer)), DONE, what);
  }
});

/** Each byte of the answer in a frame of its own. */
function dripped(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  for (const byte of GOOD) stream.write(Buffer.from([byte]));
  stream.end();
}

test('answers of HTTP that are none of gRPC', async (t) => {
  const page = { body: Buffer.from('<html>'), trailers: null };
  const statuses: readonly [number, number][] = [
    [503, 14],
    [404, 12],
    [403, 7],
    [400, 13],
    [302, 2],
    [500, 2],
  ];
  await eachRefused(t, [
    ...statuses.map(([status, code]): Case => [
      String(status),
      answering({ ...page, headers: { ':status': status, 'content-type': 'text/html' } }),
      code,
      new RegExp(`^it answers with HTTP status ${status}$`),
    ]),
    ['an error with a good message', answering({ body: GOOD, headers: { ':status': 500 } }), 2, /HTTP status 500/],
    ['a page', answering({ ...page, headers: { 'content-type': 'text/html' } }), 2, /^what it answers is not gRPC$/],
    [
      'a page that is too long',
      answering({ body: Buffer.alloc(200_000), headers: { ':status': 502, 'content-type': 'text/html' } }),
      14,
      /HTTP status 502/,
    ],
    [
      'gRPC for browsers',
      answering({ body: GOOD, headers: { 'content-type': 'application/grpc-web' } }),
      2,
      /is not gRPC/,
    ],
    ['gRPC of JSON', answering({ body: GOOD, headers: { 'content-type': 'application/grpc+json' } }), 2, /is not gRPC/],
    ['no type', (stream) => stream.respond({ ':status': 200 }, { endStream: true }), 2, /is not gRPC/],
  ]);
});

test('statuses: where they may stand, and what is none', async (t) => {
  const odd = ['', '00', '01', '-1', '+0', '0x0', '7.5', '7 7', 'OK', '100', '1e1'];
  await eachRefused(t, [
    [
      'in the headers',
      trailersOnly({ 'grpc-status': '7', 'grpc-message': 'none f%C3%BCr you%0A' }),
      7,
      /^none für you\n$/,
    ],
    ['in the trailers', answering({ trailers: { 'grpc-status': '14' } }), 14, /^$/],
    ['after a good message', answering({ body: GOOD, trailers: { 'grpc-status': '3' } }), 3, /^$/],
    [
      'words that are not encoded',
      trailersOnly({ 'grpc-status': '16', 'grpc-message': '100% of%zz' }),
      16,
      /^100% of%zz$/,
    ],
    ['with an error of HTTP', trailersOnly({ ':status': '503', 'grpc-status': '8' }), 8, /^$/],
    ['none in the headers', trailersOnly({}), 13, /ends without a status/],
    ['none in the trailers', answering({ body: GOOD, trailers: { 'x-other': '0' } }), 13, /ends without a status/],
    ['no trailers', answering({ body: GOOD, trailers: null }), 13, /ends without a status/],
    ['good in the headers', trailersOnly({ 'grpc-status': '0' }), 13, /there is no message/],
    [
      'good in the headers, before the message',
      answering({ body: GOOD, headers: { 'grpc-status': '0' }, trailers: null }),
      13,
      /ends without a status/,
    ],
    ['two', answering({ body: GOOD, trailers: { 'grpc-status': ['0', '0'] } }), 2, /none of gRPC/],
    ...odd.map((status): Case => [
      JSON.stringify(status),
      answering({ body: GOOD, trailers: { 'grpc-status': status } }),
      2,
      /^its status is none of gRPC$/,
    ]),
  ]);
});

test('messages that are compressed, cut off, more than one, too long or none of the Workload API', async (t) => {
  const endless = (stream: ServerHttp2Stream): void => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    const more = (): void => {
      while (!stream.destroyed && stream.write(Buffer.alloc(16_384)));
    };
    stream.on('drain', more);
    more();
  };
  const longest = framed(text(1, text(2, 'x')), { length: LONGEST_ANSWER + 1 });
  await eachRefused(t, [
    ['none', answering({}), 13, /there is no message/],
    [
      'compressed',
      answering({ body: framed(GOOD, { flag: 1 }), headers: { 'grpc-encoding': 'gzip' } }),
      13,
      /compressed/,
    ],
    ['an unknown flag', answering({ body: framed(GOOD, { flag: 2 }) }), 13, /compressed/],
    ['less than a length', answering({ body: GOOD.subarray(0, 4) }), 13, /cut off/],
    ['less than its length', answering({ body: GOOD.subarray(0, -1) }), 13, /cut off/],
    ['a length of all bits', answering({ body: framed(GOOD, { length: 0xffff_ffff }) }), 13, /cut off/],
    ['a length beyond the limit', answering({ body: longest }), 13, /cut off/],
    ['two', answering({ body: Buffer.concat([GOOD, GOOD]) }), 13, /more than one message/],
    ['an empty one after it', answering({ body: Buffer.concat([GOOD, framed(Buffer.alloc(0))]) }), 13, /more than one/],
    [
      'too long',
      answering({ body: framed(Buffer.alloc(LONGEST_ANSWER + 1)) }),
      8,
      /^its answer is longer than 65536 bytes$/,
    ],
    ['without an end', endless, 8, /longer than/],
    ['not protobuf', answering({ body: framed(Buffer.from('<html>')) }), 13, /^its message cannot be read$/],
    ['not UTF-8', answering({ body: framed(text(1, text(2, Buffer.from([0xff])))) }), 13, /cannot be read/],
    ['a number where a message belongs', answering({ body: framed(Buffer.from([8, 1])) }), 13, /cannot be read/],
  ]);
});

test('an answer of exactly the longest size is read', async (t) => {
  // A field that nobody knows, with a length of three bytes, fills it up.
  const filling = LONGEST_ANSWER + 5 - GOOD.length - 4;
  const unknown = Buffer.from([9 * 8 + 2, (filling & 0x7f) | 0x80, ((filling >> 7) & 0x7f) | 0x80, filling >> 14]);
  const message = Buffer.concat([GOOD.subarray(5), unknown, Buffer.alloc(filling)]);
  assert.equal(message.length, LONGEST_ANSWER);
  assert.deepEqual(await called(await http2Agent(t, answering({ body: framed(message) }))), DONE);
});

test('what a user is told of an answer that cannot be used', async (t) => {
  const token = signed();
  const cases: readonly [Answerer, RegExp][] = [
    [answering({ headers: { ':status': 503 } }), /it is not available \(it answers with HTTP status 503\)/],
    [answering({ headers: { ':status': 404 } }), /gives out no JWT-SVIDs \(it answers with HTTP status 404\)/],
    [answering({ body: framed(Buffer.from(token), { flag: 1 }) }), /status 13 \(its message is compressed/],
    [answering({ body: framed(Buffer.from(token)) }), /status 13 \(its message cannot be read\)/],
    [
      trailersOnly({ 'grpc-status': '16', 'grpc-message': `%1B[2J ${token}%0Amore` }),
      /status 16 \(\\x1b\[2J \[secret\]\)/,
    ],
  ];
  await Promise.all(
    cases.map(async ([answer, words]) => {
      const agent = await http2Agent(t, answer);
      const asked = source('spiffe').fetch(asking({ SPIFFE_ENDPOINT_SOCKET: `unix://${agent.path}` }));
      const error = await asked.then(
        () => assert.fail('it was not refused'),
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof JitError, String(error));
      assert.match(error.message, words);
      assert.ok(!error.message.includes(token));
      await eventually(() => agent.open.size === 0);
    }),
  );
});
