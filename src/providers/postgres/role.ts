/**
 * The login role of a grant as the server knows it.
 * @module
 */
import { z } from 'zod';
import { JitError } from '../../core/errors.ts';
import type { Link } from './link.ts';
import { readMark } from './mark.ts';
import type { RoleMark } from './mark.ts';

const ROLE = z.object({
  oid: z.int(),
  comment: z.string().nullable(),
  logs_in: z.boolean(),
  /** An attribute that no role of a grant has. */
  raised: z.boolean(),
  memberships: z.array(z.string()),
  members: z.array(z.string()),
});

export interface LoginRole {
  readonly oid: number;
  /** Null where it is not a role of any broker. */
  readonly mark: RoleMark | null;
  readonly canLogIn: boolean;
  readonly isRaised: boolean;
  /** The groups that it is a member of, itself and not through others. */
  readonly memberships: readonly string[];
  /** Roles that were made members of it, without the broker's own. */
  readonly members: readonly string[];
}

const ROLE_SQL = `
  SELECT r.oid, pg_catalog.shobj_description(r.oid, 'pg_authid') AS comment, r.rolcanlogin AS logs_in,
         r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls AS raised,
         ARRAY(SELECT g.rolname::text FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
               WHERE m.member = r.oid GROUP BY 1 ORDER BY 1) AS memberships,
         ARRAY(SELECT g.rolname::text FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.member
               WHERE m.roleid = r.oid AND g.rolname <> current_user GROUP BY 1 ORDER BY 1) AS members
  FROM pg_catalog.pg_roles r WHERE r.rolname = $1`;

/** @returns null where there is none of that name. Throws what node-postgres throws. */
export async function findRole(link: Link, name: string): Promise<LoginRole | null> {
  const [row] = await link.rows(ROLE, ROLE_SQL, [name]);
  if (row === undefined) return null;
  const { oid, comment, logs_in: canLogIn, raised: isRaised, memberships, members } = row;
  return { oid, mark: readMark(comment), canLogIn, isRaised, memberships, members };
}

/** Somebody else's role, or one that somebody has changed: it is not touched. */
export function foreign(name: string): JitError {
  return new JitError({
    code: 'ERR_CLOUD',
    message: `there is a role ${name} without the mark of this broker, which is left alone`,
    hint: `look at it with \\du+ ${name} in psql, and drop it if it should not be there`,
  });
}
