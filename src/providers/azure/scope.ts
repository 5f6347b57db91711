/**
 * Identifiers of Azure resources, read strictly: they become paths of calls to Azure.
 * @module
 */
import type { Breadth } from '../../core/access.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';

/** What an identifier names. All names are in lower case, since Azure does not tell them apart by case. */
export interface Scope {
  readonly subscription: string;
  readonly group: string | null;
  /** Null for a subscription or a resource group. */
  readonly resource: {
    readonly namespace: string;
    /** Alternating type and name, at least one pair. */
    readonly path: readonly { readonly type: string; readonly name: string }[];
  } | null;
}

/** Of all that Azure allows in names, what cannot mean anything in a URL. */
const SEGMENT = /^[A-Za-z0-9_.()@$~=;,+!-]{1,260}$/;
const NAMESPACE = /^[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z][A-Za-z0-9]*)+$/;
const TYPE = /^[A-Za-z][A-Za-z0-9_.-]*$/;
const GUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const LONGEST = 1_024;

/** Whether a text is a GUID in lower case. */
export function isGuid(text: string): boolean {
  return GUID.test(text);
}

/**
 * Reads `/subscriptions/…`, `…/resourceGroups/…` or `…/providers/…`, in any case. Throws `ERR_RESOURCE`; nothing is ever
 * stripped or decoded to make it fit.
 */
export function readScope(text: string): Scope {
  const parts = text.length <= LONGEST && text.startsWith('/') ? text.slice(1).split('/') : [];
  if (parts.some((part) => !SEGMENT.test(part) || /^\.+$/.test(part) || part.endsWith('.'))) throw unreadable(text);
  const lower = parts.map((part) => part.toLowerCase());
  const [root, subscription = '', ...below] = lower;
  if (root !== 'subscriptions' || !isGuid(subscription)) throw unreadable(text);
  if (below.length === 0) return { subscription, group: null, resource: null };
  const inGroup = below[0] === 'resourcegroups';
  const group = inGroup ? (below[1] ?? '') : null;
  if (group === '') throw unreadable(text);
  const rest = inGroup ? below.slice(2) : below;
  if (rest.length === 0) return { subscription, group, resource: null };
  const [providers, namespace = '', ...pairs] = rest;
  if (providers !== 'providers' || !NAMESPACE.test(namespace) || pairs.length === 0 || pairs.length % 2 === 1) {
    throw unreadable(text);
  }
  const path = pairs.flatMap((type, at) => (at % 2 === 0 ? [{ type, name: pairs[at + 1] ?? '' }] : []));
  // An extension of a resource has `providers` a second time. Roles on those reach no further than the resource itself.
  if (path.some(({ type }) => !TYPE.test(type) || type === 'providers')) throw unreadable(text);
  return { subscription, group, resource: { namespace, path } };
}

/** The one spelling: what two identifiers of the same thing become. @param spelled namespace and types as Azure writes them. */
export function writeScope(scope: Scope, spelled: readonly string[] = []): string {
  const { subscription, group, resource } = scope;
  const head = `/subscriptions/${subscription}${group === null ? '' : `/resourceGroups/${group}`}`;
  if (resource === null) return head;
  const [namespace = resource.namespace, ...types] = spelled;
  const pairs = resource.path.map(({ type, name }, at) => `${types[at] ?? type}/${name}`);
  return `${head}/providers/${namespace}/${pairs.join('/')}`;
}

/** As the SDK wants it in a path, which it begins with a slash of its own. */
export function inPath(scope: string): string {
  return scope.replace(/^\/+/, '');
}

/** Whether both name the same thing, however Azure or an operator spells them. */
export function sameScope(a: string, b: string): boolean {
  return a.toLowerCase().replace(/\/+$/, '') === b.toLowerCase().replace(/\/+$/, '');
}

/** Whether the inner one is the outer one or lies in it. */
export function liesIn(inner: string, outer: string): boolean {
  const [a, b] = [inner.toLowerCase(), outer.toLowerCase().replace(/\/+$/, '')];
  return a === b || a.startsWith(`${b}/`);
}

/** A resource is exact; a group holds what will be put there later; a subscription holds everything. */
export function breadthOf({ group, resource }: Scope): Breadth {
  if (resource !== null) return 'exact';
  return group === null ? 'broad' : 'within';
}

function unreadable(text: string): JitError {
  return new JitError({
    code: 'ERR_RESOURCE',
    message: `${JSON.stringify(display(text, 200)).replaceAll(/[^\x20-\x7e]/g, '?')} is not an Azure resource ID`,
    hint: 'write it like /subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.Storage/storageAccounts/<name>',
  });
}
