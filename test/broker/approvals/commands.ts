/**
 * One step of a sequence: something happens, or several things at once through two brokers, and what is read back afterwards
 * has to be something that the reference thinks possible, in some order, with the same answers to the clients.
 * @module
 */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { JitError } from '../../../src/core/errors.ts';
import type { GrantId, RequestId } from '../../../src/core/ids.ts';
import type { RequestBody } from '../../../src/wire/bodies.ts';
import { type Act, act, deedOf, type Happening, question, shift, shifted, told } from './happenings.ts';
import { type Asked, asked, type Case, results, type Surroundings } from './reference.ts';
import { THINGS } from './rules.ts';
import type { Twins } from './twins.ts';

export interface Followed {
  readonly id: RequestId;
  readonly hash: string;
  readonly what: Asked;
  /** Every standing that was read, in order. */
  readonly read: Case[];
}

/** Where the model of one sequence stands. */
export interface Model {
  readonly requests: Followed[];
}

export type Command = fc.AsyncCommand<Model, Twins>;
type Outcome = 'done' | 'refused';

const MOST_REQUESTS = 3;
let serial = 0;

/** Two clients send the same request at once, each to a broker of its own: one request comes of it. */
function submitting(what: Asked): Command {
  return {
    check: ({ requests }) => requests.length < MOST_REQUESTS,
    toString: () => `${what.requester}: request ${what.operations.join(' and ')}`,
    async run({ requests }, twins) {
      const expected = asked(what, twins.around);
      const idempotency = { key: `key-${serial++}`, bodyHash: 'a'.repeat(64) };
      const who = twins.principal(what.requester);
      const sent = await Promise.allSettled(
        twins.brokers.map(async ({ broker }) => broker.submit(who, bodyOf(what), idempotency)),
      );
      const made = sent.flatMap((one) => (one.status === 'fulfilled' ? [one.value.request] : refusal(one.reason, [])));
      assert.equal(made.length, expected === null ? 0 : 2);
      assert.ok(new Set(made.map(({ id }) => id)).size <= 1);
      const [request] = made;
      if (request === undefined || expected === null) return;
      const standing = await twins.read(request.id);
      assert.deepEqual(standing, expected);
      requests.push({ id: request.id, hash: request.hash, what, read: [standing] });
    },
  };
}

function bodyOf({ operations }: Asked): RequestBody {
  return {
    authorization_details: operations.map((operation) => THINGS[operation].ask),
    seconds: 600,
    reason: 'as long as any rule of the example wants a reason to be',
    ticket: 'OPS-7',
  };
}

/** @param turns how many turns each waits after the one before it began. */
function together(happenings: readonly { readonly one: Happening; readonly turns: number }[]): Command {
  const name = happenings.map(({ one, turns }) => `${turns > 0 ? `[${turns}] ` : ''}${told(one)}`).join(' & ');
  return {
    check: ({ requests }) => requests.length > 0,
    toString: () => name,
    async run(model, twins) {
      const before = twins.around;
      const running: Promise<Outcome>[] = [];
      for (const { one, turns } of happenings) {
        await pass(turns);
        if (one.kind === 'act') running.push(carryOut(model, twins, one, before.rules));
        else {
          twins.around = shifted(twins.around, one);
          running.push(Promise.resolve('done'));
        }
      }
      const outcomes = await Promise.all(running);
      const all = happenings.map(({ one }, at) => ({ one, outcome: outcomes[at] ?? 'refused' }));
      for (const [index, followed] of model.requests.entries()) {
        const standing = await twins.read(followed.id);
        const last = followed.read.at(-1) ?? assert.fail();
        const view = { index, count: model.requests.length, what: followed.what, seen: before.rules };
        const possible = endings([{ now: last, before: [] }], before, all, view).map(({ now }) => now);
        const isPossible = possible.some((one) => isSame(one, standing));
        if (!isPossible) assert.deepEqual({ outcomes, standing }, { last, possible }, name);
        followed.read.push(standing);
      }
    },
  };
}

/** Lets what is under way go on for a while: it stands between two of its steps when the next thing happens. */
async function pass(turns: number): Promise<void> {
  for (let turn = 1; turn <= turns; turn++) {
    if (turn % 5 > 0) await Promise.resolve();
    else await new Promise((resolve) => void setImmediate(resolve));
  }
}

interface View {
  readonly index: number;
  readonly count: number;
  readonly what: Asked;
  readonly seen: number;
}
interface Happened {
  readonly one: Happening;
  readonly outcome: Outcome;
}

/** One way in which it may have gone so far. */
interface Way {
  readonly now: Case;
  readonly before: readonly Case[];
}

