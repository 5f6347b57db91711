/**
 * The contract of stores: what the identity provider said of somebody last.
 * @module
 */
import assert from 'node:assert/strict';
import type { SessionStore } from '../../../../src/broker/store/sessions.ts';
import type { Principal } from '../../../../src/core/principal.ts';
import { ada, bot, eve, keyOf, ses, signIn, START } from '../samples.ts';
import type { Check } from './check.ts';

const inGroups = (principal: Principal, ...groups: readonly string[]): Principal => ({ ...principal, groups });

/** Signs somebody in, vouched for `after` ms after the start. */
async function put(store: SessionStore, number: number, principal: Principal, after: number): Promise<void> {
  const { session } = signIn({ number, principal });
  await store.commitSession({ session: { ...session, verifiedAt: START + after }, entries: [] });
}

export function lastKnownContract(check: Check): void {
  check('nothing is known of somebody who never signed in, whoever else did', async (store) => {
    assert.equal(await store.lastKnown(ada), null);
    await put(store, 1, ada, 1);
    const strangers = [eve, { ...ada, issuer: 'https://other.example' }, { ...ada, subject: 'ADA' }, bot];
    for (const who of [...strangers, { ...ada, actsFor: keyOf(eve) }, { ...ada, actsFor: keyOf(ada) }]) {
      assert.equal(await store.lastKnown(who), null, JSON.stringify(who));
    }
  });

  check('the word comes back exactly, with the moment at which it was given', async (store) => {
    const whole: Principal = { ...ada, name: 'Ada "\u202e" ü', groups: ['b', 'a', 'b'], personKey: 'employee 7' };
    const keyed: Principal = { ...bot, actsFor: { ...whole, kind: 'user' }, personKey: 'a bot' };
    await put(store, 1, whole, 7);
    await put(store, 2, keyed, 8);
    assert.deepEqual(await store.lastKnown(keyOf(ada)), { principal: whole, at: START + 7 });
    assert.deepEqual(await store.lastKnown(keyOf(bot)), { principal: keyed, at: START + 8 });
  });

  check('the newest word wins, not the session that was made or changed last', async (store) => {
    await put(store, 1, inGroups(ada, 'newest'), 30);
    await put(store, 2, inGroups(ada, 'older'), 10);
    await put(store, 3, inGroups(ada, 'old'), 20);
    const { session } = signIn({ number: 1 });
    assert.deepEqual(await store.lastKnown(ada), { principal: inGroups(ada, 'newest'), at: START + 30 });
    const read = (await store.session(ses(2))) ?? assert.fail();
    await store.commitSession({ session: { ...read, accessUntil: session.accessUntil + 1 }, entries: [] });
    assert.deepEqual((await store.lastKnown(ada))?.principal.groups, ['newest']);
    const renewed = { ...read, version: 2, principal: inGroups(ada), verifiedAt: START + 31 };
    await store.commitSession({ session: renewed, entries: [] });
    assert.deepEqual(await store.lastKnown(ada), { principal: inGroups(ada), at: START + 31 });
  });

  check('an agent that acts for very many people is found for each of them', async (store) => {
    const personOf = (number: number): Principal => ({
      ...bot,
      actsFor: { ...eve, kind: 'user', subject: `person-${number}`, groups: [`group-${number}`] },
    });
    for (let number = 0; number < 150; number++) await put(store, number, personOf(number), number);
    for (const number of [0, 49, 149]) {
      const known = await store.lastKnown(keyOf(personOf(number)));
      assert.deepEqual(known?.principal.actsFor?.groups, [`group-${number}`]);
    }
  });

  check('an agent is told apart from its person, from itself alone, and from itself for another', async (store) => {
    const alone: Principal = {
      kind: 'agent',
      issuer: bot.issuer,
      subject: bot.subject,
      name: 'Bot',
      groups: ['alone'],
    };
    const forEve: Principal = { ...bot, groups: ['for eve'], actsFor: { ...eve, kind: 'user' } };
    await put(store, 1, inGroups(bot, 'for ada'), 1);
    assert.equal(await store.lastKnown(ada), null, "an agent's word about its person is not the person's own");
    assert.equal(await store.lastKnown(alone), null);
    assert.equal(await store.lastKnown(forEve), null);
    await put(store, 2, forEve, 2);
    await put(store, 3, alone, 3);
    await put(store, 4, inGroups(ada, 'herself'), 4);
    const known = await Promise.all([bot, forEve, alone, ada].map((who) => store.lastKnown(keyOf(who))));
    assert.deepEqual(
      known.map((one) => one?.principal.groups),
      [['for ada'], ['for eve'], ['alone'], ['herself']],
    );
  });

  check('a session that is over still tells, until it is forgotten', async (store) => {
    await put(store, 1, inGroups(ada, 'before'), 1);
    const read = (await store.session(ses(1))) ?? assert.fail();
    const later = signIn({ number: 2, principal: inGroups(ada, 'last') }).session;
    const over = { ...later, verifiedAt: START + 2, expiresAt: START - 1 };
    await store.commitSession({ session: over, entries: [] });
    await store.commitSession({ session: { ...read, ended: { at: START - 1, why: 'signed-out' } }, entries: [] });
    assert.deepEqual(await store.lastKnown(ada), { principal: inGroups(ada, 'last'), at: START + 2 });
    assert.equal(await store.forgetSessions(START), 2);
    assert.equal(await store.lastKnown(ada), null);
  });
}
