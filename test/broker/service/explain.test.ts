/**
 * Why a request was decided as it was: real service, policy engine and store; the cloud is a fake.
 * @module
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { isRequestId, type RequestId } from '../../../src/core/ids.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { type ExplanationView, explanationViewSchema } from '../../../src/wire/views.ts';
import { emergencyBroker, glass } from './emergencies.ts';
import { ALICE, ask, BOB, type Setting, startBroker, type TestBroker } from './world.ts';

const LEAD: Principal = { ...BOB, subject: 'lena', name: 'lena', groups: ['leads'] };
const POLICY = `
@id("look") @tier("auto") @max("1h")
permit(principal in Jit::Group::"eng", action == Jit::Action::"Request", resource)
when { context.access == "read" && context.operation like "s3:Get*" };
@id("change") @tier("manual") @max("1h") @approvers("1") @approver_group("leads")
permit(principal in Jit::Group::"eng", action == Jit::Action::"Request", resource)
when { context.operation like "s3:Put*" };
@id("frozen") @description("nothing is deleted before the release")
forbid(principal, action == Jit::Action::"Request", resource) when { context.operation like "s3:Delete*" };
@id("leads") permit(principal in Jit::Group::"leads", action == Jit::Action::"Approve", resource);
`;
const ENGINEER: Principal = { ...ALICE, groups: ['eng'] };

async function broker(t: TestContext, setting: Setting = {}): Promise<TestBroker> {
  const made = await startBroker({ policy: POLICY, ...setting });
  t.after(async () => made.stop());
  return made;
}

/** Asks and is refused at once. */
async function denied({ broker: { submit } }: TestBroker, who: Principal, operation: string): Promise<RequestId> {
  const thrown = await submit(who, ask(operation), null).then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof JitError && thrown.subject !== undefined && isRequestId(thrown.subject));
  return thrown.subject;
}

/** As the client takes it: what does not fit the schema would be refused there. */
async function explained(t: TestBroker, who: Principal, id: RequestId): Promise<ExplanationView> {
  return explanationViewSchema.parse(JSON.parse(JSON.stringify(await t.broker.explanation(who, id))));
}

