/**
 * Assignments of IAM Identity Center in the cases that the contract of providers does not name: work that takes its time,
 * conflicts, failures, marks that are lost, and several grants of one person. Through the real SDK, against a small one in memory.
 * @module
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import type { Issued, Mark, Order, Provider, Revocation } from '../../../src/core/ports.ts';
import { secondsOf } from '../../../src/providers/aws/identity-center/center.ts';
import { identityCenterProvider } from '../../../src/providers/aws/identity-center/provider.ts';
import type { CenterTarget } from '../../../src/providers/aws/identity-center/target.ts';
import { serveJson } from '../../fakes/aws-json.ts';
import { fakeSso } from '../../fakes/aws-sso/sso.ts';
import type { FakeSso } from '../../fakes/aws-sso/sso.ts';
import { failure } from '../../support/failure.ts';
import { fakeAws } from '../aws/fake-aws.ts';
import { SIGNER, never, newGrant } from '../aws/support.ts';
import type { TestServer } from '../aws/support.ts';
import { ACCOUNT, ADMIN, ANN, ANN_THERE, INSTANCE, OWNER, VIEWER, centerConfig, use } from './support.ts';

const START = Date.UTC(2026, 10, 21, 12);
const LIFE = 1_800_000;
const SESSION = 3_600_000;
/** How long after a deletion it is looked at again. */
const LATE = 60_000;
const HELD = `${ACCOUNT} ${ADMIN} ${ANN_THERE}`;

let clock = START;
let sso: FakeSso;
let server: TestServer;
let provider: Provider<CenterTarget>;
let target: CenterTarget;
let paused: number;

const fresh = (owner = OWNER): Provider<CenterTarget> =>
  identityCenterProvider({
    now: () => clock,
    signer: SIGNER,
    owner,
    ambient: async () => await Promise.resolve({ accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 's' }),
    pause: async (_ms, signal) => {
      paused += 1;
      signal.throwIfAborted();
      await Promise.resolve();
    },
  });

beforeEach(async () => {
  clock = START;
  paused = 0;
  sso = fakeSso();
  server = await serveJson([sso]);
  provider = fresh();
  target = provider.parseTarget('c', centerConfig({ endpoint: server.url }));
});
afterEach(async () => {
  await server.close();
});

const orderOf = (parts: Partial<Order> = {}): Order => ({
  grant: newGrant(),
  principal: ANN,
  permissions: [use(ADMIN)],
  endsAt: clock + LIFE,
  ...parts,
});
const issue = async (order: Order, by = provider): Promise<Issued> => await by.issue(target, order, never());
const markOf = (order: Order, endsAt: number | null = order.endsAt): Mark => {
  const { handle, notAfter } = provider.intend(target, order);
  return { grant: order.grant, target: 'c', handle, endsAt, notAfter };
};
const revoke = async (mark: Mark, by = provider): Promise<Revocation> =>
  await by.revoke(mark, async () => await Promise.resolve([mark]), never());

test('an assignment that takes its time is there when the grant begins, and gone before its sessions are waited for', async () => {
  sso.mood.steps = 3;
  const order = orderOf();
  assert.equal((await issue(order)).credential.kind, 'own');
  assert.deepEqual(sso.assigned(), [HELD]);
  assert.deepEqual(await revoke(markOf(order)), { kind: 'pending', checkAt: START + LATE });
  assert.deepEqual(sso.assigned(), []);
  assert(paused >= 6, String(paused));
});

test('sessions that were opened with it are waited for, across a restart, from the moment the assignment was gone', async () => {
  const order = orderOf();
  await issue(order);
  clock += 60_000;
  const over = clock + SESSION;
  assert.deepEqual(await revoke(markOf(order)), { kind: 'pending', checkAt: clock + LATE });
  clock += LATE;
  assert.deepEqual(await revoke(markOf(order)), { kind: 'pending', checkAt: over });
  clock = over - 1_000;
  assert.deepEqual(await revoke(markOf(order), fresh()), { kind: 'pending', checkAt: over });
  clock = over;
  assert.deepEqual(await revoke(markOf(order), fresh()), {
    kind: 'gone',
    tidyAt: null,
    proof: 'the assignment was taken away, and every session that it could open has ended',
  });
  assert.equal(sso.tagsOf(ADMIN).size, 0);
});

