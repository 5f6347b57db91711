/**
 * The contract of stores: revoked legs and audit entries.
 * @module
 */
import assert from 'node:assert/strict';
import { auditLine } from '../../../../src/audit/entry.ts';
import type { Store } from '../../../../src/broker/store/store.ts';
import type { Grant } from '../../../../src/core/grant.ts';
import { approval, event, gr, req, START, withLegs } from '../samples.ts';
import type { Check } from './check.ts';

export function revokedContract(check: Check): void {
  const revoked = async (store: Store, provider = 'aws', now = START + 100) =>
    (await store.revoked(provider, now)).map((mark) => mark.grant).toSorted();

  /** Commits grant `number` in a state, its one leg changed; a second commit where `then` is given. */
  async function put(store: Store, number: number, leg: object, ...states: readonly Grant['state'][]): Promise<void> {
    const change = approval({ number });
    const legs = withLegs(change.grant.grant, { state: 'issued', endsAt: START + 600_000, ...leg });
    for (const [version, state] of states.entries()) {
      const grant = { ...change.grant, version, grant: { ...change.grant.grant, legs, state } };
      await store.commit(version === 0 ? { ...change, grant } : { grant, entries: [] });
    }
  }
  const since = START + 50;
  const revoking: Grant['state'] = { name: 'revoking', reason: 'revoked', since };
  const stuck: Grant['state'] = { name: 'stuck', reason: 'revoked', since };
  const closed: Grant['state'] = { name: 'closed', reason: 'revoked', closedAt: since };

  check(
    'names legs that ended early, through every later state, until the cloud refuses their credentials',
    async (store) => {
      await put(store, 1, {}, { name: 'active', issuedAt: START, expiresAt: START + 600_000, cut: null });
      await put(store, 2, {}, revoking);
      await put(store, 3, {}, stuck);
      await put(store, 4, { state: 'gone' }, closed);
      await put(store, 5, { provider: 'gcp' }, revoking);
      assert.deepEqual(await revoked(store), [gr(2), gr(3), gr(4)]);
      assert.deepEqual(await revoked(store, 'gcp'), [gr(5)]);
      assert.deepEqual(await revoked(store, 'aws', START + 899_999), [gr(2), gr(3), gr(4)]);
      assert.deepEqual(await revoked(store, 'aws', START + 900_000), []);
      const [mark] = await store.revoked('gcp', START);
      assert.deepEqual(mark, {
        grant: gr(5),
        target: 'prod',
        handle: `h:${gr(5)}:prod`,
        endsAt: START + 600_000,
        notAfter: START + 900_000,
      });
    },
  );

  check('leaves out what ended in its time, and keeps what ended early but was confirmed late', async (store) => {
    await put(store, 1, {}, { name: 'revoking', reason: 'expired', since: START + 600_000 });
    await put(store, 2, {}, revoking, { name: 'closed', reason: 'revoked', closedAt: START + 700_000 });
    await put(store, 3, {}, closed, { name: 'revoking', reason: 'revoked', since: START + 650_000 });
    assert.deepEqual(await revoked(store), [gr(2), gr(3)]);
  });

  check('names legs of unknown outcome, and not those that the cloud surely refused', async (store) => {
    await put(store, 1, { state: 'maybe-issued', endsAt: null, problem: 'timeout' }, revoking);
    await put(store, 2, { state: 'gone', endsAt: null, problem: null }, closed);
    await put(store, 3, { state: 'intended', endsAt: null }, revoking);
    await put(store, 4, { state: 'gone', endsAt: null, problem: 'AccessDenied' }, closed);
    assert.deepEqual(await revoked(store), [gr(1), gr(2), gr(3)]);
  });
}

export function entriesContract(check: Check): void {
  check('entries are the exact lines, numbered from 0 without a gap, in pages', async (store) => {
    const events = Array.from({ length: 7 }, (_, index) =>
      event('request.noted', { data: { index, text: 'ü\u0000\u2028"' } }),
    );
    await store.commit({ entries: events.slice(0, 3) });
    await store.commit({ entries: events.slice(3) });
    const expected = events.map((one, sequence) => ({ sequence, line: auditLine(sequence, one) }));
    assert.deepEqual(await store.entries({ from: 0, limit: 1_000 }), expected);
    assert.deepEqual(await store.entries({ from: 2, limit: 3 }), expected.slice(2, 5));
    assert.deepEqual(await store.entries({ from: 7, limit: 3 }), []);
  });

  check('entries are found by grant, by request, and by both', async (store) => {
    await store.commit(approval({ number: 1 }));
    await store.commit(approval({ number: 2 }));
    await store.commit({ entries: [event('grant.noted', { grant: gr(1) })] });
    const found = async (filter: object) =>
      (await store.entries({ from: 0, limit: 10, ...filter })).map((entry) => entry.sequence);
    assert.deepEqual(await found({ grant: gr(1) }), [1, 4]);
    assert.deepEqual(await found({ request: req(2) }), [2, 3]);
    assert.deepEqual(await found({ request: req(1), grant: gr(1) }), [1]);
    assert.deepEqual(await found({ grant: gr(1), from: 2 }), [4]);
    assert.deepEqual(
      await found({ request: req(1) }),
      [0, 1],
      'what was noted about the grant alone is not among them',
    );
    assert.deepEqual(await found({ request: req(2), grant: gr(1) }), []);
    assert.deepEqual(await found({ request: req(9) }), []);
    assert.deepEqual(await found({ grant: gr(9) }), []);
    assert.deepEqual(await found({ request: req(9), grant: gr(1) }), []);
  });
}
