/**
 * The grant's state machine over random sequences of events, sensible and senseless alike.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  CLAIM_SECONDS,
  CLOSE_REASONS,
  type Effect,
  type Grant,
  type GrantEvent,
  type Leg,
  retryAt,
  retryDelayMs,
  STUCK_AFTER,
} from '../../src/core/grant.ts';
import { openGrant, transition } from '../../src/core/transition.ts';
import { grantId, requestId } from '../../src/core/ids.ts';

const START = 1_800_000_000_000;
const at = fc.nat(600).map((seconds) => START + seconds * 1_000);
const target = fc.constantFrom('a', 'b', 'c', 'unknown');
const idleLimit = fc.integer({ min: 120, max: 300 });
const problem = fc.constantFrom('timeout', 'AccessDenied');

const event: fc.Arbitrary<GrantEvent> = fc
  .oneof(
    fc.record({ type: fc.constant('issued' as const), target, at, endsAt: at, notAfter: at, granted: problem }),
    fc.record({ type: fc.constant('reissue' as const), target, at, notAfter: at }),
    fc.record({ type: fc.constantFrom('issue-refused' as const, 'issue-unknown' as const), target, at, problem }),
    fc.record({ type: fc.constant('renew' as const), at, endsAt: at, idleSeconds: fc.option(idleLimit) }),
    fc.record({ type: fc.constant('cut' as const), at, endsAt: at, reason: fc.constant('incident-closed' as const) }),
    fc.record({ type: fc.constant('end' as const), reason: fc.constantFrom(...CLOSE_REASONS), at }),
    fc.record({ type: fc.constant('revoke-accepted' as const), target, at, until: at }),
    fc.record({ type: fc.constant('revoke-failed' as const), target, at, problem }),
    fc.record({ type: fc.constant('gone' as const), target, at, tidyAt: fc.option(at), proof: problem }),
  )
  .map((one) => ({ ...one }));

const targets = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 });
const history = fc.record({
  targets,
  idle: fc.option(idleLimit),
  events: fc.array(event, { maxLength: 40, size: 'max' }),
});

function opened(names: readonly string[], idleSeconds: number | null = null) {
  const legs = names.map((name) => ({
    target: name,
    provider: 'aws',
    handle: `h:${name}`,
    name: 'jit',
    revocation: { kind: 'immediate' } as const,
    notAfter: START + 900_000,
  }));
  const ids = { id: grantId(new Uint8Array(16)), requestId: requestId(new Uint8Array(16)) };
  return openGrant({ ...ids, seconds: 600, idleSeconds, at: START, legs });
}

interface Step {
  readonly before: Grant;
  readonly event: GrantEvent;
  readonly after: Grant;
  readonly effects: readonly Effect[];
  /** What the outbox holds afterwards: an answer about a target takes the effect that it answers out. */
  readonly outbox: ReadonlyMap<string, Effect>;
}

const nameOf = (effect: Effect): string => ('target' in effect ? `${effect.kind} ${effect.target}` : effect.kind);

function answered(answer: GrantEvent): string {
  switch (answer.type) {
    case 'issued':
    case 'issue-refused':
    case 'issue-unknown':
      return `issue ${answer.target}`;
    case 'revoke-accepted':
    case 'revoke-failed':
    case 'gone':
      return `revoke ${answer.target}`;
    case 'end':
      return answer.reason === 'expired' ? 'expire' : answer.reason === 'idle' ? 'idle' : '';
    case 'renew':
    case 'cut':
    case 'reissue':
      return '';
  }
}

function* run({
  targets: names,
  idle,
  events,
}: {
  readonly targets: readonly string[];
  readonly idle: number | null;
  readonly events: readonly GrantEvent[];
}) {
  const first = opened(names, idle);
  let grant = first.grant;
  let outbox = new Map(first.effects.map((effect) => [nameOf(effect), effect]));
  for (const one of events) {
    const { grant: after, effects } = transition(freeze(grant), one);
    outbox = new Map(outbox);
    outbox.delete(answered(one));
    for (const effect of effects) outbox.set(nameOf(effect), effect);
    const step: Step = { before: grant, event: one, after, effects, outbox };
    yield step;
    grant = after;
  }
}

