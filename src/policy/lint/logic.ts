/**
 * What follows from conditions, and which cannot hold together. Both answer yes only where it is certain.
 * @module
 */
import { matches } from '../known.ts';
import { CLOSED_VALUES } from '../question.ts';
import { alternatives, type Atom, type Limits, limitsOf } from './atoms.ts';

/** Whether whatever meets all of `given` meets `asked`. */
export function entails(given: readonly Atom[], asked: Atom): boolean {
  if (given.some(({ key }) => key === asked.key)) return true;
  const ways = alternatives(asked);
  if (ways !== null) return ways.some((way) => entailsAll(given, way));
  const wanted = limitsOf(asked);
  if (wanted === null) return false;
  const known = about(given, wanted.subject);
  return known !== null && within(known, wanted);
}

/** Whether whatever meets all of `given` meets all of `asked`. */
export function entailsAll(given: readonly Atom[], asked: readonly Atom[]): boolean {
  return asked.every((each) => entails(given, each));
}

/** What the conditions leave for one thing, together. */
function about(given: readonly Atom[], subject: string): Limits | null {
  const all = given.flatMap((each) => limitsOf(each) ?? []);
  // Being one entity means being of its type.
  const types = all.flatMap((each) => (subject === `${each.subject} is` ? typesOf(each) : []));
  const found = [...types, ...all.filter((each) => each.subject === subject)];
  const closed = subject.startsWith('context.') ? CLOSED_VALUES.get(subject.slice('context.'.length)) : undefined;
  if (found.length === 0) return null;
  const lists = [
    ...(closed === undefined ? [] : [closed]),
    ...found.flatMap(({ among }) => (among === null ? [] : [[...among]])),
  ];
  const [first, ...more] = lists;
  return {
    subject,
    among: first === undefined ? null : new Set(first.filter((value) => more.every((list) => list.includes(value)))),
    not: new Set(found.flatMap(({ not }) => [...not])),
    least: Math.max(...found.map(({ least }) => least)),
    most: Math.min(...found.map(({ most }) => most)),
    like: found.flatMap(({ like }) => like),
  };
}

function typesOf({ among, subject }: Limits): Limits[] {
  if (among === null) return [];
  const types = new Set([...among].map((name) => name.slice(0, name.indexOf('::"'))));
  return [{ subject: `${subject} is`, among: types, not: new Set(), least: -Infinity, most: Infinity, like: [] }];
}

/** The values that are left, or null where there is no list of them. */
function left({ among, not, like }: Limits): readonly string[] | null {
  if (among === null) return null;
  return [...among].filter((value) => !not.has(value) && like.every((pattern) => matches(value, pattern)));
}

function within(known: Limits, wanted: Limits): boolean {
  const values = left(known);
  const fits = (value: string): boolean =>
    (wanted.among?.has(value) ?? true) && !wanted.not.has(value) && wanted.like.every((each) => matches(value, each));
  if (values !== null) return wanted.least === -Infinity && wanted.most === Infinity && values.every(fits);
  if (wanted.among !== null) return false;
  const ranged = known.least >= wanted.least && known.most <= wanted.most;
  const excluded = [...wanted.not].every(
    (value) => known.not.has(value) || !couldMatch(value, known.like) || isOutside(Number(value), known),
  );
  return ranged && excluded && wanted.like.every((pattern) => known.like.some((other) => narrower(other, pattern)));
}

/** False for what is not a number. */
function isOutside(value: number, { least, most }: Limits): boolean {
  return value < least || value > most;
}

function couldMatch(value: string, patterns: readonly (readonly string[])[]): boolean {
  return patterns.every((pattern) => matches(value, pattern));
}

/** Whether whatever matches one pattern surely matches the other, which has one wildcard at most. */
function narrower(one: readonly string[], other: readonly string[]): boolean {
  const [first = '', last, ...more] = other;
  if (last === undefined || more.length > 0 || one.length < 2) return false;
  const [start = '', end = ''] = [one[0], one.at(-1)];
  return start.startsWith(first) && end.endsWith(last) && first.length + last.length <= start.length + end.length;
}

/** What cannot hold together, in words, or null where nothing was found. */
export function contradiction(atoms: readonly Atom[]): string | null {
  const subjects = new Set(atoms.flatMap((each) => limitsOf(each)?.subject ?? []));
  for (const each of subjects) {
    const known = about(atoms, each);
    if (known === null) continue;
    if (known.least > known.most) return `no ${each} is from ${known.least} to ${known.most}`;
    if (left(known)?.length === 0) return `no value of ${each} is left`;
  }
  const unmet = atoms.find(({ wanted, key }) => wanted && atoms.some((other) => other.key === `!${key}`));
  return unmet === undefined ? null : 'a condition is demanded and excluded';
}
