/**
 * Resources as people type them, `namespace/kind/name`, taken apart.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { kindText, parseKind } from './action.ts';
import type { Kind } from './action.ts';
import { shown } from './shown.ts';

/**
 * Stands where a namespace would, for what is in none. No namespace can be called that: their names are DNS labels, which have
 * no underscore (RFC 1123).
 */
export const CLUSTER = '_cluster';

export interface Place extends Kind {
  /** `_cluster` for what is in no namespace. */
  readonly scope: string;
  /** Null for all of the kind. */
  readonly name: string | null;
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** RBAC and a few other kinds allow more than DNS names, such as `system:node`. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9:._-]{0,252}$/;

export function isNamespace(text: string): boolean {
  return LABEL.test(text);
}

/** The one spelling of a place: `parsePlace` of it gives the same place. */
export function placeText(place: Place): string {
  return `${place.scope}/${kindText(place)}/${place.name ?? '*'}`;
}

/** Reads `shop/pods/web-1`, `shop/deployments.apps/*` or `_cluster/nodes/n1`. Throws `ERR_RESOURCE` for anything else. */
export function parsePlace(typed: string): Place {
  const [scope = '', kindPart = '', name = '', ...rest] = typed.split('/');
  if (typed.length > 700 || name === '' || rest.length > 0) throw fault(typed, 'not a resource of kubernetes', EXAMPLE);
  if (scope !== CLUSTER && !isNamespace(scope)) {
    const hint = /[*?]/.test(scope) ? 'name each namespace' : EXAMPLE;
    throw fault(typed, 'begins with no name of a namespace', hint);
  }
  const kind = parseKind(kindPart);
  if (kind === null) throw fault(typed, 'names no kind of resource', EXAMPLE);
  if (name === '*') return { scope, ...kind, name: null };
  if (/[*?]/.test(name)) {
    throw fault(typed, 'kubernetes has no patterns of names', `name each, or all: ${scope}/${kindPart}/*`);
  }
  if (!NAME.test(name)) throw fault(typed, 'not a name of kubernetes', EXAMPLE);
  return { scope, ...kind, name };
}

const EXAMPLE = `write it as namespace/kind/name, for example shop/pods/web-1, shop/deployments.apps/* or ${CLUSTER}/nodes/n1`;

export function fault(typed: string, what: string, hint: string): JitError {
  return new JitError({ code: 'ERR_RESOURCE', message: `${shown(typed)}: ${what}`, hint });
}
