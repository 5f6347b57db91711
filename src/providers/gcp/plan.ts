/**
 * What would be issued at a target, for people and for policy.
 * @module
 */
import { ACCESS_LEVELS, BREADTHS, highest } from '../../core/access.ts';
import type { AccessLevel, Assessment, Plan, RevocationClass } from '../../core/access.ts';
import { formatDuration } from '../../core/duration.ts';
import { bindingCondition } from './condition.ts';
import type { Place } from './condition.ts';
import { permissionsIn } from './narrow.ts';
import type { Narrowed, Pick } from './narrow.ts';
import { accessOf } from './permissions.ts';
import type { Binding } from './policy.ts';
import { SPREAD_SECONDS } from './revocation.ts';
import { boundaryOf } from './storage-token.ts';
import type { Boundary } from './storage-token.ts';
import type { Given } from './pam-api.ts';
import type { GcpTarget } from './target.ts';

/** Whose binding it is, and what it is called. */
export interface Label {
  readonly member: string;
  readonly title: string;
  readonly description: string;
}

/** What stands in a plan for what only an order knows. */
const UNKNOWN: Label = { member: '<requester>', title: '<grant>', description: '<broker>' };
/** Named one by one; of longer lists, this many and how many more. */
const NAMED = 40;

/** Throws `ERR_PERMISSION_SIZE`. @param endsAt epoch ms, as if issued now. */
export function planOf(
  target: GcpTarget,
  narrowed: readonly Narrowed[],
  picks: readonly Pick[],
  { endsAt, given }: { readonly endsAt: number; readonly given: Given | null },
): Plan {
  const revocation = revocationOf(target);
  return {
    target: target.name,
    permission: given === null ? grantedText(target, picks, endsAt, UNKNOWN) : givenText(target, given),
    words: [
      target.access.kind === 'binding'
        ? "for the requester's own identity at Google: nothing is handed out"
        : `as ${target.access.account}, in tokens of at most ${formatDuration(target.access.tokenSeconds)}`,
      ...picks.flatMap((one) => pickWords(target, one)),
      ...(picks.some((one) => permissionsIn(one).some((name) => accessOf(name) === 'permissions'))
        ? ['access that it hands out stays after the grant has ended']
        : []),
      ...(target.access.kind === 'pam'
        ? [
            `everything that ${target.access.entitlement} gives, to one grant at a time`,
            `a grant at Google of half an hour at least, which cannot be extended; no token outlives the grant of jit`,
          ]
        : []),
      target.access.kind === 'binding'
        ? `takes effect within minutes, as Google spreads it; revoked within ${formatDuration(SPREAD_SECONDS)}; ends by itself on the second`
        : `no token can be revoked: one that is out works until it ends, at most ${formatDuration(target.access.tokenSeconds)} and never beyond the grant`,
    ],
    assessment: together(narrowed),
    floorSeconds: 0,
    residualSeconds: 0,
    revocation,
  };
}

/**
 * What becomes of access that is out when its grant ends early. A token is never called back, but none lives longer than this,
 * and none is made any more.
 */
export function revocationOf({ access }: GcpTarget): RevocationClass {
  return { kind: 'within', seconds: access.kind === 'binding' ? SPREAD_SECONDS : access.tokenSeconds };
}

/** What IAM is given for a grant. Throws `ERR_PERMISSION_SIZE`. */
export function bindingsOf(
  picks: readonly Pick[],
  endsAt: number,
  { member, title, description }: Label,
): readonly Binding[] {
  return picks.map(({ facts, places }) => ({
    role: facts.role,
    members: [member],
    condition: { title, description, expression: bindingCondition(endsAt, places) },
  }));
}

/** Exactly what Google is given, as one text. Throws `ERR_PERMISSION_SIZE`. */
export function grantedText(target: GcpTarget, picks: readonly Pick[], endsAt: number, label: Label): string {
  const given: readonly Binding[] | Boundary =
    target.access.kind === 'binding' ? bindingsOf(picks, endsAt, label) : boundaryOf(picks);
  return JSON.stringify(given);
}

/** The same where Google gives an entitlement. */
export function givenText({ access }: GcpTarget, { resource, roles }: Given): string {
  const [entitlement, requester] = access.kind === 'pam' ? [access.entitlement, access.account] : ['', ''];
  return JSON.stringify({ entitlement, requester, resource, roleBindings: roles });
}

/** Nothing that a role brings beside what was asked for goes without saying. */
function pickWords(target: GcpTarget, one: Pick): readonly string[] {
  const { facts, places, asked } = one;
  const within = permissionsIn(one);
  const more = within.filter((name) => !asked.includes(name));
  const changing = more.filter((name) => !['list', 'read'].includes(accessOf(name)));
  const where =
    places.length === 0
      ? `in all of project ${target.reach.project}`
      : `on ${unique(places.map(placeWords)).join(', ')}`;
  const named = changing.slice(0, NAMED).join(', ');
  const rest = changing.length > NAMED ? ` and ${changing.length - NAMED} more` : '';
  const counted = `${more.length} ${asked.length === 0 ? '' : 'further '}permission${more.length === 1 ? '' : 's'} there`;
  const changes =
    changing.length === 0
      ? 'none of which changes anything'
      : `of which ${changing.length} change${changing.length === 1 ? 's' : ''} something: ${named}${rest}`;
  return [
    `${facts.role} ${where}`,
    ...asked.map((name) => `${name} (${accessOf(name)}), as asked for`),
    more.length === 0 ? 'nothing else: the role permits no more there' : `with the role come ${counted}, ${changes}`,
  ];
}

function placeWords({ name, match, lists }: Place): string {
  const text = match === 'whole' ? name : `${name}*`;
  return lists === 'may list' && match === 'beginning' ? `${text} (and lists of it)` : text;
}

function together(narrowed: readonly Narrowed[]): Assessment {
  const access = highest<AccessLevel>(
    ACCESS_LEVELS,
    narrowed.map(({ assessment }) => assessment.access),
  );
  const breadth = highest(
    BREADTHS,
    narrowed.map(({ assessment }) => assessment.breadth),
  );
  return { access: access ?? 'permissions', breadth: breadth ?? 'broad' };
}

const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts)];
