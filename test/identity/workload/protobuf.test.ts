/**
 * The messages of the Workload API against protobufjs, as gRPC for Node uses it.
 * @module
 */
import { load, type MethodDefinition } from '@grpc/proto-loader';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { readFields, readText } from '../../../src/identity/workload/protobuf.ts';
import { decodeResponse, encodeRequest } from '../../../src/identity/workload/workload-api.ts';
import { tempFolder } from '../../support/home.ts';

/** The messages of the specification, and what a later version may add to them: fields of every kind. */
const LATER = {
  response: `
    repeated uint64 packed = 2;
    repeated sint32 apart = 3 [packed = false];
    map<string, bytes> map = 15;
    JWTSVID nested = 16;
    string last = 536870911;`,
  svid: `
    double double = 4;
    float float = 5;
    int64 negative = 6;
    fixed64 long = 7;
    fixed32 short = 8;
    bool bool = 9;
    bytes bytes = 100;`,
};

const protoOf = (added: typeof LATER): string => `
  syntax = "proto3";
  service Peer { rpc Fetch(JWTSVIDRequest) returns (JWTSVIDResponse); }
  message JWTSVIDRequest { repeated string audience = 1; string spiffe_id = 2; }
  message JWTSVIDResponse { repeated JWTSVID svids = 1; ${added.response} }
  message JWTSVID { string spiffe_id = 1; string svid = 2; string hint = 3; ${added.svid} }`;

type Method = MethodDefinition<object, object>;

async function peer(t: TestContext, added = { response: '', svid: '' }): Promise<Method> {
  const file = join(tempFolder(t), 'peer.proto');
  writeFileSync(file, protoOf(added));
  const definition = await load(file, { keepCase: true, defaults: true, arrays: true, longs: String });
  // Safe: the loader gives a service of the file as its methods by name.
  const method = (definition['Peer'] as unknown as Readonly<Record<string, Method>> | undefined)?.['Fetch'];
  assert.ok(method !== undefined);
  return method;
}

/** Any text without lone surrogates, some of it longer than one byte of a length can say. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme', minLength: 100, maxLength: 300 }),
  fc.constantFrom('', '\u{feff}', '\0', 'x'.repeat(127), 'x'.repeat(128), 'x'.repeat(17_000)),
);
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const svid = fc.record(
  {
    spiffe_id: text,
    svid: text,
    hint: text,
    double: fc.double(),
    float: fc.float(),
    negative: fc.bigInt({ min: -(2n ** 63n), max: -1n }).map(String),
    long: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
    short: fc.nat(),
    bool: fc.boolean(),
    bytes,
  },
  { requiredKeys: ['spiffe_id', 'svid'] },
);
const response = fc.record(
  {
    svids: fc.array(svid, { maxLength: 4 }),
    packed: fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String), { maxLength: 4 }),
    apart: fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 4 }),
    map: fc.dictionary(fc.string({ unit: 'binary-ascii' }), bytes, { maxKeys: 3 }),
    nested: svid,
    last: text,
  },
  { requiredKeys: ['svids'] },
);

/** What protobufjs finds in it, in the words of jit. */
function foundBy(method: Method, message: Uint8Array): unknown {
  // Safe: the definition above, with every member set.
  const { svids } = method.responseDeserialize(Buffer.from(message)) as {
    readonly svids: readonly { readonly spiffe_id: string; readonly svid: string }[];
  };
  return svids.map((each) => ({ spiffeId: each.spiffe_id, token: each.svid }));
}

test('protobufjs reads every request as it was meant', async (t) => {
  const method = await peer(t);
  fc.assert(
    fc.property(text, text, (audience, spiffeId) => {
      const read = method.requestDeserialize(Buffer.from(encodeRequest({ audience, spiffeId })));
      assert.deepEqual(read, { audience: [audience], spiffe_id: spiffeId });
    }),
  );
});

test('every response that protobufjs writes is read, and what a later version adds is passed over', async (t) => {
  const method = await peer(t, LATER);
  fc.assert(
    fc.property(response, (written) => {
      const expected = written.svids.map((each) => ({ spiffeId: each.spiffe_id, token: each.svid }));
      assert.deepEqual(decodeResponse(method.responseSerialize(written)), expected);
    }),
  );
});

