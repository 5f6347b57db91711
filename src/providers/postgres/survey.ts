/**
 * What the server says about the group roles of a request: what else membership would bring, and where one could connect.
 * @module
 */
import { z } from 'zod';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { Link } from './link.ts';
import type { Asked } from './permission.ts';
import type { PostgresTarget } from './target.ts';

/** A role that membership in a group brings, the group itself included. */
const REACHED = z.object({
  name: z.string(),
  superuser: z.boolean(),
  creates: z.boolean(),
  logs_in: z.boolean(),
  broker: z.boolean(),
  /** Whether it is given further by whoever has it. */
  admin: z.boolean(),
});
const SURVEY = z.object({ reached: z.array(REACHED), databases: z.array(z.string()) });

/** `databases`: every one that a member of the groups could connect to. */
export type Survey = z.infer<typeof SURVEY>;

const SURVEY_SQL = `
  WITH RECURSIVE asked AS (
    SELECT oid FROM pg_catalog.pg_roles WHERE rolname = ANY ($1::text[])
  ), reached AS (
    SELECT oid, false AS admin FROM asked
    UNION
    SELECT m.roleid, m.admin_option FROM pg_catalog.pg_auth_members m JOIN reached ON m.member = reached.oid
  )
  SELECT
    (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('name', r.rolname, 'superuser', r.rolsuper,
              'creates', r.rolcreaterole, 'logs_in', r.rolcanlogin, 'broker', r.rolname = current_user,
              'admin', reached.admin) ORDER BY r.rolname), '[]'::json)
     FROM reached JOIN pg_catalog.pg_roles r USING (oid)) AS reached,
    (SELECT coalesce(pg_catalog.json_agg(d.datname ORDER BY d.datname), '[]'::json)
     FROM pg_catalog.pg_database d
     WHERE d.datallowconn AND EXISTS (
       SELECT FROM asked WHERE pg_catalog.has_database_privilege(asked.oid, d.oid, 'CONNECT'))) AS databases`;

/** Asks the server. Throws what node-postgres throws. */
export async function survey(link: Link, groups: readonly string[]): Promise<Survey> {
  const [found] = await link.rows(SURVEY, SURVEY_SQL, [groups]);
  return found ?? { reached: [], databases: [] };
}

/**
 * Roles that are a superuser in all but name: they read and write files of the server and run programs on it (manual,
 * "Predefined Roles": "they could be used to gain superuser-level access").
 */
const AS_SUPERUSER: ReadonlySet<string> = new Set([
  'pg_execute_server_program',
  'pg_read_server_files',
  'pg_write_server_files',
]);

/** Databases beyond the ones asked for that the grant could connect to. */
export function elsewhere(asked: Asked, { databases }: Survey): readonly string[] {
  return databases.filter((name) => !asked.databases.includes(name));
}

/**
 * Throws `ERR_CLOUD` where access through these groups would not end with the grant, would not reach what was asked for, or
 * would reach further than the target allows.
 */
export function demandSound(target: PostgresTarget, asked: Asked, found: Survey): void {
  const missing = asked.groups.find(({ name }) => !found.reached.some((role) => role.name === name));
  if (missing !== undefined) throw unsound(`the server has no role ${shown(missing.name)}`);
  for (const role of found.reached) {
    const why = outlives(role);
    if (why !== null)
      throw unsound(`${shown(role.name)} cannot be granted for a time, alone or through another role: ${why}`);
  }
  const given = found.reached.find(({ admin }) => admin);
  if (given !== undefined && asked.access !== 'permissions') {
    const what = `members could make others members of ${shown(given.name)}, beyond the end of a grant`;
    throw unsound(what, 'take the ADMIN OPTION away, or configure the role with access: permissions');
  }
  const closed = asked.databases.find((name) => !found.databases.includes(name));
  if (closed !== undefined) {
    const hint = 'GRANT CONNECT ON DATABASE … TO the group role, as the owner of the database';
    throw unsound(`none of the roles may connect to ${shown(closed)}`, hint);
  }
  const others = elsewhere(asked, found);
  if (target.otherDatabases === 'refuse' && others.length > 0) {
    const hint = 'REVOKE CONNECT ON DATABASE … FROM PUBLIC, or configure other_databases: tell';
    throw unsound(`the grant could also connect to ${listed(others)}`, hint);
  }
}

/** Such as: "shop", "stock" and 3 more. */
export function listed(names: readonly string[]): string {
  const most = 8;
  const first = names.slice(0, most).map(shown).join(', ');
  return names.length > most ? `${first} and ${names.length - most} more` : first;
}

function outlives(role: Survey['reached'][number]): string | null {
  if (role.broker) return 'it is the role of the broker itself';
  if (role.superuser) return 'it is a superuser';
  if (role.creates) return 'it has CREATEROLE, with which a holder makes roles that stay';
  if (role.logs_in) return 'it has LOGIN, and a holder could give it a password';
  if (AS_SUPERUSER.has(role.name)) return 'it is as good as a superuser';
  return null;
}

function shown(name: string): string {
  return `"${display(name, 63)}"`;
}

function unsound(message: string, hint?: string): JitError {
  return new JitError({ code: 'ERR_CLOUD', message, hint });
}
