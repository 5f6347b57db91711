/**
 * Which resources fit an action, and how far their wildcards reach.
 * @module
 */
import type { Breadth } from '../../core/access.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import { parseArn } from './arn.ts';
import type { Arn } from './arn.ts';
import type { ResourceType } from './service-facts.ts';

/** Where resources may be: the role's own account, the target's own region. */
export interface Home {
  readonly target: string;
  readonly partition: string;
  readonly account: string;
  readonly region: string;
}

/** A resource that has been read and found to be in place. */
export interface Resource {
  readonly text: string;
  readonly arn: Arn;
}

/** Reads an ARN that somebody typed. Throws `ERR_RESOURCE` for what is none, or what IAM would read as more than it says. */
export function readResource(text: string, home: Home): Resource {
  // IAM replaces `${…}` by values of the request: the resource would not be what the approver read.
  if (text.includes('${')) throw fault(text, 'policy variables are not taken', 'name the resource itself');
  const arn = parseArn(text);
  if (arn === null) throw fault(text, 'not an ARN', 'write it like arn:aws:s3:::bucket/key');
  const { partition, service, region, account } = arn;
  if (/[*?]/.test(`${partition}${service}${region}${account}`)) {
    throw fault(text, 'wildcards are taken in the last part only', 'name partition, service, region and account');
  }
  if (partition !== home.partition) {
    throw fault(text, `target ${home.target} is in partition ${home.partition}`, `write arn:${home.partition}:…`);
  }
  return { text, arn };
}

/** Whether a resource is of a type, in the place where the target works. */
export function fits(resource: Resource, type: ResourceType, home: Home): boolean {
  const shape = shapeOf(type);
  const { service, region, account } = resource.arn;
  return (
    fieldFits(shape.service, service, service) &&
    fieldFits(shape.region, region, home.region) &&
    fieldFits(shape.account, account, home.account) &&
    matches(resource.arn.resource, shape.pieces)
  );
}

/**
 * The types that a resource is of: of those that match, the ones with the most fixed text, since a variable swallows
 * anything (`bucket/key` would also be a bucket's name).
 */
export function typesOf(resource: Resource, types: readonly ResourceType[], home: Home): readonly ResourceType[] {
  const matching = types.filter((type) => fits(resource, type, home));
  const most = Math.max(0, ...matching.map((type) => shapeOf(type).fixed));
  return matching.filter((type) => shapeOf(type).fixed === most);
}

/** Whether a wildcard makes a resource reach into a type that its text alone does not show, as `arn:aws:s3:::*` reaches objects. */
export function reaches(resource: Resource, type: ResourceType, home: Home): boolean {
  const shape = shapeOf(type);
  const { service, region, account, resource: text } = resource.arn;
  return (
    /[*?]/.test(text) &&
    fieldFits(shape.service, service, service) &&
    fieldFits(shape.region, region, home.region) &&
    fieldFits(shape.account, account, home.account) &&
    overlap(text, shape.pieces)
  );
}

/**
 * How far a resource's wildcards reach. A name ends at the first `/` or `:` after the type's own word, and a path-like
 * name (`/aws/lambda/x`) at a `:` only; a wildcard beyond that is below a named resource.
 */
export function breadthOf(resource: Resource, types: readonly ResourceType[]): Breadth {
  const text = resource.arn.resource;
  const wild = text.search(/[*?]/);
  if (wild < 0) return 'exact';
  return types.length > 0 && types.every((type) => wild > nameEnd(text, type)) ? 'within' : 'broad';
}

function nameEnd(text: string, type: ResourceType): number {
  const { lead } = shapeOf(type);
  if (!text.startsWith(lead)) return text.length;
  const name = text.slice(lead.length);
  const end = name.search(name.startsWith('/') ? /:/ : /[/:]/);
  return end <= 0 ? text.length : lead.length + end;
}

type Piece = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'variable' };

interface Shape {
  readonly service: string;
  readonly region: string;
  readonly account: string;
  readonly pieces: readonly Piece[];
  /** The fixed text before the first variable, such as `table/`. */
  readonly lead: string;
  /** Characters of fixed text. */
  readonly fixed: number;
}

