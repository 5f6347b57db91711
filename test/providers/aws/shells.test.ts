/**
 * Shells that a grant opened through Systems Manager end with it: the real SDK against a small STS, IAM and Systems Manager in
 * memory, with a clock that the test moves.
 * @module
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Mark, Order, Provider, Revocation } from '../../../src/core/ports.ts';
import { awsProvider } from '../../../src/providers/aws/provider.ts';
import type { AwsTarget } from '../../../src/providers/aws/provider.ts';
import { fakeSsm } from '../../fakes/aws-ssm/ssm.ts';
import type { FakeSsm } from '../../fakes/aws-ssm/ssm.ts';
import { failure } from '../../support/failure.ts';
import { fakeAws } from './fake-aws.ts';
import type { FakeAws } from './fake-aws.ts';
import { READ, SIGNER, config, markOf, never, orderOf } from './support.ts';

const START = Date.UTC(2026, 10, 21, 12);
const LIFE = 600_000;
const SETTLE = 15_000;
const GRACE = 60_000;
const ACCOUNT = '123456789012';
const REVOKER = `arn:aws:iam::${ACCOUNT}:role/jit-revoker`;
const SHELL = {
  target: 't',
  operation: 'ssm:StartSession',
  actions: ['ssm:StartSession'],
  resources: [`arn:aws:ec2:eu-west-1:${ACCOUNT}:instance/i-0123456789abcdef0`],
};

let clock = START;
let ssm: FakeSsm;
let aws: FakeAws;
let provider: Provider<AwsTarget>;
let notices: string[];

beforeEach(async () => {
  clock = START;
  notices = [];
  ssm = fakeSsm();
  aws = await fakeAws(() => clock, [ssm]);
  provider = awsProvider({
    now: () => clock,
    signer: SIGNER,
    notice: (text) => notices.push(text),
    ambient: async () => await Promise.resolve({ accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 's' }),
  });
});
afterEach(async () => {
  await aws.close();
});

const targetOf = (changes: object = {}): AwsTarget =>
  provider.parseTarget('web', config({ endpoint: aws.url, revoker: REVOKER, ...changes }));

const ownerOf = ({ grant }: { readonly grant: string }): string =>
  `arn:aws:sts::${ACCOUNT}:assumed-role/jit-web/${grant}`;

function granted(changes: object = {}, parts: Partial<Order> = {}): Mark {
  const order = orderOf({ endsAt: START + LIFE, permissions: [SHELL], ...parts });
  return markOf(provider, targetOf(changes), order, START + 900_000);
}

const revoke = async (mark: Mark): Promise<Revocation> =>
  await provider.revoke(mark, async () => await Promise.resolve([mark]), never());

test("a revocation ends the shells of the grant and nobody else's, first at once and again when nobody can open more", async () => {
  const [mark, neighbour] = [granted(), granted()];
  const mine = [ssm.open(ownerOf(mark)), ssm.open(ownerOf(mark))];
  ssm.open(ownerOf(neighbour));
  assert.equal((await revoke(mark)).kind, 'pending');
  assert.deepEqual(ssm.owners(), [ownerOf(neighbour)]);
  assert.deepEqual(
    ssm.calls.slice(1),
    mine.map((id) => `TerminateSession ${id}`),
  );
  // In the moment before the denial reached Systems Manager.
  ssm.open(ownerOf(mark));
  clock += SETTLE;
  assert.equal((await revoke(mark)).kind, 'pending');
  clock += 5_000;
  const gone = await revoke(mark);
  assert(gone.kind === 'gone');
  assert.match(gone.proof, /was denied by a policy of the role.*; no SSM session of it is open$/);
  assert.deepEqual(ssm.owners(), [ownerOf(neighbour)]);
});

test('a shell that takes its time to end keeps the revocation from being called done', async () => {
  const mark = granted({ sandbox: true });
  ssm.open(ownerOf(mark));
  ssm.mood.ends = 'later';
  assert.deepEqual(await revoke(mark), { kind: 'pending', checkAt: START + 5_000 });
  assert.deepEqual(await revoke(mark), { kind: 'pending', checkAt: START + 5_000 });
  ssm.settle();
  assert.equal((await revoke(mark)).kind, 'gone');
});

test('the natural end ends shells too, once more after the clocks of both sides must have passed it', async () => {
  const mark = granted();
  ssm.open(ownerOf(mark));
  clock = mark.endsAt ?? 0;
  assert.deepEqual(await revoke(mark), { kind: 'pending', checkAt: clock + 5_000 });
  assert.deepEqual(ssm.owners(), []);
  clock += 5_000;
  assert.deepEqual(await revoke(mark), { kind: 'pending', checkAt: START + LIFE + GRACE });
  ssm.open(ownerOf(mark));
  clock = START + LIFE + GRACE;
  assert.equal((await revoke(mark)).kind, 'pending');
  assert.deepEqual(ssm.owners(), []);
  assert.deepEqual(await revoke(mark), {
    kind: 'gone',
    tidyAt: START + LIFE + GRACE,
    proof: 'past the end in the session policy; no SSM session of it is open',
  });
});

for (const missing of ['describe', 'terminate'] as const) {
  test(`without the right to ${missing} sessions the credentials die all the same, and the proof says what may stay`, async () => {
    const mark = granted({ sandbox: true });
    ssm.open(ownerOf(mark));
    ssm.mood[missing] = 'denied';
    const gone = await revoke(mark);
    assert(gone.kind === 'gone');
    assert.match(gone.proof, /was denied by a policy of the role.*; SSM sessions could not be ended$/);
    assert.equal(aws.puts.length, 1);
    assert.deepEqual(ssm.owners(), [ownerOf(mark)]);
    const [notice] = notices;
    assert.match(notice ?? '', /stay open: the revoker needs ssm:DescribeSessions and ssm:TerminateSession/);
  });
}

test('a server without Systems Manager is no reason to call the credentials alive', async () => {
  const plain = await fakeAws(() => clock);
  try {
    const gone = await revoke(granted({ sandbox: true, endpoint: plain.url }));
    assert(gone.kind === 'gone');
    assert.match(gone.proof, /SSM sessions could not be ended$/);
  } finally {
    await plain.close();
  }
});

test('when Systems Manager is out of order the denial is written, and the rest is tried again', async () => {
  const mark = granted({ sandbox: true });
  ssm.open(ownerOf(mark));
  ssm.mood.describe = 'busy';
  await failure(revoke(mark), 'ERR_CLOUD_BUSY');
  assert.equal(aws.puts.length, 1);
  ssm.mood.describe = 'allowed';
  assert.equal((await revoke(mark)).kind, 'pending');
  assert.equal((await revoke(mark)).kind, 'gone');
});

test('many shells, on several pages, are all ended', async () => {
  const mark = granted({ sandbox: true });
  for (let count = 0; count < 120; count++) ssm.open(ownerOf(mark));
  assert.equal((await revoke(mark)).kind, 'pending');
  assert.deepEqual(ssm.owners(), []);
});

test("a list that holds the shells of others is not taken for a list of the grant's", async () => {
  const [mark, neighbour] = [granted({ sandbox: true }), granted()];
  ssm.open(ownerOf(neighbour));
  ssm.open(`${ownerOf(mark)}x`);
  ssm.mood.filter = 'ignored';
  assert.equal((await revoke(mark)).kind, 'gone');
  assert.equal(ssm.owners().length, 2);
});

test("the revoker's session for it can do these two things in the account and region of the target, and no more", async () => {
  await revoke(granted());
  assert.deepEqual(
    [...aws.revokerPolicies]
      .map((text): unknown => JSON.parse(text))
      .find((policy) => JSON.stringify(policy).includes('ssm:')),
    {
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: ['ssm:DescribeSessions'], Resource: '*' },
        {
          Effect: 'Allow',
          Action: ['ssm:TerminateSession'],
          Resource: `arn:aws:ssm:eu-west-1:${ACCOUNT}:session/*`,
        },
      ],
    },
  );
});

test('a grant that opens no shells is revoked without asking Systems Manager', async () => {
  const plain = granted({ sandbox: true }, { permissions: [READ] });
  assert.equal((await revoke(plain)).kind, 'gone');
  assert.deepEqual(ssm.calls, []);
});

test('the plan says that shells end with the grant', async () => {
  const shells = /shells that it opens through Systems Manager end with it/;
  const words = async (...permissions: (typeof SHELL)[]) => (await provider.plan(targetOf(), permissions, 60)).words;
  assert((await words({ ...SHELL, actions: ['SSM:startsession'] })).some((line) => shells.test(line)));
  assert(!(await provider.plan(targetOf(), [READ], 60)).words.some((line) => shells.test(line)));
});
