/** Sealed session tokens. @module */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { Secret } from '../../src/core/secret.ts';
import { createKeyring } from '../../src/sandbox/keys.ts';
import { issueSession, openSession } from '../../src/sandbox/session.ts';
import type { Session } from '../../src/sandbox/session.ts';

const keys = createKeyring(new Secret(randomBytes(32)));

const session: fc.Arbitrary<Session> = fc.record(
  {
    role: fc.string(),
    name: fc.string(),
    issuedAt: fc.nat(),
    expiresAt: fc.nat(),
    policy: fc.option(fc.string({ maxLength: 2_048 })),
    tags: fc.array(
      fc.record({ key: fc.string(), value: fc.string(), transitive: fc.boolean() }, { noNullPrototype: true }),
      { maxLength: 50 },
    ),
    sourceIdentity: fc.option(fc.string()),
  },
  { noNullPrototype: true },
);

test('a token brings back exactly the session that went into it', () => {
  fc.assert(
    fc.property(session, (one) => {
      const { accessKeyId, sessionToken } = issueSession(keys, one);
      assert.deepEqual(openSession(keys, accessKeyId, sessionToken.expose()), one);
    }),
  );
});

test('no other token, key or spelling opens', () => {
  fc.assert(
    fc.property(session, fc.nat(), fc.integer({ min: 1, max: 255 }), (one, where, flip) => {
      const { accessKeyId, sessionToken } = issueSession(keys, one);
      const token = sessionToken.expose();
      const bytes = Buffer.from(token, 'base64');
      const at = where % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      assert.equal(openSession(keys, accessKeyId, bytes.toString('base64')), null);
      assert.equal(openSession(keys, 'ASIAAAAAAAAAAAAAAAAA', token), null);
      assert.equal(openSession(createKeyring(new Secret(randomBytes(32))), accessKeyId, token), null);
      for (const spelling of [`${token}\n`, ` ${token}`, `${token}=`, token.replaceAll('+', '-'), token.slice(0, -1)]) {
        if (spelling !== token) assert.equal(openSession(keys, accessKeyId, spelling), null);
      }
    }),
    { numRuns: 300 },
  );
});

test('credentials print as nothing', () => {
  const made = issueSession(keys, {
    role: 'r',
    name: 'n',
    issuedAt: 0,
    expiresAt: 1,
    policy: null,
    tags: [],
    sourceIdentity: null,
  });
  const printed = `${inspect(made)}${JSON.stringify(made)}${inspect(keys, { depth: 9, showHidden: true })}`;
  assert.ok(!printed.includes(made.secretAccessKey.expose()));
  assert.ok(!printed.includes(made.sessionToken.expose()));
});
