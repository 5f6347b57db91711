/**
 * Random sequences of sign-ins, renewals, ends, confirmations and forgetting, several at once, stale ones and repeated proofs among them:
 * the SQLite store and plain maps give the same answers throughout, also after it was closed and opened again.
 * @module
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { SessionChange, SessionStore, StoredSession } from '../../../../src/broker/store/sessions.ts';
import { openSqliteStore } from '../../../../src/broker/store/sqlite/store.ts';
import { JitError } from '../../../../src/core/errors.ts';
import { inFolder } from '../places.ts';
import { ada, bot, event, hashOf, ses, signIn, START } from '../samples.ts';

const NOW = START + 50;
const clock = (): number => NOW;
const NUMBERS = [0, 1, 2, 3];

interface Reference {
  readonly sessions: Map<string, StoredSession>;
  /** The session's id by the token that it spent. */
  readonly spent: Map<string, string>;
  readonly proofs: Map<string, number>;
  readonly confirmations: Map<string, { readonly id: string; readonly until: number }>;
  readonly tokens: Set<string>;
  entries: number;
}

function commit(reference: Reference, change: SessionChange): string {
  const { session, spentRefreshHash, spentProofs = [], confirmation, entries } = change;
  const names = spentProofs.map(({ once }) => once);
  const used = names.some((once, at) => reference.proofs.has(once) || names.indexOf(once) !== at);
  if (used) return 'ERR_NOT_SIGNED_IN';
  if (session !== undefined && (reference.sessions.get(session.id)?.version ?? 0) !== session.version) {
    return 'ERR_CONFLICT';
  }
  if (spentRefreshHash !== undefined && reference.spent.has(spentRefreshHash)) return 'ERR_CONFLICT';
  for (const { once, until } of spentProofs) reference.proofs.set(once, until);
  if (session !== undefined) reference.sessions.set(session.id, { ...session, version: session.version + 1 });
  if (session !== undefined && spentRefreshHash !== undefined) reference.spent.set(spentRefreshHash, session.id);
  if (session !== undefined && confirmation !== undefined) {
    reference.confirmations.set(confirmation.hash, { id: session.id, until: confirmation.until });
  }
  reference.entries += entries.length;
  return 'taken';
}

function forget(reference: Reference, moment: number): number {
  const before = Math.min(moment, NOW);
  const over = [...reference.sessions.values()].filter(
    ({ expiresAt, ended }) => Math.min(expiresAt, ended?.at ?? expiresAt) < before,
  );
  const gone = new Set<string>(over.map(({ id }) => id));
  const tokens = [...reference.spent].filter(([, id]) => gone.has(id)).map(([token]) => token);
  const proofs = [...reference.proofs].filter(([, until]) => until < before).map(([once]) => once);
  const unused = [...reference.confirmations].filter(([, { id, until }]) => gone.has(id) || until < before);
  for (const [hash] of unused) reference.confirmations.delete(hash);
  for (const id of gone) reference.sessions.delete(id);
  for (const token of tokens) reference.spent.delete(token);
  for (const once of proofs) reference.proofs.delete(once);
  return gone.size + tokens.length + proofs.length + unused.length;
}

/** One that was given, or not, spent by its session or by another. */
async function spend(reference: Reference, store: SessionStore, { pick, number, at }: Spending): Promise<void> {
  const hash = [...reference.confirmations.keys()].at(pick) ?? hashOf('none');
  const known = reference.confirmations.get(hash);
  const id = number === null && known !== undefined ? known.id : ses(number ?? 0);
  const good = known !== undefined && known.id === id && known.until > at;
  const session = reference.sessions.get(id) ?? null;
  assert.deepEqual(await store.spendConfirmation(session?.id ?? ses(9), hash, at), good ? session : null);
  if (good) reference.confirmations.delete(hash);
}

const time = fc.integer({ min: 0, max: 100 }).map((after) => START + after);
const draft = fc.record({
  number: fc.constantFrom(...NUMBERS),
  principal: fc.constantFrom(ada, bot),
  stale: fc.constantFrom(0, 0, 0, 0, 1, -1),
  expiresAt: time,
  ended: fc.option(fc.record({ at: time, why: fc.constantFrom('signed-out' as const, 'reused' as const) }), {
    freq: 4,
  }),
  spends: fc.constantFrom('the good token' as const, 'a former token' as const, 'none' as const),
  proofs: fc.array(fc.record({ once: fc.constantFrom('p1', 'p2', 'p3', 'p4'), until: time }), { maxLength: 2 }),
  refresh: fc.boolean(),
  confirmedUntil: fc.option(time),
});
type Draft = typeof draft extends fc.Arbitrary<infer T> ? T : never;

