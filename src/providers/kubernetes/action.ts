/**
 * Operations as people type them, such as `pods/get` or `deployments.apps/scale/update`, taken apart.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { suggest } from '../../core/suggest.ts';
import { shown } from './shown.ts';

/** The verbs of requests for resources. Source: Kubernetes documentation, "Determine the Request Verb". */
export const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'] as const;
export type Verb = (typeof VERBS)[number];

/** A resource type as RBAC names it. */
export interface Kind {
  /** Lower-case plural, such as `deployments`. */
  readonly resource: string;
  /** Such as `apps`; empty for the core group. */
  readonly group: string;
}

export interface Action extends Kind {
  readonly subresource: string | null;
  readonly verbs: readonly Verb[];
}

/**
 * Subresources that are one operation whatever the verb. A tool begins exec, attach and port-forward with POST or, over
 * WebSockets, with GET, and RBAC sees `create` or `get` (Kubernetes enhancement 4006, "Transition from SPDY to WebSockets").
 */
const WHOLE: ReadonlyMap<string, readonly Verb[]> = new Map<string, readonly Verb[]>([
  ['pods/attach', ['create', 'get']],
  ['pods/exec', ['create', 'get']],
  ['pods/log', ['get']],
  ['pods/portforward', ['create', 'get']],
]);

/** Verbs that RBAC has beside the ordinary ones, each of which lets its holder have more than was granted. */
const ESCAPES: ReadonlySet<string> = new Set(['approve', 'attest', 'bind', 'escalate', 'impersonate', 'sign', 'use']);

const NAME = /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const GROUP = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const LONGEST = 400;

/** Reads `deployments.apps` or `pods`, or returns null. */
export function parseKind(text: string): Kind | null {
  if (text.length > 316) return null;
  const dot = text.indexOf('.');
  const [resource, group] = dot < 0 ? [text, ''] : [text.slice(0, dot), text.slice(dot + 1)];
  if (!NAME.test(resource) || (dot >= 0 && !GROUP.test(group))) return null;
  return { resource, group };
}

/** Such as `deployments.apps`. */
export function kindText({ resource, group }: Kind): string {
  return group === '' ? resource : `${resource}.${group}`;
}

/** The one spelling of an action: `parseAction` of it gives the same action. */
export function actionText(action: Action): string {
  const base = action.subresource === null ? kindText(action) : `${kindText(action)}/${action.subresource}`;
  return isWhole(action) ? base : `${base}/${action.verbs[0] ?? ''}`;
}

/** Such as `pods/exec`, as rules of RBAC name it. */
export function ruleResource({ resource, subresource }: Pick<Action, 'resource' | 'subresource'>): string {
  return subresource === null ? resource : `${resource}/${subresource}`;
}

/**
 * Reads `RESOURCE[.GROUP]/VERB`, `RESOURCE[.GROUP]/SUBRESOURCE/VERB`, or one of `pods/exec`, `pods/attach`,
 * `pods/portforward` and `pods/log`. Throws `ERR_OPERATION` for anything else, without asking a cluster.
 */
export function parseAction(typed: string): Action {
  if (typed.length > LONGEST) throw fault(typed, 'longer than any operation', EXAMPLE);
  const [kindPart = '', second, third, ...rest] = typed.split('/');
  if (second === undefined || rest.length > 0) throw fault(typed, 'not an operation of kubernetes', EXAMPLE);
  if (typed.includes('*')) throw fault(typed, 'a wildcard is not one operation', EXAMPLE);
  const kind = parseKind(kindPart);
  if (kind === null || !NAME.test(second) || (third !== undefined && !NAME.test(third))) {
    throw fault(typed, 'not an operation of kubernetes', EXAMPLE);
  }
  const escape = [second, third].find((part) => part !== undefined && ESCAPES.has(part));
  if (escape !== undefined) {
    throw fault(typed, `${escape} would let its holder have more than is granted`, 'ask for what you need it for');
  }
  if (third === undefined) return twoParts(typed, kind, second);
  const action = { ...kind, subresource: second };
  if (isVerb(second)) throw fault(typed, `${second} is a verb, and comes last`, EXAMPLE);
  if (WHOLE.has(wholeName(action))) {
    throw fault(typed, `${kindText(kind)}/${second} is one operation`, `write it as ${kindText(kind)}/${second}`);
  }
  if (!isVerb(third)) throw fault(typed, `${third} is no verb`, verbHint(`${kindText(kind)}/${second}`, third));
  return { ...action, verbs: [third] };
}

function twoParts(typed: string, kind: Kind, second: string): Action {
  if (isVerb(second)) return { ...kind, subresource: null, verbs: [second] };
  const verbs = WHOLE.get(wholeName({ ...kind, subresource: second }));
  if (verbs !== undefined) return { ...kind, subresource: second, verbs };
  throw fault(typed, `${second} is no verb`, verbHint(kindText(kind), second));
}

function verbHint(base: string, typed: string): string {
  const wholes = [...WHOLE.keys()].flatMap((name) =>
    name.startsWith(`${base}/`) ? [name.slice(base.length + 1)] : [],
  );
  const near = suggest(typed, [...VERBS, ...wholes]).map((name) => `${base}/${name}`);
  if (near.length > 0) return `did you mean ${near.join(' or ')}?`;
  return `verbs are ${VERBS.join(', ')}; a subresource has one too, for example deployments.apps/scale/update`;
}

const EXAMPLE = 'write it as pods/get, pods/exec, deployments.apps/patch or deployments.apps/scale/update';

const isVerb = (text: string): text is Verb => VERBS.some((verb) => verb === text);
const isWhole = (action: Action): boolean => WHOLE.has(wholeName(action));
const wholeName = (action: Kind & { readonly subresource: string | null }): string =>
  `${kindText(action)}/${action.subresource ?? ''}`;

function fault(typed: string, what: string, hint: string): JitError {
  return new JitError({ code: 'ERR_OPERATION', message: `${shown(typed)}: ${what}`, hint });
}
