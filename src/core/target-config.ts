/**
 * What every kind of target says of a configuration that it does not take.
 * @module
 */
import { JitError } from './errors.ts';

/** A problem as a schema library tells it. */
interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
  readonly issues?: readonly { readonly message: string }[];
}

/** The first problem in one line, with the field that it is about. */
export function firstProblem({ issues }: { readonly issues: readonly Issue[] }): string {
  const [issue] = issues;
  if (issue === undefined) return 'not a target';
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') return `${(issue.keys ?? []).join(', ')}: unknown`;
  const message = (issue.code === 'invalid_key' ? issue.issues?.[0]?.message : undefined) ?? issue.message;
  return path === '' ? message : `${path}: ${message}`;
}

/** `ERR_CONFIG` about a target. */
export function targetFault(name: string, problem: string): JitError {
  return new JitError({ code: 'ERR_CONFIG', message: `target ${name}: ${problem}` });
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Credentials cross such an address, so it is https, or does not leave the machine. @returns its URL, or null for anything else. */
export function safeUrl(text: string): URL | null {
  const url = URL.canParse(text) && !/[?#]/.test(text) ? new URL(text) : null;
  if (url === null || url.username !== '' || url.password !== '') return null;
  const safe = url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname));
  return safe ? url : null;
}
