/**
 * What is doubtful about a permit on action `BreakGlass`.
 * @module
 */
import { type EmergencyRule, precedesInEmergency } from '../emergency/choose.ts';
import { type Attribute, attributeOf, mentions, namedTexts, nodes, operands } from '../expression.ts';
import { UNKNOWN_SEVERITY } from '../question.ts';
import type { Policy } from '../read.ts';
import { type Atom, atom, atomsOf, limitsOf, parts } from './atoms.ts';
import { contradiction, entails, entailsAll } from './logic.ts';

const fact = (attr: string): object => ({
  '.': { left: { '.': { left: { Var: 'context' }, attr: 'incident' } }, attr },
});
const compared = (operator: '==' | '<=' | '>=', attr: string, value: number): Atom =>
  atom({ [operator]: { left: fact(attr), right: { Value: value } } }, true);

/** What holds for every incident. */
export const INCIDENT_RANGES: readonly Atom[] = [
  compared('>=', 'severity', 1),
  compared('<=', 'severity', UNKNOWN_SEVERITY),
  compared('>=', 'onCallTier', 0),
];

/** That its source could be asked. */
export const VERIFIED: Atom = atom(fact('verified'), true);

/** What is known while it could not. */
const UNSEEN: readonly Atom[] = [
  ...['verified', 'open', 'responder', 'commander'].map((attr) => atom(fact(attr), false)),
  compared('==', 'severity', UNKNOWN_SEVERITY),
  compared('==', 'onCallTier', 0),
];

/** By which rules tell incidents apart, and people in them. */
const PEOPLE: readonly Attribute[] = [
  'context.incident.responder',
  'context.incident.commander',
  'context.incident.onCallTier',
];
const TELLING: readonly Attribute[] = [
  ...PEOPLE,
  'context.incident.severity',
  'context.incident.services',
  'context.incident.source',
  'context.incident.drill',
];

type Doubt = readonly [rule: 'any-incident' | 'any-person' | 'not-on-call' | 'sealed-useless', message: string];

/** @param policy a permit on `BreakGlass`. */
export function doubtful(policy: Policy): Doubt[] {
  const atoms = atomsOf(policy);
  const speaks = (attribute: Attribute): boolean => mentions(policy.json.conditions, attribute);
  return [
    ...unbound(atoms, speaks),
    ...(countsNobody(policy)
      ? [['not-on-call', 'context.incident.onCallTier is 0 for who is not on call, and that is less: add > 0'] as const]
      : []),
    ...(policy.emergency?.sealed !== null && neverUnseen(policy, atoms)
      ? [
          [
            'sealed-useless',
            'its sealed path is never used: without its source no severity, service or role is known, so write a permit for !context.incident.verified',
          ] as const,
        ]
      : []),
  ];
}

/** The two ways in which a permit can be meant for fewer emergencies than it is. */
function unbound(atoms: readonly Atom[], speaks: (attribute: Attribute) => boolean): Doubt[] {
  // A permit for when the source is silent has nothing else to look at.
  if (contradiction([...atoms, VERIFIED]) !== null) return [];
  if (!TELLING.some(speaks)) {
    return [
      ['any-incident', 'does not look at the incident: whoever it means may, in any that is open, however small'],
    ];
  }
  const exercise =
    entails(atoms, atom(fact('drill'), true)) ||
    entails(atoms, atom({ '.': { left: { Var: 'resource' }, attr: 'sandbox' } }, true));
  const machine = entails(atoms, atom({ is: { left: { Var: 'principal' }, entity_type: 'Jit::Workload' } }, true));
  if (exercise || machine || PEOPLE.some(speaks)) return [];
  return [
    [
      'any-person',
      'asks for no part in the incident: add context.incident.responder or context.incident.onCallTier == 1',
    ],
  ];
}

/** Whether tiers have an upper limit and no lower one, wherever that stands. */
function countsNobody({ json }: Policy): boolean {
  const limits = [...nodes(json.conditions)].flatMap((node) => {
    const compares = ['<', '<=', '>', '>=', '=='].some((operator) =>
      operands(node, operator)?.some((side) => attributeOf(side) === 'context.incident.onCallTier'),
    );
    return compares ? (limitsOf(atom(node, true)) ?? []) : [];
  });
  return limits.some(({ most, least }) => most < Infinity && least < 0) && !limits.some(({ least }) => least >= 1);
}

/** Whether a permit surely does not match while the source cannot be reached. */
function neverUnseen(policy: Policy, atoms: readonly Atom[]): boolean {
  const services = namedTexts([policy], 'context.incident.services').map((name) =>
    atom({ contains: { left: fact('services'), right: { Value: name } } }, false),
  );
  const known = [...UNSEEN, ...services];
  if (contradiction([...atoms, ...known]) !== null) return true;
  return atoms.some(({ expression, wanted }) => entailsAll(known, parts(expression, !wanted)));
}

/** Whether of two permits that match and whose limits are met, the first decides, with the source of the incident and without. */
export function shadowsInEmergency(one: EmergencyRule, other: EmergencyRule): boolean {
  const [path, needed] = [one.terms.sealed, other.terms.sealed];
  if (!precedesInEmergency(one, other)) return false;
  if (needed === null) return true;
  if (path === null || path.maxSeconds < needed.maxSeconds) return false;
  return precedesInEmergency(
    { ...one, terms: { ...one.terms, maxSeconds: path.maxSeconds } },
    { ...other, terms: { ...other.terms, maxSeconds: needed.maxSeconds } },
  );
}
