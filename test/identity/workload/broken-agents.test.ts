import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { called, DONE, GOOD } from './one-call.ts';
import {
  bytesAgent,
  data,
  END_HEADERS,
  fields,
  frame,
  framesAgent,
  HEAD,
  numbers,
  SETTINGS,
  TAIL,
  TYPE,
} from './raw-agents.ts';
import { asking, refused, source } from './support.ts';

/** What a test sends after its settings, once it has been asked. */
async function eachFrames(
  t: TestContext,
  cases: readonly (readonly [what: string, frames: readonly Uint8Array[], code: number, words: RegExp])[],
): Promise<void> {
  for (const [what, frames, code, words] of cases) {
    const agent = await framesAgent(t, (socket) => void socket.write(Buffer.concat([SETTINGS, ...frames])));
    const fetched = await called(agent, what);
    assert.ok(fetched.kind === 'refused', what);
    assert.equal(fetched.code, code, `${what}: ${fetched.details}`);
    assert.match(fetched.details, words, what);
  }
}

test('frames made by hand are a good answer, before a connection ends too', async (t) => {
  const good = [HEAD, data(GOOD), TAIL];
  const padded = frame(TYPE.data, 8, 1, Buffer.concat([Buffer.from([200]), GOOD, Buffer.alloc(200)]));
  const answers: Readonly<Record<string, readonly Uint8Array[]>> = {
    plain: good,
    'no further calls': [numbers(TYPE.goaway, 0, 1, 0), ...good],
    'no further calls, said last': [...good, numbers(TYPE.goaway, 0, 1, 0)],
    'reset once it is whole': [...good, numbers(TYPE.reset, 1, 0)],
    padded: [HEAD, padded, TAIL],
    'in empty pieces': [HEAD, ...Array.from({ length: 500 }, () => data(Buffer.alloc(0))), data(GOOD), TAIL],
    'with frames of an unknown type': [frame(0xbe, 0xff, 1, Buffer.alloc(30)), ...good],
    'with a ping': [frame(TYPE.ping, 0, 0, Buffer.alloc(8)), ...good],
  };
  for (const [what, frames] of Object.entries(answers)) {
    const open = await framesAgent(t, (socket) => void socket.write(Buffer.concat([SETTINGS, ...frames])));
    assert.deepEqual(await called(open), DONE, what);
    const ended = await framesAgent(t, (socket) => void socket.end(Buffer.concat([SETTINGS, ...frames])));
    assert.deepEqual(await called(ended), DONE, `${what}, and the connection ends`);
  }
});

test('a call that is reset or sent away, at every point of the answer', async (t) => {
  const points = { 'at once': [], 'after headers': [HEAD], 'after a good message': [HEAD, data(GOOD)] };
  for (const [when, before] of Object.entries(points)) {
    await eachFrames(
      t,
      (
        [
          ['no error', numbers(TYPE.reset, 1, 0), 13, /without an answer$|without a status$/],
          ['internal error', numbers(TYPE.reset, 1, 2), 13, /^the call broke off with code 2 of HTTP\/2$/],
          ['refused stream', numbers(TYPE.reset, 1, 7), 14, /code 7/],
          ['cancel', numbers(TYPE.reset, 1, 8), 1, /code 8/],
          ['enhance your calm', numbers(TYPE.reset, 1, 11), 8, /code 11/],
          ['inadequate security', numbers(TYPE.reset, 1, 12), 13, /code 12/],
          ['a code that nobody knows', numbers(TYPE.reset, 1, 0xffff_ffff), 13, /code/],
          ['sent away', numbers(TYPE.goaway, 0, 0, 0), 14, /code 7/],
          ['sent away with an error', numbers(TYPE.goaway, 0, 1, 11), 14, /11/],
        ] as const
      ).map(([what, last, code, words]) => [`${when}: ${what}`, [...before, last], code, words]),
    );
  }
});

test('a connection that ends, at every byte of the answer', async (t) => {
  const answer = Buffer.concat([SETTINGS, HEAD, data(GOOD), TAIL]);
  for (let size = 0; size < answer.length; size += 1) {
    for (const end of ['end', 'destroy'] as const) {
      const agent = await framesAgent(t, (socket) => {
        socket.write(answer.subarray(0, size), () => void socket[end]());
      });
      const fetched = await called(agent);
      assert.ok(fetched.kind === 'refused', `${size} ${end}`);
      assert.equal(fetched.code, 14, `${size} ${end}: ${fetched.details}`);
    }
  }
});

