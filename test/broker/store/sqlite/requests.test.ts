/**
 * What the store does about votes, quorums, deadlines and versions in its file that it did not write itself.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from '../../../../src/broker/store/store.ts';
import { failsWith } from '../contract/check.ts';
import { decided, eve, req, START, submission, vote } from '../samples.ts';
import { tampering } from './tampering.ts';

/** `member = json`, with x for taking the member away, and text in single quotes. */
const OF_VOTES = `
  choice = 'abstain'
  choice = null
  comment = 7
  comment = x
  at = '1'
  at = 1.5
  at = null
  at = 9007199254740992
  policy = null
  voter = 'eve'
  voter.kind = 'agent'
  voter.kind = 'workload'
  voter.actsFor = {}
  voter.actsFor = null
  voter.issuer = null
  voter.subject = x
  voter.name = []
  voter.groups = [1]
  voter.groups = 'sre'
  voter.personKey = null
  voter.personKey = 8`;
const OF_QUORUM = `
  approvers = 0
  approvers = -1
  approvers = 0.5
  approvers = '2'
  approvers = x
  group = 7
  group = x`;

const inCell =
  (column: 'votes' | 'quorum', element: string) =>
  (change: string): string => {
    const [path = '', json = ''] = change.trim().split(' = ');
    if (json === 'x') return `${column} = json_remove(${column}, '${element}.${path}')`;
    return `${column} = json_set(${column}, '${element}.${path}', json('${json.replaceAll("'", '"')}'))`;
  };

/** Changes of a row that SQLite lets through and nobody can understand. The row has two votes and one entry in its quorum. */
const UNREADABLE: readonly string[] = [
  ...['', '[{', '{}', 'null', '[null]', '[[]]', '[1]'].flatMap((json) => [`votes = '${json}'`, `quorum = '${json}'`]),
  ...OF_VOTES.trim().split('\n').map(inCell('votes', '$[1]')),
  ...OF_QUORUM.trim().split('\n').map(inCell('quorum', '$[0]')),
  'deadline = 9223372036854775807',
  "tier = 'manual '",
];

test('a request whose votes or quorum cannot be read fails by name, and the open ones are shown without it', async () => {
  await tampering(async ({ store, raw, problems }) => {
    const votes = [vote(eve), vote({ ...eve, subject: 'grace', personKey: 'employee 8' })];
    for (const number of [4, 5, 6]) {
      const decision = {
        tier: 'manual',
        quorum: [{ group: 'leads', approvers: 3 }],
        deadline: START + number,
      } as const;
      await store.commit(submission({ number, at: START + number, decision, votes }));
    }
    const good = (await store.request(req(5))) ?? assert.fail();
    const ids = async (list: ReturnType<Store['requests']>) => (await list).map(({ request }) => request.id);
    const mend = raw.prepare('UPDATE requests SET votes = ?, quorum = ?, deadline = ?, tier = ? WHERE id = ?');
    for (const change of UNREADABLE) {
      raw.exec(`UPDATE requests SET ${change} WHERE id = '${req(5)}'`);
      const expected = new RegExp(`unreadable: request ${req(5)}`);
      await assert.rejects(
        store.request(req(5)),
        (thrown) => failsWith('ERR_STORE')(thrown) && expected.test(String(thrown)),
        change,
      );
      const before = problems.length;
      assert.deepEqual(await ids(store.openRequests(null, 10)), [req(4), req(6)], change);
      assert.deepEqual(await ids(store.requests({ limit: 3 })), [req(6), req(4)], change);
      assert.deepEqual(
        problems.slice(before).map(({ code, message }) => [code, expected.test(message)]),
        [
          ['ERR_STORE', true],
          ['ERR_STORE', true],
        ],
        change,
      );
      const { quorum, deadline, tier } = good.decision;
      mend.run(JSON.stringify(good.votes), JSON.stringify(quorum), deadline, tier, req(5));
      assert.deepEqual(await store.request(req(5)), good);
    }
    const before = problems.length;
    raw.exec(`UPDATE requests SET votes = '[' WHERE id = '${req(4)}'`);
    assert.deepEqual(await ids(store.openRequests(START + 5, 10)), [req(5)]);
    assert.equal(problems.length, before + 1);
    assert.equal(await store.nextDeadline(), START + 4);
  });
});

test('a next deadline that is no time is ERR_STORE, and no time', async () => {
  await tampering(async ({ store, raw }) => {
    await store.commit(submission({ number: 4, decision: { deadline: START } }));
    raw.exec(`UPDATE requests SET deadline = -9223372036854775808 WHERE id = '${req(4)}'`);
    await assert.rejects(store.nextDeadline(), failsWith('ERR_STORE'));
  });
});

test('a request whose version was raised by somebody else is not overwritten by who read it before', async () => {
  await tampering(async ({ store, raw }) => {
    await store.commit(submission({ number: 4 }));
    const read = (await store.request(req(4))) ?? assert.fail();
    raw.exec(`UPDATE requests SET version = version + 1, state = 'denied' WHERE id = '${req(4)}'`);
    await assert.rejects(store.commit(decided(read, { state: 'approved' })), failsWith('ERR_CONFLICT'));
    assert.equal((await store.request(req(4)))?.decision.state, 'denied');
  });
});
