/**
 * The word of an identity provider, on which a decision counts: whose it is, how old, and how the person proved themselves.
 * The store is real; what the provider says is of the test.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { openSqliteStore } from '../../../src/broker/store/sqlite/store.ts';
import { makeTrips } from '../../../src/broker/web/callback.ts';
import type { WebParts } from '../../../src/broker/web/ports.ts';
import { makeWebSessions } from '../../../src/broker/web/sessions.ts';
import { makePassages, type Passage } from '../../../src/broker/web/trip.ts';
import { type ErrorCode, JitError } from '../../../src/core/errors.ts';
import { requestId } from '../../../src/core/ids.ts';
import type { Person, Principal } from '../../../src/core/principal.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { Verified } from '../../../src/identity/verify/verified.ts';

const NOW = 1_800_000_000_000;
const BEN: Person = { kind: 'user', issuer: 'https://id.test', subject: 'ben', name: 'Ben', groups: ['leads'] };
const random = (length: number): Uint8Array => randomBytes(length);

function word(principal: Principal, changes: Partial<Verified> = {}): Verified {
  const once = randomBytes(8).toString('hex');
  return {
    provider: 'idp',
    principal,
    issuedAt: NOW,
    until: NOW + 600_000,
    once,
    nonce: 'n',
    renewal: 'on demand',
    ...changes,
  };
}

const failsWith = (code: ErrorCode) => (thrown: unknown) => thrown instanceof JitError && thrown.code === code;

async function ground() {
  const store = await openSqliteStore({ file: ':memory:', now: () => NOW });
  const sessions = makeWebSessions({
    store,
    limits: { lengthSeconds: 3_600, wordSeconds: 30 },
    now: () => NOW,
    random,
  });
  const { session, cookie } = await sessions.open(word(BEN));
  const seen = { hash: 'a'.repeat(64), policy: 'v1', comment: null };
  const act = await sessions.intend(session, { request: requestId(randomBytes(16)), choice: 'approve', ...seen });
  return { store, sessions, session, cookie, act };
}

test('a word counts if it is about exactly this person, by the same provider, and new', async () => {
  const { sessions, session, act } = await ground();
  const others: readonly Verified[] = [
    word({ ...BEN, subject: 'cleo' }),
    word({ ...BEN, issuer: 'https://elsewhere.test' }),
    word({ ...BEN, subject: 'BEN' }),
    word({ ...BEN, kind: 'workload' }),
    word({ ...BEN, kind: 'agent', actsFor: BEN }),
    word(BEN, { provider: 'another' }),
  ];
  for (const other of others) await assert.rejects(sessions.vouch(session, act, other), failsWith('ERR_DENIED'));
  for (const issuedAt of [NOW - 31_000, NOW + 31_000]) {
    await assert.rejects(sessions.vouch(session, act, word(BEN, { issuedAt })), failsWith('ERR_IDENTITY_STALE'));
  }
  const good = word(BEN);
  assert.equal((await sessions.vouch(session, act, good))?.act.choice, 'approve');
  assert.equal(await sessions.vouch(session, act, word(BEN)), null, 'one word, one act');
  const again = await sessions.intend(session, {
    request: requestId(randomBytes(16)),
    choice: 'confirm',
    hash: 'b'.repeat(64),
    policy: 'v1',
    comment: null,
  });
  await assert.rejects(sessions.vouch(session, again, good), failsWith('ERR_IDENTITY_STALE'), 'and not for the next');
});

test('the groups of the word replace those of the session; an older word adds none', async () => {
  const { sessions, session, cookie, act } = await ground();
  const vouched = await sessions.vouch(session, act, word({ ...BEN, groups: ['eng'] }));
  assert.deepEqual(vouched?.principal.groups, ['eng']);
  const found = await sessions.find(cookie.expose());
  assert.deepEqual(found?.session.principal.groups, ['eng']);
  const older = await sessions.intend(session, {
    request: requestId(randomBytes(16)),
    choice: 'approve',
    hash: 'c'.repeat(64),
    policy: 'v1',
    comment: null,
  });
  assert.ok(found !== null);
  const late = await sessions.vouch(
    found.session,
    older,
    word({ ...BEN, groups: ['eng', 'leads'] }, { issuedAt: NOW - 20_000 }),
  );
  assert.deepEqual(late?.principal.groups, ['eng']);
});

test('only people in their own name have a session', async () => {
  const { sessions } = await ground();
  for (const principal of [
    { ...BEN, kind: 'workload' },
    { ...BEN, kind: 'agent' },
    { ...BEN, kind: 'agent', actsFor: BEN },
  ] as const) {
    await assert.rejects(sessions.open(word(principal)), failsWith('ERR_NOT_SIGNED_IN'));
  }
});

test('who had to prove themselves anew and did not, or of whom it is not said, decides nothing; nor another nonce', async () => {
  let authenticatedAt: number | null = null;
  let nonce: string | null = 'n';
  const parts = {
    providers: [
      { name: 'idp', issuer: BEN.issuer, redeem: async () => ({ idToken: new Secret('t'), authenticatedAt }) },
    ],
    verifier: { verify: async () => word(BEN, { nonce }) },
    now: () => NOW,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  };
  // Safe: nothing else of the parts is used on the way back.
  const trips = makeTrips(parts as unknown as WebParts, makePassages(random));
  const passage = (manner: Passage['manner']): Passage => ({
    state: 's',
    nonce: 'n',
    verifier: new Secret('v'),
    provider: 'idp',
    manner,
    purpose: { kind: 'sign-in', to: '/web/' },
    startedAt: NOW,
  });
  const redeem = async (manner: Passage['manner']) => trips.redeem(passage(manner), new URLSearchParams());
  for (const at of [null, NOW - 60_001, 0]) {
    authenticatedAt = at;
    await assert.rejects(redeem('again'), failsWith('ERR_DENIED'));
    assert.notEqual(await redeem('quiet'), 'over');
  }
  authenticatedAt = NOW - 30_000;
  assert.notEqual(await redeem('again'), 'over', 'clocks may differ by a minute');
  for (const other of ['m', '', null]) {
    nonce = other;
    await assert.rejects(redeem('usual'), failsWith('ERR_NOT_SIGNED_IN'));
  }
});
