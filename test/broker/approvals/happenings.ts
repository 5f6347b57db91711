/**
 * What may happen to requests: what clients do, what changes for everybody, and random choices among it.
 * @module
 */
import * as fc from 'fast-check';
import { GROUPS, type Group, type Membership, type Name, NAMES, REQUESTERS } from './people.ts';
import type { Asked, Deed, Surroundings } from './reference.ts';
import { RULES } from './rules.ts';

/** A deed before it is known to which request it is done. */
interface Draft {
  readonly kind: Deed['kind'];
  readonly by: Name | 'requester';
  readonly choice: 'approve' | 'deny';
  /** Whether a person was asked for the vote. */
  readonly attended: boolean;
  /** The policy that the client had in front of it, and whether it was this request. */
  readonly rules: number | 'present';
  readonly request: 'this' | 'another';
}

/** What one client does to one of the requests, whichever there are, through one of the brokers. */
export interface Act {
  readonly kind: 'act';
  readonly request: number;
  readonly broker: number;
  readonly draft: Draft;
}

/** What changes for everybody at once. */
export interface Shift {
  readonly kind: 'shift';
  readonly change:
    | { readonly kind: 'reload'; readonly rules: number }
    | { readonly kind: 'member'; readonly name: Name; readonly group: Group }
    | { readonly kind: 'time'; readonly ms: number };
}

export type Happening = Act | Shift;

export function told(one: Happening): string {
  if (one.kind === 'shift') return JSON.stringify(one.change);
  const { kind, by, choice, attended, rules, request } = one.draft;
  const what = kind === 'vote' ? `${choice}${attended ? '' : ' by script'}` : kind;
  const where = `#${one.request} at broker ${one.broker}`;
  if (kind === 'sweep' || kind === 'judge') return `${what} at broker ${one.broker}`;
  return `${by}: ${what} ${where}${rules === 'present' ? '' : `, seen under ${rules}`}${request === 'this' ? '' : ', with another hash'}`;
}

/** @param present the policy when the clients looked. */
export function deedOf({ kind, by, choice, attended, rules, request }: Draft, what: Asked, present: number): Deed {
  const who = by === 'requester' ? what.requester : by;
  const seen = { rules: rules === 'present' ? present : rules, request };
  switch (kind) {
    case 'vote':
      return { kind, by: who, choice, attended, seen };
    case 'confirm':
      return { kind, by: who, seen };
    case 'sweep':
    case 'judge':
      return { kind };
    case 'issue':
    case 'fetch':
    case 'cancel':
    case 'revoke':
      return { kind, by: who };
  }
}

export function shifted(around: Surroundings, { change }: Shift): Surroundings {
  switch (change.kind) {
    case 'reload':
      return { ...around, rules: change.rules };
    case 'member':
      return { ...around, groups: toggled(around.groups, change.name, change.group) };
    case 'time':
      return { ...around, now: around.now + change.ms };
  }
}

function toggled(groups: Membership, name: Name, group: Group): Membership {
  const of = new Set(groups.get(name));
  if (!of.delete(group)) of.add(group);
  return new Map(groups).set(name, of);
}

const name = fc.constantFrom(...NAMES);
const voter = fc.oneof({ arbitrary: fc.constantFrom<Name>('ann', 'bo', 'cy', 'dee'), weight: 4 }, name);
const requester = fc.oneof({ arbitrary: fc.constant('requester' as const), weight: 6 }, name);
const anyRules = fc.nat(RULES.length - 1);

/** Mostly what is true, for nothing else ever counts. */
const seen = {
  rules: fc.oneof({ arbitrary: fc.constant('present' as const), weight: 12 }, anyRules),
  request: fc.oneof({ arbitrary: fc.constant('this' as const), weight: 20 }, fc.constant('another' as const)),
};
const choice = fc.oneof(
  { arbitrary: fc.constant('approve' as const), weight: 6 },
  { arbitrary: fc.constant('deny' as const), weight: 1 },
);

const attended = fc.nat(7).map((one) => one > 0);

const draft: fc.Arbitrary<Draft> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('vote' as const), by: voter, choice, attended, ...seen }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('confirm' as const), by: requester, choice, attended, ...seen }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('issue' as const), by: requester, choice, attended, ...seen }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('cancel' as const, 'fetch' as const, 'fetch' as const, 'revoke' as const),
      by: requester,
      choice,
      attended,
      ...seen,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('sweep' as const, 'judge' as const),
      by: name,
      choice,
      attended,
      ...seen,
    }),
  },
);

export const act: fc.Arbitrary<Act> = fc.record({
  kind: fc.constant('act' as const),
  request: fc.nat(2),
  broker: fc.nat(1),
  draft,
});

const change: fc.Arbitrary<Shift['change']> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('reload' as const), rules: anyRules }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('member' as const), name, group: fc.constantFrom(...GROUPS) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(1, 59, 60, 119, 120, 399, 400) }),
  },
);

export const shift: fc.Arbitrary<Shift> = fc.record({ kind: fc.constant('shift' as const), change });

export const question: fc.Arbitrary<Asked> = fc.record({
  requester: fc.constantFrom(...REQUESTERS),
  operations: fc.constantFrom<Asked['operations']>(
    ['change'],
    ['change'],
    ['change', 'look'],
    ['grave'],
    ['grave', 'change'],
    ['look'],
    ['read'],
    ['tend'],
    ['peek'],
  ),
});