/** A change in place would throw. */
function freeze(grant: Grant): Grant {
  for (const leg of grant.legs) Object.freeze(leg);
  Object.freeze(grant.legs);
  Object.freeze(grant.state);
  return Object.freeze(grant);
}

function always(title: string, check: (step: Step) => void): void {
  test(title, () => {
    fc.assert(
      fc.property(history, (given) => {
        for (const step of run(given)) check(step);
      }),
      { numRuns: 1_500 },
    );
  });
}

const legOf = (grant: Grant, name: string): Leg => grant.legs.find((leg) => leg.target === name) ?? assert.fail();
const hasEnded = (grant: Grant): boolean => !['issuing', 'active'].includes(grant.state.name);
const isOut = (leg: Leg): boolean => leg.state === 'issued' || leg.state === 'maybe-issued';

always('a grant keeps its name, its targets and their handles', ({ before, after }) => {
  const fixed = ({ id, requestId: request, legs }: Grant) => ({
    id,
    request,
    legs: legs.map((leg) => ({ target: leg.target, provider: leg.provider, handle: leg.handle })),
  });
  assert.deepEqual(fixed(after), fixed(before));
});

always(
  'only a renewal and a cut move the end of an active grant, and only a renewal its length, its count and its idle limit',
  ({ before, event: one, after }) => {
    const terms = ({ state, seconds, renewals, idleSeconds }: Grant) => ({
      end: state.name === 'active' ? state.expiresAt : null,
      seconds,
      renewals,
      idleSeconds,
    });
    if (one.type === 'renew' || one.type === 'cut' || before.state.name !== 'active' || after.state.name !== 'active')
      return;
    assert.deepEqual(terms(after), terms(before));
  },
);

always(
  'a cut never gives a later end, is made once, and its reason is that of the end',
  ({ before, event: one, after }) => {
    if (before.state.name !== 'active') return;
    if (one.type === 'cut' && after.state.name === 'active') {
      assert.equal(after.state.cut, 'incident-closed');
      const expected =
        before.state.cut === null ? Math.min(one.endsAt, before.state.expiresAt) : before.state.expiresAt;
      assert.equal(after.state.expiresAt, expected);
      assert.deepEqual(after.legs, before.legs);
    }
    if (one.type === 'end' && one.reason === 'expired' && 'reason' in after.state) {
      assert.equal(after.state.reason, before.state.cut ?? 'expired');
    }
  },
);

always('a renewal gives a later end or changes nothing, and never after the end', ({ before, event: one, after }) => {
  if (one.type !== 'renew') return;
  const { state } = before;
  if (state.name !== 'active' || one.at >= state.expiresAt || one.endsAt <= state.expiresAt) {
    assert.equal(after, before);
    return;
  }
  assert.deepEqual(after.state, { ...state, expiresAt: one.endsAt, cut: null });
  assert.equal(after.renewals, before.renewals + 1);
  assert.ok(after.seconds >= before.seconds && one.at + after.seconds * 1_000 >= one.endsAt);
  for (const leg of after.legs) assert.ok((leg.endsAt ?? 0) >= one.endsAt, leg.target);
  assert.deepEqual(
    after.legs.map((leg) => leg.notAfter),
    before.legs.map((leg) => leg.notAfter),
  );
  const limits = [before.idleSeconds, one.idleSeconds].filter((limit) => limit !== null);
  assert.equal(after.idleSeconds, limits.length === 0 ? null : Math.min(...limits));
});

always('what has ended never comes back to life, and keeps its reason', ({ before, after }) => {
  if (!hasEnded(before)) return;
  assert.ok(hasEnded(after));
  assert.equal('reason' in after.state && after.state.reason, 'reason' in before.state && before.state.reason);
});

always('a grant is closed exactly when nothing of it is left at any target', ({ after }) => {
  assert.equal(
    after.state.name === 'closed',
    after.legs.every((leg) => leg.state === 'gone'),
  );
});

always(
  'a grant is active only with a credential at every target, and no longer than the shortest of them',
  ({ after }) => {
    const { state } = after;
    if (state.name !== 'active') return;
    for (const leg of after.legs) {
      assert.equal(leg.state, 'issued');
      assert.ok(leg.endsAt !== null && state.expiresAt <= leg.endsAt);
    }
  },
);