/** The change that a caller would make after reading the session now. Each session that it makes has tokens of its own. */
function changeOf(reference: Reference, given: Draft, name: string): SessionChange {
  const { number, principal, stale, expiresAt, ended, spends, proofs, refresh, confirmedUntil } = given;
  const read = reference.sessions.get(ses(number));
  const [accessHash, refreshHash] = [hashOf(`access ${name}`), hashOf(`refresh ${name}`)];
  const session: StoredSession = {
    ...signIn({ number, principal }).session,
    accessHash,
    refreshHash: refresh ? refreshHash : null,
    expiresAt,
    ended: ended === null ? null : { ...ended },
    version: Math.max(0, (read?.version ?? 0) + stale),
  };
  reference.tokens.add(accessHash).add(refreshHash);
  const former = [...reference.spent.keys()].at(-1);
  const token = spends === 'the good token' ? read?.refreshHash : spends === 'none' ? null : former;
  return {
    session,
    ...(token === null || token === undefined ? {} : { spentRefreshHash: token }),
    spentProofs: proofs.map((proof) => ({ ...proof })),
    ...(confirmedUntil === null ? {} : { confirmation: { hash: hashOf(`word ${name}`), until: confirmedUntil } }),
    entries: [event('session.noted', {})],
  };
}

const spending = fc.record({
  pick: fc.integer({ min: -3, max: 0 }),
  number: fc.option(fc.constantFrom(...NUMBERS), { freq: 2 }),
  at: time,
});
type Spending = typeof spending extends fc.Arbitrary<infer T> ? T : never;

type Step =
  | { readonly drafts: readonly Draft[] }
  | { readonly forget: number }
  | { readonly spend: Spending }
  | 'open again';
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ drafts: fc.array(draft, { minLength: 1, maxLength: 4 }) }), weight: 6 },
  { arbitrary: fc.record({ forget: time }), weight: 2 },
  { arbitrary: fc.record({ spend: spending }), weight: 3 },
  { arbitrary: fc.constant('open again' as const), weight: 1 },
);

async function requireSame(reference: Reference, store: SessionStore): Promise<void> {
  const all = [...reference.sessions.values()];
  for (const number of NUMBERS) {
    assert.deepEqual(await store.session(ses(number)), reference.sessions.get(ses(number)) ?? null);
  }
  for (const token of reference.tokens) {
    const byAccess = all.find(({ accessHash }) => accessHash === token) ?? null;
    assert.deepEqual(await store.sessionByAccess(token), byAccess);
    const good = all.find(({ refreshHash }) => refreshHash === token);
    const former = reference.sessions.get(reference.spent.get(token) ?? '');
    const expected = good ? { session: good, spent: false } : former ? { session: former, spent: true } : null;
    assert.deepEqual(await store.sessionByRefresh(token), expected);
  }
}

async function explore(steps: readonly Step[], file: string): Promise<void> {
  const reference: Reference = {
    sessions: new Map(),
    spent: new Map(),
    proofs: new Map(),
    confirmations: new Map(),
    tokens: new Set(),
    entries: 0,
  };
  let store = await openSqliteStore({ file, now: clock, reserveBytes: 1 });
  try {
    for (const [index, one] of steps.entries()) {
      if (one === 'open again') {
        if (file === ':memory:') continue;
        await store.close();
        store = await openSqliteStore({ file, now: clock, reserveBytes: 1 });
      } else if ('forget' in one) {
        assert.equal(await store.forgetSessions(one.forget), forget(reference, one.forget));
      } else if ('spend' in one) {
        await spend(reference, store, one.spend);
      } else {
        const changes = one.drafts.map((given, at) => changeOf(reference, given, `${index} ${at}`));
        const settled = await Promise.allSettled(changes.map((change) => store.commitSession(change)));
        for (const [at, change] of changes.entries()) {
          const outcome = settled[at];
          const thrown: unknown = outcome?.status === 'rejected' ? outcome.reason : null;
          const code = thrown instanceof JitError ? thrown.code : String(thrown);
          assert.equal(outcome?.status === 'fulfilled' ? 'taken' : code, commit(reference, change));
        }
      }
      await requireSame(reference, store);
    }
    assert.equal((await store.entries({ from: 0, limit: 1_000 })).length, reference.entries);
  } finally {
    await store.close();
  }
}

test('random sign-ins, renewals, ends and forgetting are as in plain maps, in memory', async () => {
  const steps = fc.array(step, { maxLength: 25, size: 'max' });
  await fc.assert(
    fc.asyncProperty(steps, (sequence) => explore(sequence, ':memory:')),
    { numRuns: 200 },
  );
});

test('the same on a file that is closed and opened again in between', async () => {
  const steps = fc.array(step, { maxLength: 20, size: 'max' });
  const body = (sequence: readonly Step[]) => inFolder((folder) => explore(sequence, join(folder, 'broker.db')));
  await fc.assert(fc.asyncProperty(steps, body), { numRuns: 40 });
});
