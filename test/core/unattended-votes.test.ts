/**
 * The counting of votes that nobody was asked for.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, missing } from '../../src/core/approval.ts';
import { pending, user, vote } from './approvals.ts';

const EVERYBODY = [0];

test('an unattended yes that counts no more gives way to an attended one, and never counts beside it', () => {
  const two = pending({ quorum: [{ group: null, approvers: 2 }] });
  const byScript = { ...vote(user('ann'), EVERYBODY, { attended: false }) };
  const seenOnly = ({ attended }: { readonly attended: boolean }): readonly number[] => (attended ? EVERYBODY : []);
  const cast = decide(two, byScript);
  assert.equal(cast.votes.length, 1);
  const own = vote(user('ANN'), EVERYBODY);
  assert.equal(decide(cast, own), cast, 'while it counts it is the word of that person');
  const anew = decide(cast, { ...own, serves: seenOnly });
  assert.equal(anew.votes.length, 2);
  for (const serves of [seenOnly, () => EVERYBODY]) {
    assert.deepEqual(missing(anew, serves), [{ group: null, approvers: 1 }]);
  }
  const done = decide(anew, vote(user('bo'), EVERYBODY));
  assert.equal(done.decision.why, 'approved by ann and bo');
  assert.equal(decide(two, { ...byScript, serves: seenOnly }), two);
});