always('what was or may have been issued is gone only when that was verified', ({ before, event: one, after }) => {
  for (const leg of before.legs) {
    if (!isOut(leg) || legOf(after, leg.target).state !== 'gone') continue;
    assert.ok(one.type === 'gone' && one.target === leg.target, `${leg.state} became gone by ${one.type}`);
  }
});

always(
  'the time until which the cloud may accept a credential never moves closer, once one may be out',
  ({ before, after }) => {
    for (const leg of before.legs) {
      if (leg.state === 'intended') continue;
      assert.ok(legOf(after, leg.target).notAfter >= leg.notAfter);
      assert.ok((legOf(after, leg.target).endsAt ?? 0) >= (leg.endsAt ?? 0));
    }
  },
);

always('a credential that turns up is remembered with its times, whatever the state', ({ event: one, after }) => {
  if (one.type !== 'issued' || one.target === 'unknown') return;
  const leg = after.legs.find((each) => each.target === one.target);
  if (leg === undefined) return;
  assert.equal(leg.state, 'issued');
  assert.ok(leg.notAfter >= one.notAfter && (leg.endsAt ?? 0) >= one.endsAt);
});

always('while a grant ends, each target that is not gone has its revocation in the outbox', ({ after, outbox }) => {
  if (!hasEnded(after)) return;
  for (const leg of after.legs) if (leg.state !== 'gone') assert.ok(outbox.has(`revoke ${leg.target}`), leg.target);
});

always('while a grant is being issued, each target not yet asked has its issue in the outbox', ({ after, outbox }) => {
  if (after.state.name !== 'issuing') return;
  for (const leg of after.legs) {
    assert.ok(leg.state === 'issued' || (leg.state === 'intended' && outbox.has(`issue ${leg.target}`)), leg.state);
  }
});

always('an active grant has its expiry in the outbox', ({ after, outbox }) => {
  if (after.state.name !== 'active') return;
  assert.equal(outbox.get('expire')?.dueAt, after.state.expiresAt);
});

always('a grant with an idle limit is looked at for use, as long as nobody says that it is idle', (step) => {
  const { after, outbox, event: one } = step;
  if (after.state.name !== 'active') return;
  assert.equal(outbox.has('idle'), after.idleSeconds !== null, one.type);
});

always('a grant that becomes active must be fetched within two minutes', ({ before, event: one, after, effects }) => {
  if (before.state.name === 'active' || after.state.name !== 'active') return;
  const claimBy = effects.find((effect) => effect.kind === 'claim-by') ?? assert.fail();
  assert.equal(claimBy.dueAt, Math.min(after.state.expiresAt, one.at + CLAIM_SECONDS * 1_000));
});

always(
  'a grant is stuck when a revocation that is still needed has failed often, and for no other reason',
  ({ after }) => {
    const failing = after.legs.some((leg) => leg.state !== 'gone' && leg.attempts >= STUCK_AFTER);
    if (after.state.name === 'stuck') assert.ok(after.legs.some((leg) => leg.state !== 'gone' && leg.attempts > 0));
    if (after.state.name === 'revoking') assert.ok(!failing);
  },
);

always(
  'late and repeated answers about a target that is gone change nothing',
  ({ before, event: one, after, effects }) => {
    if (one.type !== 'revoke-accepted' && one.type !== 'revoke-failed' && one.type !== 'issue-refused') return;
    if (before.legs.find((leg) => leg.target === one.target)?.state !== 'gone') return;
    assert.deepEqual(after, before);
    assert.deepEqual(effects, []);
  },
);

always(
  'an event about a target that the grant does not have changes nothing',
  ({ before, event: one, after, effects }) => {
    if (!('target' in one) || before.legs.some((leg) => leg.target === one.target)) return;
    assert.equal(after, before);
    assert.deepEqual(effects, []);
  },
);

always('an active grant does not expire early', ({ before, event: one, after }) => {
  if (before.state.name !== 'active' || one.type !== 'end' || one.reason !== 'expired') return;
  assert.equal(hasEnded(after), one.at >= before.state.expiresAt);
});