test('conflicts with an earlier change are tried again, and in the end left to the broker', async () => {
  sso.mood.conflicts = 3;
  const order = orderOf();
  await issue(order);
  sso.mood.conflicts = 3;
  assert.equal((await revoke(markOf(order))).kind, 'pending');
  assert.deepEqual(sso.assigned(), []);
  sso.mood.conflicts = 1_000;
  await failure(issue(orderOf()), 'ERR_CLOUD_UNKNOWN');
  sso.mood.conflicts = 0;
});

test('an assignment that is still being made when the broker gives up is taken away all the same', async () => {
  sso.mood.steps = 4;
  const order = orderOf();
  const stop = new AbortController();
  const given = provider.issue(target, order, stop.signal);
  const begun = async (): Promise<void> => {
    while (!sso.calls.includes('CreateAccountAssignment')) await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
  };
  await Promise.all([failure(given, 'ERR_CLOUD_UNKNOWN'), begun()]);
  // AWS does not list it yet, and goes on with it by itself.
  assert.deepEqual(sso.assigned(), []);
  const before = sso.calls.length;
  assert.equal((await revoke(markOf(order, null), fresh())).kind, 'pending');
  assert(sso.calls.slice(before).filter((call) => call === 'DeleteAccountAssignment').length > 1, 'without a conflict');
  assert.deepEqual(sso.assigned(), []);
});

test('an assignment that AWS has long been at is given for now, and a revocation insists until it is deleted', async () => {
  sso.mood.steps = 60;
  const order = orderOf();
  await issue(order);
  assert.deepEqual(sso.assigned(), []);
  assert(paused < 15, String(paused));
  const ended = async (): Promise<Revocation> => {
    for (let tries = 0; tries < 20; tries++) {
      try {
        return await revoke(markOf(order));
      } catch (thrown) {
        assert(thrown instanceof JitError && /^ERR_CLOUD_(?:BUSY|UNKNOWN)$/.test(thrown.code), String(thrown));
      }
    }
    assert.fail('it is never deleted');
  };
  assert.deepEqual(await ended(), { kind: 'pending', checkAt: START + LATE });
  assert.deepEqual(sso.assigned(), []);
});

test('an assignment that AWS finishes after it was told to delete it is found a minute later, and deleted', async () => {
  const order = orderOf();
  await issue(order);
  assert.equal((await revoke(markOf(order))).kind, 'pending');
  sso.change('assign', { account: ACCOUNT, set: ADMIN, user: ANN_THERE });
  // Meanwhile it is nobody's to use.
  await failure(issue(orderOf()), 'ERR_CLOUD');
  clock += LATE;
  assert.deepEqual(await revoke(markOf(order), fresh()), { kind: 'pending', checkAt: clock + LATE });
  assert.deepEqual(sso.assigned(), []);
  clock += SESSION;
  assert.equal((await revoke(markOf(order))).kind, 'gone');
});

for (const missing of ['refused', 'failed'] as const) {
  test(`deleting what is not there, which AWS may call ${missing}, is success`, async () => {
    sso.mood.missing = missing;
    const order = orderOf();
    await issue(order);
    sso.change('unassign', { account: ACCOUNT, set: ADMIN, user: ANN_THERE });
    assert.deepEqual(await revoke(markOf(order)), { kind: 'pending', checkAt: START + LATE });
  });
}

test('a deletion without the right to it is never called gone', async () => {
  const order = orderOf();
  await issue(order);
  sso.mood.denied = new Set(['DeleteAccountAssignment']);
  const { hint } = await failure(revoke(markOf(order)), 'ERR_CLOUD');
  assert.match(hint ?? '', /the administrator needs sso:CreateAccountAssignment/);
  assert.deepEqual(sso.assigned(), [HELD]);
  assert.equal((await fresh().list(target, never())).length, 1);
});

test('a failure that AWS reports is told in its words, and leaves nothing', async () => {
  sso.mood.failure = 'the user is not in the directory\u202e';
  const { message } = await failure(issue(orderOf()), 'ERR_CLOUD');
  assert.match(message, /could not assign .*: the user is not in the directory/);
  assert(!message.includes('\u202e'));
  assert.deepEqual([sso.assigned(), sso.tagsOf(ADMIN).size], [[], 0]);
});