const shapes = new WeakMap<ResourceType, Shape>();

function shapeOf(type: ResourceType): Shape {
  const known = shapes.get(type);
  if (known !== undefined) return known;
  // No variable of a pattern holds a colon, so the first five parts are never torn.
  const [, , service = '', region = '', account = '', ...rest] = type.pattern.split(':');
  const parts = rest
    .join(':')
    .split(/(\$\{[^}]*\}|\*)/)
    .filter((part) => part !== '');
  const pieces = parts.map((part): Piece => {
    return part === '*' || part.startsWith('${') ? { kind: 'variable' } : { kind: 'text', text: part };
  });
  const [first] = pieces;
  const shape = {
    service,
    region,
    account,
    pieces,
    lead: first?.kind === 'text' ? first.text : '',
    fixed: pieces.reduce((sum, piece) => sum + (piece.kind === 'text' ? piece.text.length : 0), 0),
  };
  shapes.set(type, shape);
  return shape;
}

/** Whether a text has the shape, each variable being one character or more. Linear, whatever somebody typed. */
function matches(text: string, pieces: readonly Piece[]): boolean {
  let at = 0;
  let gap = false;
  for (const [index, piece] of pieces.entries()) {
    if (piece.kind === 'variable') {
      if (gap) at += 1;
      gap = true;
      continue;
    }
    const last = index === pieces.length - 1;
    // The leftmost place leaves the most for the rest, except that the last piece stands at the end.
    const start = last && gap ? text.length - piece.text.length : text.indexOf(piece.text, gap ? at + 1 : at);
    if (start < (gap ? at + 1 : at) || (!gap && start !== at) || !text.startsWith(piece.text, start)) return false;
    at = start + piece.text.length;
    gap = false;
  }
  return gap ? text.length > at : text.length === at;
}

function fieldFits(pattern: string, value: string, home: string): boolean {
  if (pattern === '') return value === '';
  return pattern.includes('${') || pattern === '*' ? value === home : value === pattern;
}

/** Whether some text that the wildcards of `glob` stand for has the shape, each variable being one segment of a path. */
function overlap(glob: string, pieces: readonly Piece[]): boolean {
  const shape = pieces.flatMap((piece) => (piece.kind === 'text' ? piece.text.split('') : [null]));
  // reach[i][j]: the first i characters of the glob can stand for the first j elements of the shape.
  const seen = new Set<string>();
  const walk = (i: number, j: number, inside: boolean): boolean => {
    const key = `${i} ${j} ${inside ? 1 : 0}`;
    if (seen.has(key)) return false;
    seen.add(key);
    if (i === glob.length && j === shape.length) return true;
    // A variable that has taken a character may end here.
    if (inside && walk(i, j + 1, false)) return true;
    const typed = glob[i];
    const element = shape[j];
    if (typed === '*' && walk(i + 1, j, inside)) return true;
    if (typed === undefined || j === shape.length) return false;
    const wild = typed === '*' || typed === '?';
    const next = typed === '*' ? i : i + 1;
    if (element === null) return (wild || typed !== '/') && walk(next, j, true);
    return (wild || typed === element) && walk(next, j + 1, false);
  };
  return walk(0, 0, false);
}

/** Whether IAM would take `pattern`, with its `*` and `?`, to mean `text`. Linear in practice: it goes back to the last `*` only. */
export function globMatches(pattern: string, text: string): boolean {
  let at = 0;
  let from = 0;
  let star = -1;
  let resume = 0;
  while (from < text.length) {
    if (pattern[at] === '*') {
      star = at;
      resume = from;
      at += 1;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[from])) {
      at += 1;
      from += 1;
    } else if (star >= 0) {
      resume += 1;
      at = star + 1;
      from = resume;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}

/** `ERR_RESOURCE` about one resource. */
export function fault(text: string, what: string, hint: string): JitError {
  return new JitError({ code: 'ERR_RESOURCE', message: `${display(text, 200)}: ${what}`, hint });
}
