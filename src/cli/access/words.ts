/**
 * Grants in words: what, where, until when, and the line that uses it.
 * @module
 */
import type { Ask } from '../../core/request.ts';
import type { GrantView, LegView, Outcome, RequestView } from '../../wire/views.ts';
import { type Fact, fact } from '../table.ts';

export const SANDBOX_NOTE = 'sandbox: not AWS';

/** `s3:GetObject on arn:aws:s3:::bucket/*`. */
export function accessWords(request: Pick<RequestView, 'asks'>): string {
  return request.asks
    .map(({ operation, resources }) => (resources.length === 0 ? operation : `${operation} on ${resources.join(', ')}`))
    .join('; ');
}

/** `incident INC-7: s3:GetObject on …` in an emergency: what must not be cut off comes first. */
export function boundWords(request: Pick<RequestView, 'asks' | 'incident'>): string {
  return `${incidentPrefix(request.incident?.reference ?? null)}${accessWords(request)}`;
}

/** What comes before the access of an emergency wherever grants stand in a table; nothing for any other. */
export function incidentPrefix(reference: string | null): string {
  return reference === null ? '' : `incident ${reference}: `;
}

/** With whose end it ends; none but in an emergency. */
export function incidentFact({ incident }: Pick<RequestView, 'incident'>): readonly Fact[] {
  return incident === null
    ? []
    : [fact('incident', `${incident.reference} (${incident.source}), with which it ends`, 'warn')];
}

/** `2 of leads and 1 of those who may approve`: who is still missing, or nobody. */
export function missingWords({ quorum }: Pick<RequestView, 'quorum'>): string {
  const open = quorum.filter(({ missing }) => missing > 0);
  if (open.length === 0) return 'nobody';
  return open.map(({ group, missing }) => `${missing} of ${group ?? 'those who may approve'}`).join(' and ');
}

/** All that is asked for in one request. */
export function asksOf({ ask, also }: { readonly ask: Ask; readonly also: readonly Ask[] }): RequestView['asks'] {
  return [ask, ...also].map(({ operation, resources }) => ({ operation, resources: [...resources] }));
}

/**
 * What a tool must be told to use a grant at one of its targets: of a server with several databases, those that were asked for.
 * @returns null where the broker does not know the target any more.
 */
export function toolOf({ permissions }: Pick<RequestView, 'permissions'>, { target, tool }: LegView): LegView['tool'] {
  if (tool?.kind !== 'postgres') return tool;
  const asked = permissions.filter((each) => each.target === target).flatMap(({ resources }) => resources);
  const databases = tool.databases.filter((name) => asked.includes(name));
  return databases.length === 0 ? tool : { ...tool, databases };
}

/** `approve by bob: fine (does not count)`. */
export function voteWords({ by, choice, comment, counts }: RequestView['votes'][number]): string {
  return `${choice} by ${by.name}${comment === null ? '' : `: ${comment}`}${counts ? '' : ' (does not count)'}`;
}

/** `sandbox (sandbox: not AWS), prod-reports`. */
export function targetWords(legs: readonly Pick<LegView, 'target' | 'sandbox'>[]): string {
  return legs.map(({ target, sandbox }) => (sandbox ? `${target} (${SANDBOX_NOTE})` : target)).join(', ');
}

/** Epoch ms of the end, or null before the grant is issued. */
export function endOf(grant: Pick<GrantView, 'expiresAt'>): number | null {
  return grant.expiresAt === null ? null : Date.parse(grant.expiresAt);
}

/** A short, typable name that no other grant has: `jit-s3-getobject-7k2m9q`, in an emergency `jit-inc-7-s3-getobject-7k2m9q`. */
export function profileNameFor({
  request,
  grant,
}: {
  readonly request: Pick<RequestView, 'asks' | 'incident'>;
  readonly grant: Pick<GrantView, 'id'>;
}): string {
  const operation = slug(request.asks[0]?.operation ?? '', 32);
  const incident = slug(request.incident?.reference ?? '', 24);
  // A bare number says nothing: many services call their incidents #1234.
  const prefix = incident === '' ? [] : /^\d/.test(incident) ? ['incident', incident] : [incident];
  return ['jit', ...prefix, operation === '' ? 'access' : operation, grant.id.slice(-6)].join('-');
}

function slug(text: string, limit: number): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, limit)
    .replace(/-+$/, '');
}

const OBJECT = /^arn:aws[a-z-]*:s3:::([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/(.+)$/;
const BUCKET = /^arn:aws[a-z-]*:s3:::([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])$/;
/** Every sandbox has this object, so that the first line that a newcomer pastes works. */
export const SANDBOX_HELLO = { bucket: 'sandbox-reports', key: 'hello.txt' };

/** A command line that uses the grant at a target of aws. `aws` is the program with its profile, such as `aws --profile NAME`. */
export function useLine(outcome: Outcome, target: string, aws: string): string {
  const permission = outcome.request.permissions.find((each) => each.target === target);
  const resource = permission?.resources[0] ?? '';
  const actions = new Set(permission?.actions.map((action) => action.toLowerCase()));
  const object = OBJECT.exec(resource);
  const bucket = OBJECT.exec(resource)?.[1] ?? BUCKET.exec(resource)?.[1];
  if (actions.has('s3:getobject') && object?.[1] !== undefined && object[2] !== undefined) {
    const sandbox = outcome.grant?.legs.some((leg) => leg.target === target && leg.sandbox) === true;
    return `${aws} s3 cp ${quoted(`s3://${object[1]}/${keyFor(object[1], object[2], sandbox)}`)} -`;
  }
  if (actions.has('s3:listbucket') && bucket !== undefined) return `${aws} s3 ls s3://${bucket}`;
  return `${aws} sts get-caller-identity`;
}

function keyFor(bucket: string, pattern: string, sandbox: boolean): string {
  if (!/[*?]/.test(pattern)) return pattern;
  if (sandbox && bucket === SANDBOX_HELLO.bucket && pattern === '*') return SANDBOX_HELLO.key;
  return pattern.replace(/[*?].*$/, 'KEY');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
