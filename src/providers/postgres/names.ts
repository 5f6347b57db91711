/**
 * Names: of a grant's login role, and of roles and databases that a configuration may mention.
 * @module
 */
import type { GrantId } from '../../core/ids.ts';

/** What every login role of a grant begins with. */
export const PREFIX = 'jit_';

/** PostgreSQL cuts longer identifiers off in silence (manual, "Identifiers and Key Words": NAMEDATALEN - 1), so that two become one. */
const LONGEST_BYTES = 63;
/** "role name … is reserved", quoted or not (manual, CREATE ROLE, and the grammar's RoleSpec). */
const RESERVED: ReadonlySet<string> = new Set(['none', 'public']);
const CONTROL = /[\p{Cc}\p{Cs}]/u;
const ACTION = 'role/';

/** The login role of a grant: `jit_` and the 26 characters of the grant's id. */
export function roleName(grant: GrantId): string {
  return `${PREFIX}${grant.slice('gr_'.length)}`;
}

/** Whether a database or a role could be called that. */
export function isName(text: string): boolean {
  return text !== '' && Buffer.byteLength(text, 'utf8') <= LONGEST_BYTES && !CONTROL.test(text);
}

/** Whether a role could be called that which grants may be made members of. Roles of grants are nobody's groups. */
export function isGroupName(text: string): boolean {
  return isName(text) && !RESERVED.has(text) && !text.startsWith(PREFIX);
}

/** The role that an action such as `role/app_read` names, or null for any other text. */
export function groupOf(action: string): string | null {
  return action.startsWith(ACTION) && action.length > ACTION.length ? action.slice(ACTION.length) : null;
}

/** @returns such as `role/app_read`. */
export function actionOf(group: string): string {
  return `${ACTION}${group}`;
}
