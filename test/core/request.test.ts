/**
 * The hash that binds votes to a request, and the parts of a request that people type.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { JitError, type ErrorCode } from '../../src/core/errors.ts';
import { requestId } from '../../src/core/ids.ts';
import {
  type AccessRequest,
  parseReason,
  parseResource,
  parseTicket,
  REASON_LIMIT,
  requestHash,
  RESOURCE_LIMIT,
} from '../../src/core/request.ts';
import { anyText } from './texts.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const texts = fc.array(text, { maxLength: 3 });
const request: fc.Arbitrary<AccessRequest> = fc.record({
  id: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(requestId),
  requester: fc.record({
    kind: fc.constantFrom('user' as const, 'workload' as const, 'agent' as const),
    issuer: text,
    subject: text,
    name: text,
    groups: texts,
  }),
  asks: fc.array(
    fc.record({ operation: text, resources: texts, target: text }, { requiredKeys: ['operation', 'resources'] }),
    { maxLength: 2 },
  ),
  permissions: fc.array(fc.record({ target: text, operation: text, actions: texts, resources: texts }), {
    maxLength: 2,
  }),
  seconds: fc.integer({ min: 1, max: 86_400 }),
  reason: text,
  ticket: fc.option(text),
  incident: fc.option(
    fc.record({
      source: text,
      id: fc.option(text),
      reference: text,
      standing: fc.record({ responder: fc.boolean(), commander: fc.boolean(), onCallTier: fc.nat({ max: 3 }) }),
    }),
  ),
  createdAt: fc.nat(),
});

/** Everything that was decided on. */
const decided = ({ requester: { name: _name, groups: _groups, ...requester }, ...rest }: AccessRequest) =>
  JSON.stringify([
    requester.kind,
    requester.issuer,
    requester.subject,
    rest.id,
    rest.seconds,
    rest.reason,
    rest.ticket,
    rest.createdAt,
    rest.incident === null
      ? null
      : [
          rest.incident.source,
          rest.incident.id,
          rest.incident.reference,
          rest.incident.standing.responder,
          rest.incident.standing.commander,
          rest.incident.standing.onCallTier,
        ],
    rest.asks.map(({ operation, resources, target }) => [operation, resources, target ?? null]),
    rest.permissions.map(({ target, operation, actions, resources }) => [target, operation, actions, resources]),
  ]);

test('two requests have one hash exactly when all that was decided on is the same', () => {
  fc.assert(
    fc.property(request, request, (a, b) => {
      assert.match(requestHash(a), /^[0-9a-f]{64}$/);
      assert.equal(requestHash(a) === requestHash(b), decided(a) === decided(b));
      assert.equal(requestHash(structuredClone(a)), requestHash(a));
    }),
  );
});

test('a change of any one field changes the hash, but for the display name and the groups', () => {
  fc.assert(
    fc.property(request, request, (a, b) => {
      const mixed: AccessRequest[] = [
        { ...a, id: b.id },
        { ...a, asks: b.asks },
        { ...a, permissions: b.permissions },
        { ...a, seconds: b.seconds },
        { ...a, reason: b.reason },
        { ...a, ticket: b.ticket },
        { ...a, createdAt: b.createdAt },
        { ...a, incident: b.incident },
        { ...a, requester: { ...a.requester, kind: b.requester.kind } },
        { ...a, requester: { ...a.requester, issuer: b.requester.issuer } },
        { ...a, requester: { ...a.requester, subject: b.requester.subject } },
      ];
      for (const other of mixed) assert.equal(requestHash(other) === requestHash(a), decided(other) === decided(a));
      const { name, groups } = b.requester;
      assert.equal(requestHash({ ...a, requester: { ...a.requester, name, groups } }), requestHash(a));
    }),
  );
});

test('words cannot be moved between neighbouring fields under one hash', () => {
  const [base] = fc.sample(request, { numRuns: 1, seed: 1 });
  assert.ok(base !== undefined);
  const of = (resources: readonly string[]) => requestHash({ ...base, asks: [{ operation: 'x', resources }] });
  assert.equal(new Set([of(['a', 'b']), of(['ab']), of(['a,b']), of(['a","b']), of(['b', 'a']), of([])]).size, 6);
  const by = (issuer: string, subject: string) =>
    requestHash({ ...base, requester: { ...base.requester, issuer, subject } });
  assert.notEqual(by('os', 'x'), by('o', 'sx'));
});

function isRefused(code: ErrorCode, parse: (text: string) => string, values: readonly string[]): void {
  for (const value of values)
    assert.throws(
      () => parse(value),
      (thrown) => thrown instanceof JitError && thrown.code === code,
      JSON.stringify(value.slice(0, 40)),
    );
}

test('a reason is kept exactly as typed, up to 1,000 characters, escapes and all', () => {
  for (const reason of ['x', '  two  ', '\u001b[2J', '\u202e', '😀'.repeat(REASON_LIMIT), 'x'.repeat(REASON_LIMIT)])
    assert.equal(parseReason(reason), reason);
  isRefused('ERR_REASON', parseReason, [
    '',
    ' \n\t\u2003',
    'x'.repeat(REASON_LIMIT + 1),
    '😀'.repeat(REASON_LIMIT + 1),
    'x'.repeat(1_048_576),
    'a\ud800',
  ]);
});

test('a ticket is the id of a ticket', () => {
  for (const ticket of ['OPS-1234', '1', 'org/repo#12', 'a.b_c-d', 'x'.repeat(64)])
    assert.equal(parseTicket(ticket), ticket);
  isRefused('ERR_TICKET', parseTicket, [
    '',
    '-1',
    '#1',
    'a b',
    'a\n',
    'x'.repeat(65),
    'é',
    "a'b",
    'a;b',
    '../x',
    'a\u0000',
  ]);
});

test('a resource is printable ASCII without spaces, up to 2,048 characters', () => {
  for (const resource of [
    'arn:aws:s3:::b/k',
    '*',
    'ns/pod/x',
    '//storage.googleapis.com/b',
    'x'.repeat(RESOURCE_LIMIT),
  ])
    assert.equal(parseResource(resource), resource);
  isRefused('ERR_RESOURCE', parseResource, [
    '',
    ' ',
    'a b',
    'a\n',
    'a\u0000',
    'a\u200b',
    'é',
    'x'.repeat(RESOURCE_LIMIT + 1),
  ]);
  fc.assert(
    fc.property(anyText, (value) => {
      const plain = /^[\x21-\x7e]+$/.test(value);
      if (plain) assert.equal(parseResource(value), value);
      else isRefused('ERR_RESOURCE', parseResource, [value]);
    }),
  );
});