test('a standing assignment is neither used nor taken away', async () => {
  sso.change('assign', { account: ACCOUNT, set: ADMIN, user: ANN_THERE });
  const order = orderOf();
  const { message } = await failure(issue(order), 'ERR_CLOUD');
  assert.match(message, /already, and not from jit/);
  assert.deepEqual(await revoke(markOf(order, null)), {
    kind: 'gone',
    tidyAt: null,
    proof: 'nothing of it is assigned',
  });
  assert.deepEqual(sso.assigned(), [HELD]);
});

test('two grants of one person share the assignment, and the last that ends takes it away', async () => {
  const [one, two] = [orderOf(), orderOf()];
  await Promise.all([issue(one), issue(two)]);
  assert.equal(sso.calls.filter((call) => call === 'CreateAccountAssignment').length, 1);
  assert.deepEqual(await revoke(markOf(one)), {
    kind: 'gone',
    tidyAt: null,
    proof: 'another grant of the same person holds the assignment',
  });
  assert.deepEqual(sso.assigned(), [HELD]);
  assert.equal((await revoke(markOf(two))).kind, 'pending');
  assert.deepEqual(sso.assigned(), []);
});

test('both of them ended at once take it away, and one that begins meanwhile has it', async () => {
  const [one, two, three] = [orderOf(), orderOf(), orderOf()];
  await issue(one);
  await issue(two);
  await Promise.all([revoke(markOf(one)), revoke(markOf(two))]);
  assert.deepEqual(sso.assigned(), []);
  await issue(one);
  await Promise.all([revoke(markOf(one)), issue(three)]);
  assert.deepEqual(sso.assigned(), [HELD]);
  assert.equal((await revoke(markOf(three))).kind, 'pending');
  assert.deepEqual(sso.assigned(), []);
});

test("another broker's grant holds the assignment too, but not for ever", async () => {
  const [mine, theirs] = [orderOf(), orderOf()];
  await issue(mine);
  await issue(theirs, fresh('fedcba9876543210'));
  assert.equal((await revoke(markOf(mine))).kind, 'gone');
  assert.deepEqual(sso.assigned(), [HELD]);
  // That broker has gone for good: five minutes after the end of its grant nobody holds it any more.
  const again = orderOf({ endsAt: START + 3 * LIFE });
  await issue(again);
  clock = START + LIFE + 299_000;
  const shared = orderOf({ endsAt: START + 3 * LIFE });
  await issue(shared);
  assert.equal((await revoke(markOf(shared))).kind, 'gone');
  clock = START + LIFE + 301_000;
  assert.equal((await revoke(markOf(again))).kind, 'pending');
  assert.deepEqual(sso.assigned(), []);
});

test('a mark that another tool has removed does not keep the assignment alive', async () => {
  const order = orderOf();
  await issue(order);
  for (const key of sso.tagsOf(ADMIN).keys()) sso.tag(ADMIN, key, null);
  assert.equal((await revoke(markOf(order))).kind, 'pending');
  assert.deepEqual(sso.assigned(), []);
});

test('a permission set that was deleted is nothing that anybody still has', async () => {
  const order = orderOf();
  await issue(order);
  sso.keepOnly([VIEWER]);
  assert.equal((await revoke(markOf(order))).kind, 'gone');
  await failure(issue(orderOf()), 'ERR_CLOUD');
});

test('a renewal moves the end of the mark, which a broker without a store goes by', async () => {
  const order = orderOf();
  await issue(order);
  await issue({ ...order, endsAt: START + 2 * LIFE });
  const [found] = await fresh().list(target, never());
  assert.equal(found?.notAfter, START + 2 * LIFE + SESSION + 300_000);
  assert.equal(sso.tagsOf(ADMIN).get(found?.name ?? ''), `${ACCOUNT}/${ANN_THERE}/${(START + 2 * LIFE) / 1_000}`);
});

test('a permission set without room for another mark refuses the grant, and nothing is assigned', async () => {
  sso.mood.tags = 0;
  const { message } = await failure(issue(orderOf()), 'ERR_CLOUD');
  assert.match(message, /ServiceQuotaExceeded/);
  assert.deepEqual(sso.assigned(), []);
});