test('from wherever a grant is, ending it and verifying what the outbox asks for closes it', () => {
  fc.assert(
    fc.property(history, (given) => {
      let grant = opened(given.targets).grant;
      for (const step of run(given)) grant = step.after;
      grant = transition(grant, { type: 'end', reason: 'revoked', at: START }).grant;
      for (const { target: name } of grant.legs)
        grant = transition(grant, { type: 'gone', target: name, at: START, tidyAt: null, proof: 'looked' }).grant;
      assert.equal(grant.state.name, 'closed');
    }),
  );
});

test('one refused target ends the grant everywhere: all or none', () => {
  const { grant } = opened(['a', 'b']);
  const issued = transition(grant, {
    type: 'issued',
    granted: 'all of it',
    target: 'a',
    at: START,
    endsAt: START + 9,
    notAfter: START + 9,
  }).grant;
  const refused = transition(issued, { type: 'issue-refused', target: 'b', at: START + 1, problem: 'AccessDenied' });
  assert.deepEqual(refused.grant.state, { name: 'revoking', reason: 'failed', since: START + 1 });
  assert.deepEqual(refused.effects, [{ kind: 'revoke', target: 'a', dueAt: START + 1 }]);
});

test('a credential that turns up after the end is revoked, even when all was closed', () => {
  const { grant } = opened(['a']);
  const closed = transition(grant, { type: 'issue-refused', target: 'a', at: START, problem: 'AccessDenied' });
  assert.equal(closed.grant.state.name, 'closed');
  const late = transition(closed.grant, {
    type: 'issued',
    granted: 'all of it',
    target: 'a',
    at: START + 5,
    endsAt: START + 9,
    notAfter: START + 9,
  });
  assert.deepEqual(late.grant.state, { name: 'revoking', reason: 'failed', since: START + 5 });
  assert.deepEqual(late.effects, [{ kind: 'revoke', target: 'a', dueAt: START + 5 }]);
});

test('a revocation is tried for ever: from one second, doubling, at most every five minutes', () => {
  assert.deepEqual([1, 2, 3, 4, 9, 10].map(retryDelayMs), [1_000, 2_000, 4_000, 8_000, 256_000, 300_000]);
  fc.assert(
    fc.property(fc.nat(), (attempts) => {
      assert.ok(retryDelayMs(attempts) >= 1_000 && retryDelayMs(attempts) <= 300_000);
      assert.ok(retryDelayMs(attempts + 1) >= retryDelayMs(attempts));
    }),
  );
});

test('what failed together is tried again apart: over the last quarter of the pause, never later', () => {
  for (const attempts of [1, 5, 12]) {
    const longest = retryDelayMs(attempts);
    const pauses = Array.from({ length: 400 }, (_, n) => {
      const id = grantId(Buffer.alloc(16, `${n}`));
      return retryAt({ id }, { target: 'a', attempts }, START) - START;
    });
    assert.ok(pauses.every((pause) => pause >= longest * 0.75 && pause <= longest));
    const quarters = new Set(pauses.map((pause) => Math.floor(((longest - pause) / longest) * 16)));
    assert.ok(quarters.size >= 4, 'they are in one place');
  }
});

test('after six failures a revocation is stuck, one success unsticks it, and each failure sets the next try', () => {
  let grant = transition(opened(['a']).grant, { type: 'end', reason: 'revoked', at: START }).grant;
  for (let attempt = 1; attempt <= STUCK_AFTER + 1; attempt++) {
    const failed = transition(grant, { type: 'revoke-failed', target: 'a', at: START, problem: 'throttled' });
    const dueAt = retryAt(grant, { target: 'a', attempts: attempt }, START);
    assert.deepEqual(failed.effects, [{ kind: 'revoke', target: 'a', dueAt }]);
    assert.equal(failed.grant.state.name, attempt >= STUCK_AFTER ? 'stuck' : 'revoking');
    grant = failed.grant;
  }
  const taken = transition(grant, { type: 'revoke-accepted', target: 'a', at: START, until: START + 7 });
  assert.equal(taken.grant.state.name, 'revoking');
  assert.deepEqual(taken.effects, [{ kind: 'revoke', target: 'a', dueAt: START + 7 }]);
});