test('a denied request is told which rule decided, and what would have to be otherwise for the others', async (t) => {
  const made = await broker(t);
  const frozen = await explained(made, ENGINEER, await denied(made, ENGINEER, 's3:DeleteObject'));
  assert.deepEqual(frozen.decided.policies, ['frozen']);
  assert.equal(frozen.decided.why, 'nothing is deleted before the release');
  const [question] = frozen.questions;
  assert.ok(question !== undefined && question.policies !== null);
  assert.deepEqual(
    question.policies.map(({ id, effect, tier, state }) => [id, effect, tier, state]),
    [
      ['look', 'permit', 'auto', 'misses'],
      ['change', 'permit', 'manual', 'misses'],
      ['frozen', 'forbid', null, 'decides'],
    ],
  );
  assert.doesNotMatch(JSON.stringify(frozen), /permit ?\(|forbid ?\(|@id/, 'no text of a policy');
  const stranger = await explained(made, ALICE, await denied(made, ALICE, 's3:GetObject'));
  assert.deepEqual([stranger.decided.policies, stranger.now?.decidedBy], [[], []]);
  const look = stranger.questions[0]?.policies?.find(({ id }) => id === 'look');
  assert.deepEqual(look?.missing, ['principal in Jit::Group::"eng"']);
});

test('after the policies or the groups have changed it says what was decided then and what would be now', async (t) => {
  let groups: readonly string[] = [];
  const made = await broker(t, { present: (who) => (who.subject === 'alice' ? { ...who, groups } : undefined) });
  const id = await denied(made, ALICE, 's3:GetObject');
  const before = await explained(made, ALICE, id);
  assert.deepEqual(
    [before.decided.state, before.now?.state, before.decided.policy],
    ['denied', 'denied', before.policy],
  );
  groups = ['eng'];
  const joined = await explained(made, ALICE, id);
  assert.deepEqual([joined.decided.state, joined.now?.state, joined.now?.tier], ['denied', 'approved', 'auto']);
  assert.deepEqual(joined.now?.decidedBy, ['look']);
  groups = [];
  await made.policy(
    POLICY.replace(
      '@tier("auto") @max("1h")\npermit(principal in Jit::Group::"eng"',
      '@tier("self-serve") @max("1h")\npermit(principal',
    ),
  );
  const loosened = await explained(made, ALICE, id);
  assert.deepEqual([loosened.decided.state, loosened.decided.policy], ['denied', before.policy]);
  assert.notEqual(loosened.policy, before.policy);
  assert.deepEqual([loosened.now?.state, loosened.now?.tier], ['pending', 'self-serve']);
  assert.match(loosened.now?.why ?? '', /needs your own confirmation \(policy look\)/);
});

test('whoever may see the request gets the same explanation, everybody else what is said of none', async (t) => {
  const made = await broker(t);
  const { request } = await made.broker.submit(ENGINEER, ask('s3:PutObject'), null);
  const own = await explained(made, ENGINEER, request.id);
  assert.deepEqual(await explained(made, LEAD, request.id), own);
  assert.deepEqual([own.decided.state, own.decided.policies, own.now?.state], ['pending', ['change'], 'pending']);
  const none: RequestId = `req_${'0'.repeat(26)}`;
  const answer = async (who: Principal, id: RequestId): Promise<string> =>
    made.broker.explanation(who, id).then(
      () => 'told',
      (error: unknown) => (error instanceof JitError ? `${error.code} ${error.message}`.replace(id, 'ID') : 'else'),
    );
  assert.match(await answer(BOB, request.id), /^ERR_NOT_FOUND /);
  assert.equal(await answer(BOB, request.id), await answer(BOB, none));
  // A lead votes on what needs approval, and has nothing to do with what policy refused by itself.
  assert.equal(await answer(LEAD, await denied(made, ENGINEER, 's3:DeleteObject')), await answer(LEAD, none));
});

test('what nobody can approve here would be denied here, although a policy permits it', async (t) => {
  const made = await broker(t, { approvals: { approvers: 'nobody' } });
  const { now, questions } = await explained(made, ENGINEER, await denied(made, ENGINEER, 's3:PutObject'));
  assert.deepEqual([now?.state, now?.tier, questions[0]?.decision], ['denied', 'manual', 'permit']);
  assert.match(now?.why ?? '', /on this broker there is nobody but you/);
});

test('for an agent the person it acts for is held against the rules as well', async (t) => {
  const made = await broker(t);
  const agent: Principal = {
    ...ENGINEER,
    kind: 'agent',
    subject: 'bot',
    name: 'bot',
    actsFor: { ...ALICE, kind: 'user' },
  };
  const { questions } = await explained(made, agent, await denied(made, agent, 's3:GetObject'));
  const [question] = questions;
  assert.match(question?.why ?? '', /^not for the person it acts for/);
  const missing = question?.person?.policies?.find(({ id }) => id === 'look')?.missing;
  assert.deepEqual(missing, ['principal in Jit::Group::"eng"']);
});

test('a request whose target is gone is explained by what was decided', async (t) => {
  const made = await broker(t, { targets: ['main', 'other'] });
  const id = await denied(made, ENGINEER, 's3:DeleteObject');
  // Safe: the map of a test's own broker, taken from as a restart with another configuration would.
  (made.world.targets as Map<string, unknown>).delete('main');
  const { decided, now, note, questions } = await explained(made, ENGINEER, id);
  assert.deepEqual([decided.state, decided.policies, now, questions], ['denied', ['frozen'], null, []]);
  assert.match(note ?? '', /no target "main"/);
});

test('rules that are too many for one answer are left out whole, and the verdict is told', async (t) => {
  const words = `x${'y'.repeat(60)}`;
  const many = Array.from(
    { length: 1_100 },
    (_, n) =>
      `@id("r${n}") @tier("auto") permit(principal, action == Jit::Action::"Request", resource) when { context.operation == "s3:${words}${n}" };`,
  );
  const made = await broker(t, { policy: `${POLICY}\n${many.join('\n')}` });
  const { questions, now } = await explained(made, ENGINEER, await denied(made, ENGINEER, 's3:DeleteObject'));
  assert.deepEqual([now?.decidedBy, questions[0]?.decidedBy, questions[0]?.policies], [['frozen'], ['frozen'], null]);
});

test('of a rule that fails, the condition that fails stands in the way, and what holds does not', async (t) => {
  const failing = `@id("sum") @tier("auto") permit(principal, action == Jit::Action::"Request", resource)
when { context.operation like "s3:*" && context.seconds * 9007199254740991 * 9007199254740991 > 5 && context.access == "list" };`;
  const made = await broker(t, { policy: failing });
  const { now, questions } = await explained(made, ALICE, await denied(made, ALICE, 's3:GetObject'));
  assert.match(now?.why ?? '', /could not be evaluated/);
  assert.deepEqual(questions[0]?.policies?.[0]?.missing, [
    '(context.seconds * 9007199254740991 * 9007199254740991) > 5',
    'context.access == "list"',
  ]);
});

test('an emergency is explained by its own rules, with the incident as it is now', async (t) => {
  const made = await emergencyBroker(t);
  const { request } = await made.broker.submit(ALICE, glass(), null);
  const explain = async (): Promise<ExplanationView> => explained(made, ALICE, request.id);
  const before = await explain();
  assert.deepEqual([before.decided.tier, before.decided.policies], ['break-glass', ['bg']]);
  assert.deepEqual([before.now?.state, before.now?.tier], ['approved', 'break-glass']);
  const reports = before.questions[0]?.policies?.map(({ id, tier, state }) => [id, tier, state]);
  assert.deepEqual(reports, [
    ['bg', 'break-glass', 'decides'],
    ['bg-sealed', 'break-glass', 'misses'],
    ['bg-duty', 'break-glass', 'misses'],
    ['bg-warned', 'break-glass', 'misses'],
  ]);
  made.source.changes(made.incident.id, { severity: 4 });
  await made.says(made.incident.id, 'changed');
  const after = await explain();
  assert.equal(after.now?.state, 'denied');
  assert.match(after.now?.why ?? '', /severity 4 is too low/);
  made.source.forgets(made.incident.id);
  await made.says(made.incident.id, 'changed');
  const none = await explain();
  assert.deepEqual([none.now?.why, none.questions], ['INC-1 does not exist any more', []]);
});