test('sessions that live longer than the target says are neither planned nor issued', async () => {
  sso.mood.session = 'PT1H30M';
  const { hint } = await failure(provider.plan(target, [use(ADMIN)], 600), 'ERR_CLOUD');
  assert.match(hint ?? '', /raise session_seconds/);
  await failure(issue(orderOf()), 'ERR_CLOUD');
  const longer = provider.parseTarget('c', centerConfig({ endpoint: server.url, session_seconds: 5_400 }));
  const plan = await provider.plan(longer, [use(ADMIN)], 600);
  assert.deepEqual([plan.residualSeconds, plan.revocation], [5_700, { kind: 'within', seconds: 5_700 }]);
  assert(plan.words.some((line) => /nothing at AWS ends it by itself/.test(line)));
  assert(plan.words.some((line) => /sessions that are open then go on for up to 1h30m/.test(line)));
  assert.deepEqual(plan.assessment, { access: 'permissions', breadth: 'broad' });
});

test('the life of a session is read as AWS writes it, and as the longest where it cannot be read', () => {
  assert.deepEqual(
    ['PT1H', 'PT1H30M', 'PT3600S', 'P1D', undefined].map((text) => secondsOf(text)),
    [3_600, 5_400, 3_600, 86_400, 3_600],
  );
  for (const odd of ['', 'P', 'PT', '1h', 'PT1H\n', 'PT-1H', 'P1Y']) assert(secondsOf(odd) > 43_200, odd);
});

test('somebody whom the configuration does not know gets nothing, whatever their name is', async () => {
  const stranger = orderOf({ principal: { ...ANN, subject: 'u2' } });
  assert.throws(() => provider.intend(target, stranger), { code: 'ERR_TARGET' });
  await failure(issue(stranger), 'ERR_CLOUD');
  const elsewhere = orderOf({ principal: { ...ANN, issuer: 'https://idp.example.net' } });
  assert.throws(() => provider.intend(target, elsewhere), { code: 'ERR_TARGET' });
  const agent = orderOf({ principal: { ...ANN, kind: 'workload', subject: 'agent', actsFor: ANN } });
  assert.throws(() => provider.intend(target, agent), { code: 'ERR_TARGET' });
  assert.deepEqual(sso.calls, []);
});

test("the administrator's session can do these things to the account and the permission sets of the target, and no more", async () => {
  const aws = await fakeAws(() => clock, [sso]);
  try {
    const administrator = `arn:aws:iam::${ACCOUNT}:role/jit-assigns`;
    const there = provider.parseTarget('c', centerConfig({ endpoint: aws.url, administrator }));
    await provider.issue(there, orderOf(), never());
    const [policy = '', ...others] = aws.revokerPolicies;
    assert.deepEqual(others, []);
    const { Statement } = JSON.parse(policy) as { readonly Statement: readonly unknown[] };
    assert.deepEqual(Statement, [
      {
        Effect: 'Allow',
        Action: [
          'sso:CreateAccountAssignment',
          'sso:DeleteAccountAssignment',
          'sso:DescribeAccountAssignmentCreationStatus',
          'sso:DescribeAccountAssignmentDeletionStatus',
          'sso:DescribePermissionSet',
          'sso:ListAccountAssignments',
          'sso:ListTagsForResource',
          'sso:TagResource',
          'sso:UntagResource',
        ],
        Resource: [INSTANCE, `arn:aws:sso:::account/${ACCOUNT}`, ADMIN, VIEWER],
      },
    ]);
  } finally {
    await aws.close();
  }
});

test('a configuration says what it has to, and is refused by the name of the field otherwise', () => {
  const parse = (changes: object): CenterTarget => provider.parseTarget('c', centerConfig(changes));
  assert.deepEqual(parse({}).tool, {
    kind: 'aws',
    identity: 'own',
    account: ACCOUNT,
    region: 'eu-west-1',
    endpoint: null,
  });
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ instance: 'ssoins-1234567890abcdef' }, /instance: write it like/],
    [{ permission_sets: [] }, /permission_sets: at least one/],
    [{ permission_sets: [ADMIN.replace('ssoins-1', 'ssoins-2')] }, /permission_sets: .* is not of/],
    [{ permission_sets: ['arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/*'] }, /permission_sets\.0: write each/],
    [{ account: 'prod' }, /account: twelve digits/],
    [{ people: { ann: ANN_THERE } }, /people/],
    [{ people: { 'https://idp.example u1': 'ann' } }, /people/],
    [{ credentials: 'web-identity' }, /administrator: needed/],
    [{ session_seconds: 900 }, /session_seconds: at least 3600/],
    [{ endpoint: 'http://example.com' }, /endpoint/],
    [{ role: 'x' }, /role: unknown/],
  ];
  for (const [changes, message] of wrong) assert.throws(() => parse(changes), { code: 'ERR_CONFIG', message });
});