test('frames that RFC 9113 does not allow, and floods of those that it does', async (t) => {
  const large = fields({ 'x-large': 'x'.repeat(16_000) });
  const opened = frame(TYPE.headers, 0, 1, fields({ ':status': '200', 'content-type': 'application/grpc' }));
  const unended = Array.from({ length: 2_000 }, () => frame(TYPE.continuation, 0, 1, large));
  const pairs = fields(Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`x-${at}`, ''])));
  await eachFrames(t, [
    ['a frame that is too large', [frame(TYPE.data, 0, 1, Buffer.alloc(20_000))], 14, /./],
    ['settings of a wrong size', [frame(TYPE.settings, 0, 0, Buffer.alloc(5))], 14, /./],
    ['data before headers', [data(GOOD), TAIL], 14, /./],
    ['data of no call', [HEAD, frame(TYPE.data, 0, 3, GOOD)], 14, /./],
    ['data for the connection', [HEAD, frame(TYPE.data, 0, 0, GOOD)], 14, /./],
    [
      'a call that the server promises',
      // Only from when it has taken the settings is it wrong.
      [frame(TYPE.settings, 1, 0, Buffer.alloc(0)), frame(TYPE.pushPromise, END_HEADERS, 1, Buffer.from([0, 0, 0, 2]))],
      14,
      /./,
    ],
    ['headers that are no HPACK', [frame(TYPE.headers, END_HEADERS, 1, Buffer.alloc(40, 0xff))], 14, /./],
    ['headers without a status', [frame(TYPE.headers, END_HEADERS, 1, fields({ a: 'b' })), TAIL], 13, /./],
    ['headers in capitals', [frame(TYPE.headers, END_HEADERS, 1, fields({ ':status': '200', A: 'b' }))], 13, /./],
    [
      'trailers that go on',
      [HEAD, data(GOOD), frame(TYPE.headers, END_HEADERS, 1, fields({ 'grpc-status': '0' }))],
      13,
      /./,
    ],
    ['headers without an end', [opened, ...unended], 14, /./],
    ['too many headers', [frame(TYPE.headers, END_HEADERS, 1, Buffer.concat([HEAD.subarray(9), pairs]))], 8, /code 11/],
    ['too much credit', [HEAD, numbers(TYPE.windowUpdate, 0, 0x7fff_ffff)], 14, /./],
  ]);
});

test('a server that speaks something else', async (t) => {
  const greetings: Readonly<Record<string, Uint8Array>> = {
    'HTTP/1.1': Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'),
    SSH: Buffer.from('SSH-2.0-OpenSSH_9.9\r\n'),
    TLS: Buffer.concat([Buffer.from([22, 3, 3, 0, 100]), Buffer.alloc(100)]),
    zeros: Buffer.alloc(100_000),
  };
  for (const [what, greeting] of Object.entries(greetings)) {
    const fetched = await called(await bytesAgent(t, (socket) => void socket.write(greeting)), what);
    assert.ok(fetched.kind === 'refused', what);
    assert.equal(fetched.code, 14, what);
  }
  const gone = await called(await bytesAgent(t, (socket) => socket.end()));
  assert.ok(gone.kind === 'refused' && gone.code === 14);
});

test('an agent that begins an answer and never ends it has the time that there is, and not more', async (t) => {
  const window = Buffer.from([0, 4, 0, 0, 0, 0]);
  const beginnings: Readonly<Record<string, readonly Uint8Array[]>> = {
    nothing: [],
    settings: [SETTINGS],
    'half a frame': [SETTINGS, HEAD.subarray(0, 20)],
    headers: [SETTINGS, HEAD],
    'a good message': [SETTINGS, HEAD, data(GOOD)],
    'nothing but hints': [
      SETTINGS,
      ...Array.from({ length: 300 }, () => frame(TYPE.headers, END_HEADERS, 1, fields({ ':status': '103' }))),
    ],
    'no room for the question': [frame(TYPE.settings, 0, 0, window)],
  };
  for (const [what, frames] of Object.entries(beginnings)) {
    const agent = await bytesAgent(t, (socket) => void socket.write(Buffer.concat(frames)));
    const asked = source('spiffe', { limitMs: 200 }).fetch(asking({ SPIFFE_ENDPOINT_SOCKET: `unix://${agent.path}` }));
    await refused(asked, 'ERR_IDENTITY_PROVIDER', /SPIFFE agent: there is no answer within 0\.2s/);
    await eventually(() => agent.open.size === 0);
    assert.ok(agent.connections() > 0, what);
  }
});
