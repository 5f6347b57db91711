/**
 * The two cookies: who is signed in, and the trip to an identity provider that is under way.
 * @module
 */

/**
 * With `__Host-` a browser takes them only over https, from this very host, for the whole of it: no neighbour can set one
 * (https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis, section 4.1.3.2).
 */
export const SESSION_COOKIE = '__Host-jit';
export const TRIP_COOKIE = '__Host-jit-trip';

/** Lax: the identity provider leads back by a link from another site; forms of other sites come without. */
const ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Lax';

/** Null without it, and where a browser sends two: one of them is somebody else's. */
export function readCookie(header: string | null, name: string): string | null {
  const found = (header ?? '').split(';').flatMap((part) => {
    const at = part.indexOf('=');
    return at > 0 && part.slice(0, at).trim() === name ? [part.slice(at + 1).trim()] : [];
  });
  return found.length === 1 ? (found[0] ?? null) : null;
}

/** A `Set-Cookie` line. @param value letters, digits, `-`, `_` and `.` only. */
export function setCookie(name: string, value: string, seconds: number): string {
  return `${name}=${value}; Max-Age=${seconds}; ${ATTRIBUTES}`;
}

export function dropCookie(name: string): string {
  return setCookie(name, '', 0);
}
