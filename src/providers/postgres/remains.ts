/**
 * What a login role leaves in the databases of its server: prepared transactions, objects that it owns, and privileges that it
 * was given by name. All of it is dealt with as that very role, which may do with its own things what the broker may not.
 * @module
 */
import { z } from 'zod';
import type { Link } from './link.ts';

const REMAINS = z.object({
  databases: z.array(z.string()),
  prepared: z.array(z.object({ gid: z.string(), database: z.string() })),
});
/** What is left of a role. */
export type Remains = z.infer<typeof REMAINS>;
const STATEMENT = z.object({ sql: z.string() });

/** Shared objects have no database of their own, and are dealt with in any. */
const REMAINS_SQL = `
  SELECT
    ARRAY(SELECT DISTINCT coalesce(d.datname::text, pg_catalog.current_database()::text)
          FROM pg_catalog.pg_shdepend s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid
          WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.refobjid = $1) AS databases,
    (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('gid', gid, 'database', database)), '[]'::json)
     FROM pg_catalog.pg_prepared_xacts WHERE owner = $2) AS prepared`;

/** Code that runs with the rights of its owner, who is about to be another one. */
const DEFINER_SQL = `
  SELECT pg_catalog.format('ALTER ROUTINE %s SECURITY INVOKER', p.oid::pg_catalog.regprocedure) AS sql
  FROM pg_catalog.pg_proc p WHERE p.proowner = $1 AND p.prosecdef`;

/** Views as well, since PostgreSQL 15; in earlier ones they can only be closed for everybody but their owner. */
const VIEW_SQL = `
  SELECT pg_catalog.format('ALTER VIEW %s SET (security_invoker = true)', c.oid::pg_catalog.regclass) AS sql
  FROM pg_catalog.pg_class c WHERE c.relowner = $1 AND c.relkind = 'v'`;
const VIEW_BEFORE_15_SQL = `
  SELECT DISTINCT pg_catalog.format('REVOKE ALL ON %s FROM %s', c.oid::pg_catalog.regclass,
    CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(r.rolname) END) AS sql
  FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
  WHERE c.relowner = $1 AND c.relkind = 'v' AND a.grantee <> c.relowner`;

/** The databases in which something is left of the role, and the transactions that it has prepared. */
export async function remainsOf(
  link: Link,
  { oid, user }: { readonly oid: number; readonly user: string },
): Promise<Remains> {
  const [found] = await link.rows(REMAINS, REMAINS_SQL, [oid, user]);
  return found ?? { databases: [], prepared: [] };
}

/** Rolls prepared transactions back, in their database. They hold locks, and nobody could ever finish them. */
export async function dropPrepared(link: Link, user: string, gids: readonly string[]): Promise<void> {
  await link.run(`SET ROLE ${link.name(user)}`);
  for (const gid of gids) await link.run(`ROLLBACK PREPARED ${link.literal(gid)}`);
  await link.run('RESET ROLE');
}

/**
 * Within a transaction, in one database: what the role owns goes to `heir`, without code that would run with the heir's
 * rights for everybody, and privileges that the role was given are taken back.
 */
export async function handOver(
  link: Link,
  { oid, user, heir }: { readonly oid: number; readonly user: string; readonly heir: string },
): Promise<void> {
  await link.run(`SET LOCAL ROLE ${link.name(user)}`);
  const views = link.version >= 150_000 ? VIEW_SQL : VIEW_BEFORE_15_SQL;
  for (const text of [DEFINER_SQL, views]) {
    for (const { sql } of await link.rows(STATEMENT, text, [oid])) await link.run(sql);
  }
  await link.run(`REASSIGN OWNED BY ${link.name(user)} TO ${link.name(heir)}; DROP OWNED BY ${link.name(user)}`);
}
