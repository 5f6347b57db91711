/**
 * What about an emergency could be otherwise, one aspect at a time, and how to tell people which of it would help.
 * @module
 */
import { display } from '../../core/display.ts';
import { type Attribute, mentions, namedTexts } from '../expression.ts';
import { type EmergencyQuestion, type IncidentFacts, UNKNOWN_SEVERITY } from '../question.ts';
import type { Policy } from '../read.ts';

/** The same question with something otherwise. */
export type Way = Partial<IncidentFacts> & { readonly ticket?: boolean };

export interface Aspect {
  /** What it could be instead, first the way that most rules would like. */
  readonly ways: readonly Way[];
  /**
   * @param working the ways with which the answer is another, at least one.
   * @returns what is lacking, as a part of a sentence, and what would do.
   */
  readonly tell: (working: readonly Way[]) => { readonly lacks: string; readonly would: string };
}

/** The attributes by which rules can tell emergencies apart, but for whether the incident is open and verified. */
const STANDING: readonly Attribute[] = [
  'context.incident.responder',
  'context.incident.commander',
  'context.incident.onCallTier',
];
const TIERS = [1, 2, 3, 4, 5];
const SEVERITIES = [1, 2, 3, 4, 5];

/** The aspects of which policies speak, with all the values that matter to them. */
export function aspectsOf(policies: readonly Policy[], { incident, hasTicket }: EmergencyQuestion): Aspect[] {
  const spoken = (...attributes: readonly Attribute[]): boolean =>
    attributes.some((attribute) => policies.some(({ json }) => mentions(json.conditions, attribute)));
  return [
    ...(spoken(...STANDING) ? [standing(incident)] : []),
    ...(spoken('context.incident.severity') ? [severity(incident)] : []),
    ...(spoken('context.incident.services') ? [services(policies, incident)] : []),
    ...(spoken('context.incident.source') ? [source(policies, incident)] : []),
    // Nobody in a real incident is helped by what an exercise would allow.
    ...(incident.drill && spoken('context.incident.drill') ? [DRILL] : []),
    ...(spoken('context.hasTicket') ? [ticket(hasTicket)] : []),
  ].filter(({ ways }) => ways.length > 0);
}

function standing({ responder, commander, onCallTier }: IncidentFacts): Aspect {
  const everything: Way = { responder: true, commander: true, onCallTier: 1 };
  const both: Way = { responder: true, onCallTier: 1 };
  const roles = new Map<Way, string>([
    ...(responder ? [] : [[{ responder: true }, 'responder'] as const]),
    ...(commander ? [] : [[{ responder: true, commander: true }, 'commander'] as const]),
  ]);
  const tiers = TIERS.filter((tier) => tier !== onCallTier).map((tier): Way => ({ onCallTier: tier }));
  return {
    ways: [everything, both, ...roles.keys(), ...tiers],
    tell(working) {
      // Who leads an incident works on it, so the lesser role is enough where it is.
      const [role] = [...roles].flatMap(([way, name]) => (working.includes(way) ? [name] : []));
      const calls = tiers.filter((way) => working.includes(way)).flatMap((way) => way.onCallTier ?? []);
      const parts = [...(role === undefined ? [] : [role]), ...(calls.length === 0 ? [] : [tierWords(calls)])];
      const [part, other] = parts;
      if (part === undefined) {
        const all = `both ${working.includes(both) ? 'responder' : 'commander'} and first on call`;
        return { lacks: `you are not ${all} for the incident`, would: `as ${all} for it` };
      }
      const lacks = other === undefined ? `not ${part}` : `neither ${part} nor ${other}`;
      return { lacks: `you are ${lacks} for the incident`, would: `as ${parts.join(' or ')} for it` };
    },
  };
}

function tierWords(tiers: readonly number[]): string {
  const last = Math.max(...tiers);
  if (last === TIERS.length) return 'on call';
  if (last === 1) return 'first on call';
  return `on call in tier ${tiers.join(' or ')}`;
}