test('a damaged response is refused, or protobufjs reads the same in it', async (t) => {
  const method = await peer(t);
  const damage = fc.array(fc.tuple(fc.nat(), fc.constantFrom('set', 'insert', 'cut'), fc.nat(255)), {
    minLength: 1,
    maxLength: 4,
  });
  let refused = 0;
  fc.assert(
    fc.property(response, damage, (written, steps) => {
      let message: Buffer = method.responseSerialize(written);
      for (const [place, kind, byte] of steps) {
        const at = place % (message.length + 1);
        const rest = { set: at + 1, insert: at, cut: message.length }[kind];
        const middle = kind === 'cut' ? [] : [byte];
        message = Buffer.concat([message.subarray(0, at), Buffer.from(middle), message.subarray(rest)]);
      }
      const svids = decodeResponse(message);
      if (svids === null) refused += 1;
      else assert.deepEqual(svids, foundBy(method, message));
    }),
    { numRuns: 1_000 },
  );
  assert.ok(refused > 100, `${refused} refused`);
});

test('bytes that are no message are refused, and nothing is thrown for any', () => {
  const [max, over] = [Array<number>(9).fill(0xff), Array<number>(10).fill(0xff)];
  const wrong: Readonly<Record<string, readonly number[]>> = {
    'a number that never ends': [8, ...over, 1],
    'a number of 65 bits': [8, ...max, 2],
    'a number cut off': [8, 0x80],
    'a tag of 33 bits': [0x80, 0x80, 0x80, 0x80, 0x10, 0],
    'a tag cut off': [0x80],
    'field 0': [0, 0],
    'field 0 with a length': [2, 0],
    'a length beyond the end': [10, 2, 0],
    'a length of 2^31': [10, 0x80, 0x80, 0x80, 0x80, 8],
    'a length of 2^64 - 1': [10, ...max, 1],
    'a length of 65 bits': [10, ...max, 2],
    'no length': [10],
    '8 bytes cut off': [9, 1, 2, 3, 4, 5, 6, 7],
    '4 bytes cut off': [13, 1, 2, 3],
    'a group': [11, 12],
    'the end of a group': [12],
    'type 6': [14],
    'type 7': [15],
  };
  for (const [what, list] of Object.entries(wrong)) {
    assert.equal(readFields(Uint8Array.from(list)), null, what);
    // Within a message too: in a JWT-SVID.
    assert.equal(decodeResponse(Uint8Array.from([10, list.length, ...list])), null, what);
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (message) => void decodeResponse(message)));
});

test('the largest numbers, lengths and tags that there may be', () => {
  const max = [...Array<number>(9).fill(0xff), 1];
  const message = Uint8Array.from([8, ...max, 0xf8, 0xff, 0xff, 0xff, 0xf, 0, 18, 0x81, 0x80, 0, 65]);
  assert.deepEqual(
    readFields(message)?.map(({ number, type, value }) => [number, type, [...value]]),
    [
      [1, 'varint', max],
      [2 ** 29 - 1, 'varint', [0]],
      [2, 'length-delimited', [65]],
    ],
  );
});

test('of a text that is there twice the last counts; one that is a number or not UTF-8 is refused', () => {
  const within = (...fields: readonly number[]): unknown =>
    decodeResponse(Uint8Array.from([10, fields.length, ...fields]));
  assert.deepEqual(within(10, 1, 65, 18, 1, 66, 10, 1, 67), [{ spiffeId: 'C', token: 'B' }]);
  assert.deepEqual(within(), [{ spiffeId: '', token: '' }]);
  const invalid = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]];
  for (const list of invalid) {
    assert.equal(readText({ number: 1, type: 'length-delimited', value: Uint8Array.from(list) }), null);
    assert.equal(within(10, list.length, ...list, 10, 1, 65), null, 'although a good one comes after it');
    assert.equal(within(18, list.length, ...list), null);
  }
  assert.equal(within(8, 1), null);
  assert.equal(within(21, 1, 2, 3, 4), null);
  assert.equal(decodeResponse(Uint8Array.from([8, 1])), null);
});
