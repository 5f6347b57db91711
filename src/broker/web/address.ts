/**
 * The addresses of the pages, under whatever path the broker is reached at.
 * @module
 */
import { isGrantId, isRequestId } from '../../core/ids.ts';

/** Where the pages live, as their own server sees it. */
export const ROOT = '/web';
export const CALLBACK = `${ROOT}/callback`;

/** The redirect URI to register at identity providers. @param address the broker's public address. */
export function redirectUri(address: string): string {
  return `${address}${CALLBACK}`;
}

/** From a path of ours to one that a browser uses. @param address the broker's public address. */
export function makeHref(address: string): (path: string) => string {
  const { pathname } = new URL(address);
  const prefix = pathname === '/' ? '' : pathname;
  return (path) => `${prefix}${path}`;
}

/** Of the page of an incident. Its names are its source's, and any visible ASCII. @param id null where nobody could name it yet. */
export function incidentPath({
  source,
  id,
  reference,
}: {
  readonly source: string;
  readonly id: string | null;
  readonly reference: string;
}): string {
  return `${ROOT}/incidents/${encodeURIComponent(source)}/${encodeURIComponent(id ?? reference)}`;
}

/**
 * Where to go after a sign-in: one of our own pages, recognised as a whole, so that nobody can be sent elsewhere.
 * @returns the inbox for anything else.
 */
export function landing(path: string): string {
  const inbox = `${ROOT}/`;
  if ([`${ROOT}/requests`, `${ROOT}/grants`, `${ROOT}/reviews`].includes(path)) return path;
  const incident = /^\/web\/incidents\/([^/]+)\/([^/]+)$/.exec(path);
  if (incident !== null) return incident.slice(1).every(isName) ? path : inbox;
  const [, kind, id] = /^\/web\/(requests|grants)\/([a-z0-9_]{1,40})$/.exec(path) ?? [];
  if (kind === undefined || id === undefined) return inbox;
  return (kind === 'requests' ? isRequestId(id) : isGrantId(id)) ? path : inbox;
}

/** A segment that is as `incidentPath` writes it. */
function isName(segment: string): boolean {
  try {
    const name = decodeURIComponent(segment);
    // Browsers take dots for steps.
    return /^(?!\.{1,2}$)[\x21-\x7e]{1,128}$/.test(name) && encodeURIComponent(name) === segment;
  } catch {
    return false;
  }
}