/** Where a request may be after all of it, in any order that gives these outcomes. */
function endings(from: readonly Way[], around: Surroundings, left: readonly Happened[], view: View): readonly Way[] {
  if (left.length === 0) return from;
  return left.flatMap(({ one, outcome }, at) => {
    const rest = left.toSpliced(at, 1);
    if (one.kind === 'shift') return endings(from, shifted(around, one), rest, view);
    const next = from.flatMap((way) => onwards(way, around, one, outcome, view));
    return next.length === 0 ? [] : endings(next, around, rest, view);
  });
}

function onwards(
  way: Way,
  around: Surroundings,
  { request, draft }: Act,
  outcome: Outcome,
  view: View,
): readonly Way[] {
  const { index, count, what, seen } = view;
  const deed = deedOf(draft, what, seen);
  if (deed.kind !== 'sweep' && deed.kind !== 'judge' && request % count !== index) return [way];
  const from = (standing: Case): readonly Case[] =>
    results(standing, deed, what, around).flatMap((result) => (result.outcome === outcome ? [result.after] : []));
  // Whoever changes nothing may have looked a moment earlier: their answer was true when it was given.
  const idle = way.before.some((standing) => from(standing).some((after) => isSame(after, standing)));
  const changed = from(way.now).map((now) => ({ now, before: [...way.before, way.now] }));
  return idle ? [...changed, way] : changed;
}

const isSame = (a: Case, b: Case): boolean => JSON.stringify(a) === JSON.stringify(b);

async function carryOut({ requests }: Model, twins: Twins, { request, broker: at, draft }: Act, present: number) {
  const { id, hash, what } = requests[request % requests.length] ?? assert.fail();
  const { broker, approvals } = twins.brokers[at] ?? assert.fail();
  const deed = deedOf(draft, what, present);
  const who = 'by' in deed ? twins.principal(deed.by) : null;
  const body = (seen: { readonly rules: number; readonly request: 'this' | 'another' }) => ({
    hash: seen.request === 'this' ? hash : 'f'.repeat(64),
    policy: twins.version(seen.rules),
  });
  const work = async (): Promise<unknown> => {
    if (deed.kind === 'sweep') return approvals.timeOut();
    if (deed.kind === 'judge' || who === null) return approvals.judgeAnew();
    switch (deed.kind) {
      case 'vote':
        if (deed.choice === 'approve') return broker.approve(who, id, { ...body(deed.seen), attended: deed.attended });
        return broker.deny(who, id, { ...body(deed.seen), reason: 'no' });
      case 'confirm':
        return broker.confirm(who, id, body(deed.seen));
      case 'cancel':
        return broker.cancel(who, id);
      case 'issue':
        return broker.issue(who, id);
      case 'fetch':
        return broker.credentials(who, await grantOf(twins, id));
      case 'revoke':
        return broker.revoke(who, await grantOf(twins, id), 'revoked');
    }
  };
  return work().then(
    (): Outcome => 'done',
    (thrown: unknown) => refusal<Outcome>(thrown, 'refused'),
  );
}

async function grantOf({ store }: Twins, id: RequestId): Promise<GrantId> {
  const stored = await store.request(id);
  if (stored === null || stored.grant === null)
    throw new JitError({ code: 'ERR_NOT_FOUND', message: 'no grant of it' });
  return stored.grant;
}

const PROMISED: ReadonlySet<string> = new Set([
  'ERR_DENIED',
  'ERR_DECIDED',
  'ERR_PENDING',
  'ERR_NOT_FOUND',
  'ERR_NEEDS_APPROVAL',
  'ERR_GRANT_ENDED',
]);

/** Whatever goes wrong is one of the refusals that a client is promised. */
function refusal<T>(thrown: unknown, refused: T): T {
  if (thrown instanceof JitError && PROMISED.has(thrown.code)) return refused;
  throw thrown;
}

const alone = fc.oneof({ arbitrary: act, weight: 3 }, shift).map((one) => together([{ one, turns: 0 }]));
const racing = fc
  .array(fc.record({ one: fc.oneof({ arbitrary: act, weight: 5 }, shift), turns: fc.nat(14) }), {
    minLength: 2,
    maxLength: 3,
  })
  .map(together);

/** One thing is under way when the ground moves beneath it. */
const shaken = fc.tuple(act, shift, fc.nat(14)).map(([one, other, turns]) =>
  together([
    { one, turns: 0 },
    { one: other, turns },
  ]),
);

/** Sequences begin with a request, because nothing can happen to none. */
export const sequences = fc.tuple(
  question.map(submitting),
  fc.commands([question.map(submitting), alone, alone, alone, racing, racing, shaken], {
    maxCommands: 14,
    size: 'max',
  }),
);
export type Sequence = typeof sequences extends fc.Arbitrary<infer T> ? T : never;
