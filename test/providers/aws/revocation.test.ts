/**
 * Revocation against a small STS and IAM in memory, through the real SDK, with a clock that the test moves.
 * @module
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Mark, Provider } from '../../../src/core/ports.ts';
import { awsProvider } from '../../../src/providers/aws/provider.ts';
import type { AwsTarget } from '../../../src/providers/aws/provider.ts';
import { failure } from '../../support/failure.ts';
import { fakeAws } from './fake-aws.ts';
import type { FakeAws } from './fake-aws.ts';
import { SIGNER, config, markOf, never, newGrant, orderOf } from './support.ts';

const START = Date.UTC(2026, 10, 21, 12);
const GRACE = 60_000;
const OTHER = 'arn:aws:iam::123456789012:role/jit-other';
const REVOKER = 'arn:aws:iam::123456789012:role/jit-revoker';

let clock = START;
let aws: FakeAws;
let provider: Provider<AwsTarget>;
let notices: string[];
const now = (): number => clock;

const fresh = (): Provider<AwsTarget> =>
  awsProvider({
    now,
    signer: SIGNER,
    notice: (text) => notices.push(text),
    ambient: async () => await Promise.resolve({ accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 's' }),
  });

beforeEach(async () => {
  clock = START;
  notices = [];
  aws = await fakeAws(now);
  provider = fresh();
});
afterEach(async () => {
  await aws.close();
});

const targetOf = (changes: object = {}): AwsTarget =>
  provider.parseTarget('web', config({ endpoint: aws.url, ...changes }));
const SANDBOX = { sandbox: true };

function marked(changes: object = {}, seconds = 600): Mark {
  return markOf(provider, targetOf(changes), orderOf({ endsAt: clock + seconds * 1_000 }), clock + 900_000);
}

const revoke = async (mark: Mark, all: readonly Mark[] = [mark], signal = never()) =>
  await provider.revoke(mark, async () => await Promise.resolve(all), signal);
const tidy = async (mark: Mark, all: readonly Mark[]): Promise<void> =>
  await provider.tidy(mark, async () => await Promise.resolve(all), never());

const PROOFS = {
  probed: 'a session with the same tag was denied by a policy of the role, and one with another tag was not',
  over: 'past the end in the session policy',
} as const;
const goneOnce = (how: keyof typeof PROOFS) => ({ kind: 'gone', tidyAt: START + 600_000 + GRACE, proof: PROOFS[how] });

const denied = (text: string | null | undefined): readonly string[] => (text ?? '').match(/gr_[0-9a-z]{26}/g) ?? [];

test('in the sandbox a revocation is gone at once, verified, and leaves one entry to tidy', async () => {
  const mark = marked(SANDBOX);
  assert.deepEqual(await revoke(mark), goneOnce('probed'));
  assert.equal(
    aws.puts[0],
    '{"Version":"2012-10-17","Statement":[{"Sid":"JitRevokedGrants","Effect":"Deny","Action":"*","Resource":"*",' +
      `"Condition":{"StringEquals":{"aws:PrincipalTag/jit-grant":["${mark.grant}"]}}}]}`,
  );
  await tidy(mark, []);
  assert.deepEqual(aws.puts.slice(1), [null]);
});

test('at AWS itself nothing is called gone before the entry has had time to reach every service', async () => {
  const mark = marked();
  assert.deepEqual(await revoke(mark), { kind: 'pending', checkAt: START + 15_000 });
  assert.equal(aws.calls.get('DecodeAuthorizationMessage'), undefined);
  clock += 15_000;
  assert.deepEqual(await revoke(mark), goneOnce('probed'));
  assert.equal(aws.puts.length, 1, 'the same text is not written twice');
});

test('an entry that AWS does not apply yet is pending, asked for again, and written again after a minute', async () => {
  aws.mood.inEffect = 'later';
  const mark = marked();
  await revoke(mark);
  clock += 15_000;
  assert.deepEqual(await revoke(mark), { kind: 'pending', checkAt: clock + 7_500 });
  clock += 45_000;
  assert.deepEqual(await revoke(mark), { kind: 'pending', checkAt: clock + 30_000 });
  assert.equal(aws.puts.length, 2);
  aws.settle();
  assert.equal((await revoke(mark)).kind, 'gone');
});

test('other revocations on the role do not put off the verification of earlier ones', async () => {
  const first = marked();
  await revoke(first);
  clock += 14_000;
  const second = marked();
  await revoke(second, [first, second]);
  clock += 1_000;
  assert.equal((await revoke(first, [first, second])).kind, 'gone');
  assert.deepEqual(await revoke(second, [first, second]), { kind: 'pending', checkAt: START + 29_000 });
});

test('a clock that is set back makes nothing look verified', async () => {
  const first = marked(SANDBOX);
  await revoke(first);
  clock -= 3_600_000;
  aws.mood.inEffect = 'later';
  const second = marked(SANDBOX);
  assert.equal((await revoke(second, [first, second])).kind, 'pending');
});

test('a role that denies the probe to everybody proves nothing: gone only at the end', async () => {
  aws.mood.decode = 'denied to all';
  const mark = marked(SANDBOX);
  assert.deepEqual(await revoke(mark), { kind: 'pending', checkAt: START + 600_000 });
  assert.match(notices.join(), /cannot be verified/);
  clock = START + 600_000;
  assert.deepEqual(await revoke(mark), goneOnce('over'));
});

test('a server without the probe, or a role that does not trust the broker any more: gone only at the end', async () => {
  for (const decode of ['not implemented', 'unknown action'] as const) {
    aws.mood.decode = decode;
    assert.deepEqual(await revoke(marked(SANDBOX)), { kind: 'pending', checkAt: START + 600_000 });
  }
  aws.mood.assume = 'refused';
  assert.deepEqual(await revoke(marked(SANDBOX)), { kind: 'pending', checkAt: START + 600_000 });
});

test('a probe that fails is asked again, ever more rarely', async () => {
  aws.mood.decode = 'broken';
  const mark = marked(SANDBOX);
  assert.deepEqual(await revoke(mark), { kind: 'pending', checkAt: START + 5_000 });
  clock += 100_000;
  assert.deepEqual(await revoke(mark), { kind: 'pending', checkAt: clock + 50_000 });
});

test('access that ended by itself is gone without a call, and leaves nothing to tidy', async () => {
  const mark = marked();
  clock = START + 600_000;
  assert.deepEqual(await revoke(mark, []), { ...goneOnce('over'), tidyAt: null });
  assert.equal(aws.calls.size, 0);
});

test('where nobody knows whether it was issued, only the end of the longest session counts', async () => {
  const mark = { ...marked(), endsAt: null };
  clock = START + 600_000;
  assert.equal((await revoke(mark)).kind, 'pending');
  clock = START + 900_000;
  assert.equal((await revoke(mark)).kind, 'gone');
});

test('entries are rebuilt from the store: sorted, of this role only, and without those whose access has ended', async () => {
  const ended = marked(SANDBOX, 10);
  clock += 10_000 + GRACE;
  const [one, two, elsewhere] = [marked(SANDBOX), marked(SANDBOX), marked({ ...SANDBOX, role: OTHER })];
  const unreadable = { ...marked(SANDBOX), handle: '{"v":99}' };
  await revoke(one, [ended, two, elsewhere, unreadable, one]);
  assert.deepEqual(denied(aws.puts.at(-1)), [one.grant, two.grant].toSorted());
});

test('the store is read inside the lock, after the last who shares the run has asked', async () => {
  const known: Mark[] = [];
  const reader = async () => await Promise.resolve([...known]);
  const all = Array.from({ length: 3 }, () => marked(SANDBOX));
  const runs = all.map(async (mark) => {
    known.push(mark);
    return await provider.revoke(mark, reader, never());
  });
  await Promise.all(runs);
  assert.deepEqual(denied(aws.puts.at(-1)), all.map(({ grant }) => grant).toSorted());
});

test('10,000 revocations of one role that are due at once share a few calls, and none overtakes another', async () => {
  const target = targetOf(SANDBOX);
  const all = Array.from({ length: 10_000 }, () =>
    markOf(provider, target, orderOf({ endsAt: clock + 600_000 }), clock + 900_000),
  );
  const results = await Promise.all(all.map(async (mark) => await revoke(mark, all)));
  assert(
    results.every(({ kind }) => kind === 'pending'),
    'they are cut off by time, which has to pass first',
  );
  assert(aws.puts.length <= 2, String(aws.puts.length));
  assert.equal(aws.peak(), 1);
  clock += 7_000;
  const again = await Promise.all(all.map(async (mark) => await revoke(mark, all)));
  assert(again.every(({ kind }) => kind === 'gone'));
  assert((aws.calls.get('DecodeAuthorizationMessage') ?? 0) <= 4);
});

test('a list that does not fit becomes a cut-off for all sessions, says so, and does not move again', async () => {
  const target = targetOf(SANDBOX);
  const many = Array.from({ length: 300 }, () =>
    markOf(provider, target, orderOf({ endsAt: clock + 600_000 }), clock + 900_000),
  );
  const [first] = many;
  assert(first !== undefined);
  await revoke(first, many);
  assert.match(aws.puts.at(-1) ?? '', /"DateLessThan":\{"aws:TokenIssueTime":"2026-11-21T12:00:05Z"\}/);
  assert((aws.puts.at(-1) ?? '').length < 10_240);
  assert.match(notices.join(), /too many revoked sessions/);
  const order = orderOf({ endsAt: clock + 60_000 });
  await failure(provider.issue(target, order, never()), 'ERR_CLOUD_BUSY');
  clock += 30_000;
  const { credential } = await provider.issue(target, order, never());
  assert.equal(credential.kind, 'aws');
  const late = marked(SANDBOX);
  assert.equal((await revoke(late, [...many, late])).kind, 'gone');
  assert.match(aws.puts.at(-1) ?? '', /12:00:05Z/);
  assert.deepEqual(denied(aws.puts.at(-1)), [late.grant]);
  assert.equal(notices.length, 1);
});

test('a role whose own policies leave no room gets the cut-off too', async () => {
  aws.mood.put = 'full';
  const target = targetOf(SANDBOX);
  const some = Array.from({ length: 60 }, () =>
    markOf(provider, target, orderOf({ endsAt: clock + 600_000 }), clock + 900_000),
  );
  const [first] = some;
  assert(first !== undefined);
  await revoke(first, some);
  assert.match(aws.puts.at(-1) ?? '', /aws:TokenIssueTime/);
  clock += 7_000;
  assert.equal((await revoke(first, some)).kind, 'gone');
});

test('a broker that restarts writes its entries anew and asks again', async () => {
  const mark = marked(SANDBOX);
  await revoke(mark);
  provider = fresh();
  assert.equal((await revoke(mark)).kind, 'gone');
  assert.equal(aws.puts.length, 2);
});

test('a target that was removed, or whose settings changed, is still revoked by its handle', async () => {
  const old = marked({ ...SANDBOX, external_id: 'before' });
  const recent = marked({ ...SANDBOX, external_id: 'after', revoker: REVOKER });
  assert.equal((await revoke(old, [old, recent])).kind, 'gone');
  assert.deepEqual(denied(aws.puts.at(-1)), [old.grant, recent.grant].toSorted());
  assert.equal((await revoke(recent, [old, recent])).kind, 'gone');
});

test('the revoker role is assumed once for many writes', async () => {
  // The SDK keeps credentials by the clock of the machine.
  clock = Date.now();
  for (let round = 0; round < 3; round += 1) await revoke(marked({ ...SANDBOX, revoker: REVOKER }));
  assert.equal(aws.calls.get('AssumeRevoker'), 1);
  assert.equal(aws.calls.get('PutRolePolicy'), 3);
});

test('a refusal fails the revocation, with what the revoker needs, so that it is tried again', async () => {
  aws.mood.put = 'refused';
  const error = await failure(revoke(marked()), 'ERR_CLOUD');
  assert.match(error.hint ?? '', /iam:PutRolePolicy/);
  aws.mood.put = 'broken';
  await failure(revoke(marked()), 'ERR_CLOUD_UNKNOWN');
  aws.mood.put = 'taken';
  await revoke(marked());
});

test('a role that was deleted is waited for until its sessions have ended', async () => {
  aws.mood.put = 'no such role';
  const mark = marked();
  assert.deepEqual(await revoke(mark), { kind: 'pending', checkAt: START + 600_000 });
  await tidy(mark, []);
});

test('one caller who gives up does not stop the others', async () => {
  const [one, two] = [marked(SANDBOX), marked(SANDBOX)];
  const controller = new AbortController();
  const first = revoke(one, [one, two], controller.signal);
  const second = revoke(two, [one, two]);
  controller.abort();
  await failure(first, 'ERR_CLOUD_UNKNOWN');
  assert.equal((await second).kind, 'gone');
});

test('tidying keeps the entries of others and does not probe', async () => {
  const [one, two] = [marked(SANDBOX), marked(SANDBOX)];
  await revoke(one, [one, two]);
  const probes = aws.calls.get('DecodeAuthorizationMessage');
  await tidy(one, [two]);
  assert.deepEqual(denied(aws.puts.at(-1)), [two.grant]);
  assert.equal(aws.calls.get('DecodeAuthorizationMessage'), probes);
});

test('a handle is the same for the same grant, and one that was tampered with is refused', async () => {
  const target = targetOf();
  const order = orderOf({ endsAt: clock + 60_000 });
  assert.equal(provider.intend(target, order).handle, provider.intend(target, order).handle);
  assert(provider.intend(target, order).notAfter >= clock + 3_600_000);
  const mark = markOf(provider, target, order, clock + 900_000);
  for (const wrong of [
    { ...mark, grant: newGrant() },
    { ...mark, handle: 'x' },
    { ...mark, handle: '{}' },
    { ...mark, handle: mark.handle.replace('role/team', 'user/team') },
  ]) {
    await failure(revoke(wrong), 'ERR_UNEXPECTED');
  }
});