function severity({ severity: present }: IncidentFacts): Aspect {
  return {
    ways: SEVERITIES.filter((each) => each !== present).map((each) => ({ severity: each })),
    tell(working) {
      const levels = working.flatMap((way) => way.severity ?? []);
      const last = Math.max(...levels);
      const whole = levels.length === SEVERITIES.filter((each) => each <= last && each !== present).length;
      const would = `with severity ${whole && last > 1 ? `${last} or more severe` : levels.join(' or ')}`;
      if (present === UNKNOWN_SEVERITY) return { lacks: 'no severity is known for it', would };
      const step = levels.every((each) => each < present) ? 'too low' : 'not the right one';
      return { lacks: `its severity ${present} is ${step}`, would };
    },
  };
}

function services(policies: readonly Policy[], { services: present }: IncidentFacts): Aspect {
  const attribute = 'context.incident.services';
  const missing = namedTexts(policies, attribute).filter((name) => !present.includes(name));
  // A rule may want several at once, or them alone.
  const lists = policies.map((policy) => namedTexts([policy], attribute)).filter((names) => names.length > 0);
  const ways: Way[] = [
    ...missing.map((name) => ({ services: [...present, name] })),
    ...lists.map((names) => ({ services: [...new Set([...present, ...names])] })),
    ...lists.map((names) => ({ services: names })),
    ...present.map((name) => ({ services: present.filter((each) => each !== name) })),
  ];
  return {
    ways,
    tell(working) {
      const sets = working.flatMap((way) => (way.services === undefined ? [] : [way.services]));
      const larger = sets.filter((set) => within(present, set));
      const gains = larger.map((set) => set.filter((name) => !present.includes(name)));
      const least = gains.filter((set) => !gains.some((other) => other.length < set.length && within(other, set)));
      if (least.length > 0) return concerning(least, '');
      const smaller = sets.filter((set) => within(set, present));
      const names = listed(present.filter((name) => smaller.some((set) => !set.includes(name)))).join(' or ');
      if (names === '') return concerning(sets, ' alone');
      return { lacks: `it concerns ${names}`, would: `with an incident that does not concern ${names}` };
    },
  };
}

function concerning(sets: readonly (readonly string[])[], word: '' | ' alone'): ReturnType<Aspect['tell']> {
  const names = [...new Set(sets.map((set) => `${listed(set).join(' and ')}${word}`))].join(' or ');
  return { lacks: `it does not concern ${names}`, would: `with an incident that concerns ${names}` };
}

/** Whoever can write to the incident has chosen them, and what is told goes to terminals, notices and the audit log. */
const MOST_NAMED = 5;
const LONGEST_NAME = 100;

function listed(names: readonly string[]): readonly string[] {
  const more = names.length - MOST_NAMED;
  const shown = names.slice(0, MOST_NAMED).map((name) => display(name, LONGEST_NAME));
  return more > 0 ? [...shown, `${more} more`] : shown;
}

function within(some: readonly string[], all: readonly string[]): boolean {
  return some.every((each) => all.includes(each));
}

function source(policies: readonly Policy[], { source: present }: IncidentFacts): Aspect {
  const named = namedTexts(policies, 'context.incident.source').filter((name) => name !== present);
  return {
    ways: named.map((name) => ({ source: name })),
    tell(working) {
      const names = working.flatMap((way) => way.source ?? []).join(' or ');
      return { lacks: `it is of ${present}`, would: `with an incident of ${names}` };
    },
  };
}

const DRILL: Aspect = {
  ways: [{ drill: false }],
  tell: () => ({ lacks: 'it is a drill', would: 'in a real incident' }),
};

function ticket(present: boolean): Aspect {
  const words = present
    ? { lacks: 'a ticket is given', would: 'without --ticket' }
    : { lacks: 'a ticket is needed', would: 'with --ticket ID' };
  return { ways: [{ ticket: !present }], tell: () => words };
}
