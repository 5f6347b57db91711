/**
 * The contract of stores: agents that act for a person, and whose a request or a grant is.
 * @module
 */
import assert from 'node:assert/strict';
import type { Store } from '../../../../src/broker/store/store.ts';
import type { Principal, PrincipalKey } from '../../../../src/core/principal.ts';
import { requestHash } from '../../../../src/core/request.ts';
import { ada, approval, bot, eve, gr, keyOf, req, START, submission } from '../samples.ts';
import { type Check, failsWith } from './check.ts';

const botOfEve: Principal = { ...bot, actsFor: { ...eve, kind: 'user' } };
const otherBot: Principal = { ...bot, subject: 'other-bot' };
const aloneBot: Principal = { kind: 'agent', issuer: bot.issuer, subject: bot.subject, name: bot.name, groups: [] };

/** Grants 1 to 6, the later the newer. */
const OWNERS: readonly Principal[] = [ada, bot, botOfEve, otherBot, aloneBot, eve];

async function putAll(store: Store): Promise<void> {
  for (const [index, requester] of OWNERS.entries()) {
    await store.commit(approval({ number: index + 1, requester, at: START + index }));
  }
}

async function found(store: Store, requester: PrincipalKey): Promise<readonly (readonly number[])[]> {
  const numbers = OWNERS.map((_, index) => index + 1);
  const grants = await store.grants({ requester, limit: 10 });
  const live = await store.grants({ requester, states: ['active', 'issuing'], limit: 10 });
  const requests = await store.requests({ requester, limit: 10 });
  return [
    grants.map(({ grant }) => numbers.find((number) => gr(number) === grant.id) ?? assert.fail()),
    live.map(({ grant }) => numbers.find((number) => gr(number) === grant.id) ?? assert.fail()),
    requests.map(({ request }) => numbers.find((number) => req(number) === request.id) ?? assert.fail()),
  ];
}

export function principalsContract(check: Check): void {
  check(
    'an agent and the person it acts for come back exactly, with who they are said to be, and the hash of what was read is the same',
    async (store) => {
      const odd: Principal = {
        ...bot,
        name: 'Bot "1" \u202e',
        groups: ['bots'],
        actsFor: { ...ada, kind: 'user', name: 'Ada, in another sign-in', groups: [] },
      };
      const keyed: readonly Principal[] = [
        { ...ada, personKey: 'employee 7' },
        { ...ada, personKey: '' },
        { ...bot, personKey: 'a bot' },
        { ...bot, actsFor: { ...ada, kind: 'user', personKey: 'employee 7 "ü"' } },
        { ...bot, personKey: 'a bot', actsFor: { ...ada, kind: 'user', personKey: 'employee 7' } },
      ];
      for (const [number, requester] of [bot, odd, botOfEve, aloneBot, ...keyed].entries()) {
        const change = approval({ number, requester });
        await store.commit(change);
        const { idempotency: _, ...expected } = change.request;
        const read = (await store.request(req(number))) ?? assert.fail();
        assert.deepEqual(read, { ...expected, version: 1 });
        assert.equal(requestHash(read.request), read.hash);
        assert.deepEqual((await store.grant(gr(number)))?.requester, keyOf(requester));
      }
    },
  );

  check(
    'a person finds their own and what agents do for them, an agent only its own with that person',
    async (store) => {
      await putAll(store);
      const expected: readonly (readonly [PrincipalKey, readonly number[]])[] = [
        [ada, [4, 2, 1]],
        [eve, [6, 3]],
        [bot, [2]],
        [botOfEve, [3]],
        [otherBot, [4]],
        [aloneBot, [5]],
        [{ ...otherBot, actsFor: eve }, []],
        [{ ...ada, actsFor: eve }, []],
        [{ ...bot, actsFor: aloneBot }, []],
        [{ ...ada, subject: 'nobody' }, []],
      ];
      for (const [requester, numbers] of expected) {
        assert.deepEqual(await found(store, requester), [numbers, numbers, numbers], JSON.stringify(requester));
      }
    },
  );

  check(
    'lists by requester are newest first and cut at the limit, closed grants apart from live ones',
    async (store) => {
      for (let number = 1; number <= 6; number++) {
        const change = approval({ number, requester: number % 2 === 0 ? bot : ada, at: START + ((number * 5) % 7) });
        const closed = { name: 'closed', reason: 'revoked', closedAt: START + 9 } as const;
        const grant = number > 3 ? { ...change.grant.grant, state: closed } : change.grant.grant;
        await store.commit({ ...change, grant: { ...change.grant, grant } });
      }
      const ids = async (filter: Parameters<Store['grants']>[0]) =>
        (await store.grants(filter)).map(
          ({ grant }) => [1, 2, 3, 4, 5, 6].findIndex((number) => gr(number) === grant.id) + 1,
        );
      // Made in the order 3, 6, 2, 5, 1, 4.
      assert.deepEqual(await ids({ requester: ada, limit: 10 }), [4, 1, 5, 2, 6, 3]);
      assert.deepEqual(await ids({ requester: ada, limit: 2 }), [4, 1]);
      assert.deepEqual(await ids({ requester: ada, limit: 10, states: ['issuing', 'active'] }), [1, 2, 3]);
      assert.deepEqual(await ids({ requester: ada, limit: 2, states: ['issuing', 'issuing'] }), [1, 2]);
      assert.deepEqual(await ids({ requester: ada, limit: 10, states: ['closed'] }), [4, 5, 6]);
      assert.deepEqual(await ids({ requester: ada, limit: 10, states: ['closed', 'issuing'] }), [4, 1, 5, 2, 6, 3]);
      assert.deepEqual(await ids({ requester: ada, limit: 10, states: [] }), []);
      assert.deepEqual(await ids({ requester: bot, limit: 10 }), [4, 2, 6]);
      assert.deepEqual(await ids({ requester: bot, limit: 1, states: ['closed'] }), [4]);
      assert.deepEqual(await ids({ requester: bot, limit: 10, states: ['issuing'] }), [2]);
    },
  );

  check('an idempotency key belongs to exactly one principal', async (store) => {
    const idempotency = { key: 'k', bodyHash: 'b' };
    const owners = [ada, bot, botOfEve, aloneBot];
    for (const [number, requester] of owners.entries()) {
      assert.equal(await store.replayed(requester, 'k'), null);
      await store.commit(submission({ number, requester, idempotency }));
    }
    for (const [number, requester] of owners.entries()) {
      assert.deepEqual(await store.replayed(keyOf(requester), 'k'), { bodyHash: 'b', id: req(number) });
      const again = submission({ number: number + 10, requester, idempotency });
      await assert.rejects(store.commit(again), failsWith('ERR_CONFLICT'));
    }
    assert.equal(await store.replayed(eve, 'k'), null);
    assert.equal(await store.replayed(otherBot, 'k'), null);
  });

  check('a grant can be stored for somebody whose request somebody else made', async (store) => {
    const change = approval({ number: 1, requester: ada });
    await store.commit({ ...change, grant: { ...change.grant, requester: keyOf(botOfEve) } });
    assert.deepEqual(
      (await store.grants({ requester: eve, limit: 1 })).map(({ grant }) => grant.id),
      [gr(1)],
    );
    assert.deepEqual(await store.grants({ requester: ada, limit: 1 }), []);
  });
}
