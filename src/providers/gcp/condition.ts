/**
 * Conditions in CEL: until when, and on what. Everything that is put into one was checked to need no escaping.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Bound } from './resources.ts';

/** Where access is given. */
export interface Place extends Bound {
  /** Whether what begins like this may be listed as well. */
  readonly lists: 'may list' | 'may not list';
}

/** IAM quotas: "Logical operators in a role binding's condition expression: 12". */
const MOST_OPERATORS = 12;
const END = /^request\.time < timestamp\("(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z)"\)(?:$| && )/;

/** An end in whole seconds, never later than asked for. @param endsAt epoch ms. */
export function endText(endsAt: number): string {
  return `${new Date(Math.floor(endsAt / 1_000) * 1_000).toISOString().slice(0, 19)}Z`;
}

/**
 * The condition of a binding: before the end, and on one of the places where there are any.
 * Throws `ERR_PERMISSION_SIZE` where IAM would not take it.
 */
export function bindingCondition(endsAt: number, places: readonly Place[]): string {
  const time = `request.time < timestamp("${endText(endsAt)}")`;
  if (places.length === 0) return time;
  const services = Map.groupBy(places, ({ service }) => service);
  const parts = [...services].map(([service, members]) => {
    const here = [...new Set(members.flatMap(bindingClauses))].join(' || ');
    return `resource.service == "${service}" && (${here})`;
  });
  const [only = '', ...more] = parts;
  const where = more.length === 0 ? only : `(${parts.map((part) => `(${part})`).join(' || ')})`;
  const text = `${time} && ${where}`;
  const operators = text.match(/ (?:&&|\|\|) /g)?.length ?? 0;
  if (operators > MOST_OPERATORS) throw tooLarge('google takes 12 logical operators in one condition');
  return text;
}

/** The same without an end, for a boundary of Cloud Storage around one bucket. */
export function boundaryCondition(places: readonly Place[]): string {
  return [...new Set(places.flatMap(boundaryClauses))].join(' || ');
}

/** What a condition of ours ends at, epoch ms, or null where somebody has rewritten it. */
export function readEnd(expression: string): number | null {
  const end = Date.parse(END.exec(expression)?.[1] ?? '');
  return Number.isNaN(end) ? null : end;
}

export function tooLarge(why: string): JitError {
  return new JitError({ code: 'ERR_PERMISSION_SIZE', message: why, hint: 'ask for fewer resources at once' });
}

/**
 * Listing is done to the bucket, whose name does not begin like an object's; which part of it is listed is told by an attribute of
 * its own. It is empty for every other request and for a list of everything, so no empty prefix may ever be compared with it, and
 * outside a boundary it has to be said whose it is.
 * Source: IAM documentation, "Restrict a credential's Cloud Storage permissions", on `objectListPrefix`.
 */
function bindingClauses(place: Place): readonly string[] {
  const { bucket, prefix } = partsOf(place);
  if (place.lists === 'may not list' || prefix === '') return [clauseOf(place)];
  return [clauseOf(place), `(resource.name == "${bucket}" && ${listClause(prefix)})`];
}

function boundaryClauses(place: Place): readonly string[] {
  const { prefix } = partsOf(place);
  return place.lists === 'may not list' || prefix === '' ? [clauseOf(place)] : [clauseOf(place), listClause(prefix)];
}

const clauseOf = ({ name, match }: Bound): string =>
  match === 'whole' ? `resource.name == "${name}"` : `resource.name.startsWith("${name}")`;

const listClause = (prefix: string): string =>
  `api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("${prefix}")`;

/** The bucket and the beginning of names in it; none for anything but the beginning of objects' names. */
function partsOf({ name, match, type }: Bound): { readonly bucket: string; readonly prefix: string } {
  const cut = name.indexOf('/objects/');
  if (type !== 'objects' || match !== 'beginning' || cut < 0) return { bucket: '', prefix: '' };
  return { bucket: name.slice(0, cut), prefix: name.slice(cut + '/objects/'.length) };
}
