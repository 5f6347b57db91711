/**
 * Names of roles and service accounts.
 * @module
 */

const ROLE =
  /^(?:roles\/[a-zA-Z][a-zA-Z0-9_.]{2,63}|(?:projects\/[a-z][a-z0-9-]{4,28}[a-z0-9]|organizations\/\d{1,20})\/roles\/[a-zA-Z0-9_.]{3,64})$/;

/** IAM, "Overview of IAM Conditions": "You cannot use conditions when you grant legacy basic roles". */
const BASIC: ReadonlySet<string> = new Set(['roles/owner', 'roles/editor', 'roles/viewer']);

/** The address of a service account that somebody made, or of one that Google made for a project. */
export const EMAIL_OF_ACCOUNT = /^[a-z0-9][a-z0-9.-]{0,62}@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.gserviceaccount\.com$/;

/** Whether it is the full name of a role: of Google's own, of a project or of an organization. */
export function isRoleName(text: string): boolean {
  return ROLE.test(text);
}

/** Whether a role takes no condition. */
export function isBasicRole(role: string): boolean {
  return BASIC.has(role);
}

/** The project that a custom role belongs to, or null. */
export function projectOfRole(role: string): string | null {
  return /^projects\/([^/]+)\//.exec(role)?.[1] ?? null;
}
