/**
 * The contract of stores: what comes back, and in which order.
 * @module
 */
import assert from 'node:assert/strict';
import type { Store } from '../../../../src/broker/store/store.ts';
import type { Grant } from '../../../../src/core/grant.ts';
import { ada, approval, eve, gr, req, START, withLegs } from '../samples.ts';
import { type Check, failsWith } from './check.ts';

export function recordsContract(check: Check): void {
  check('what was never committed is null', async (store) => {
    assert.equal(await store.request(req(1)), null);
    assert.equal(await store.grant(gr(1)), null);
    assert.equal(await store.replayed(ada, 'k'), null);
    assert.deepEqual(await store.grants({ limit: 10 }), []);
    assert.deepEqual(await store.requests({ limit: 10 }), []);
  });

  check('a request and its grant come back exactly as committed, whatever people typed', async (store) => {
    const change = approval({ number: 1, targets: ['prod', 'staging'] });
    await store.commit(change);
    const { idempotency: _, ...request } = change.request;
    assert.deepEqual(await store.request(req(1)), { ...request, version: 1 });
    assert.deepEqual(await store.grant(gr(1)), { ...change.grant, version: 1 });
  });

  check('every state of a grant comes back', async (store) => {
    const states: readonly Grant['state'][] = [
      { name: 'issuing' },
      { name: 'active', issuedAt: START, expiresAt: START + 5, cut: null },
      { name: 'active', issuedAt: START, expiresAt: START + 5, cut: 'incident-closed' },
      { name: 'revoking', reason: 'idle', since: START },
      { name: 'stuck', reason: 'incident-closed', since: START },
      { name: 'closed', reason: 'expired', closedAt: START + 9 },
    ];
    for (const [number, state] of states.entries()) {
      const change = approval({ number });
      const grant = {
        ...change.grant.grant,
        state,
        legs: withLegs(change.grant.grant, { endsAt: START + 5, problem: 'x' }),
      };
      await store.commit({ ...change, grant: { ...change.grant, grant, deliveredAt: START + 1 } });
      assert.deepEqual(await store.grant(gr(number)), { ...change.grant, grant, deliveredAt: START + 1, version: 1 });
    }
    const names = (await store.grants({ limit: 10, states: ['stuck', 'active', 'stuck'] })).map(
      (one) => one.grant.state.name,
    );
    assert.deepEqual(names.toSorted(), ['active', 'active', 'stuck']);
  });

  check('idle limit, last use, renewals and their keys come back, and only the newest of them', async (store) => {
    const change = approval({ number: 1 });
    const limited = { ...change.grant, grant: { ...change.grant.grant, idleSeconds: 900 } };
    await store.commit({ ...change, grant: limited });
    assert.deepEqual(await store.grant(gr(1)), { ...limited, version: 1 });
    const renewalKeys = [
      { key: 'k1', bodyHash: 'a'.repeat(64) },
      { key: 'k2', bodyHash: 'b'.repeat(64) },
    ];
    const renewed = { ...limited, grant: { ...limited.grant, seconds: 1_200, renewals: 2, idleSeconds: 600 } };
    const used = { ...renewed, usedAt: START + 7, renewalKeys };
    await store.commit({ grant: { ...used, version: 1 }, entries: [] });
    assert.deepEqual(await store.grant(gr(1)), { ...used, version: 2 });
    await assert.rejects(store.commit({ grant: { ...limited, version: 1 }, entries: [] }), failsWith('ERR_CONFLICT'));
    assert.deepEqual(await store.grant(gr(1)), { ...used, version: 2 });
  });

  check('lists are newest first, cut at the limit, and by requester', async (store) => {
    await store.commit(approval({ number: 1, at: START + 2 }));
    await store.commit(approval({ number: 2, at: START + 3, requester: eve }));
    await store.commit(approval({ number: 3, at: START + 1 }));
    const grants = async (filter: Parameters<Store['grants']>[0]) =>
      (await store.grants(filter)).map((one) => one.grant.id);
    const requests = async (filter: Parameters<Store['requests']>[0]) =>
      (await store.requests(filter)).map((one) => one.request.id);
    assert.deepEqual(await grants({ limit: 10 }), [gr(2), gr(1), gr(3)]);
    assert.deepEqual(await grants({ limit: 2 }), [gr(2), gr(1)]);
    assert.deepEqual(await grants({ limit: 10, requester: ada, states: ['issuing'] }), [gr(1), gr(3)]);
    assert.deepEqual(await grants({ limit: 10, requester: { ...ada, issuer: 'https://other.example' } }), []);
    assert.deepEqual(await grants({ limit: 10, states: [] }), []);
    assert.deepEqual(await requests({ limit: 2 }), [req(2), req(1)]);
    assert.deepEqual(await requests({ limit: 10, requester: ada }), [req(1), req(3)]);
    await assert.rejects(store.grants({ limit: 1_001 }), failsWith('ERR_UNEXPECTED'));
    await assert.rejects(store.requests({ limit: 0 }), failsWith('ERR_UNEXPECTED'));
  });
}
