/**
 * Finding at a server what this broker made there, whatever its store knows.
 * @module
 */
import { z } from 'zod';
import type { Leftover } from '../../core/ports.ts';
import { writeHandle } from './handle.ts';
import type { Link } from './link.ts';
import { readMark } from './mark.ts';
import { PREFIX, roleName } from './names.ts';
import type { PostgresTarget } from './target.ts';

const ROW = z.object({ name: z.string(), comment: z.string().nullable(), until: z.number().nullable() });

const LIST_SQL = `
  SELECT r.rolname::text AS name, d.description AS comment,
         CASE WHEN pg_catalog.isfinite(r.rolvaliduntil)
              THEN (extract(epoch FROM r.rolvaliduntil) * 1000)::float8 END AS until
  FROM pg_catalog.pg_roles r
  JOIN pg_catalog.pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_catalog.pg_authid'::pg_catalog.regclass
  WHERE pg_catalog.starts_with(r.rolname::text, $1)
  ORDER BY 1`;

/** Roles of this broker at this target. Throws what node-postgres throws. */
export async function listRoles(link: Link, target: PostgresTarget, owner: string): Promise<readonly Leftover[]> {
  const rows = await link.rows(ROW, LIST_SQL, [PREFIX]);
  return rows.flatMap(({ name, comment, until }) => {
    const mark = readMark(comment);
    if (mark === null || mark.owner !== owner || mark.target !== target.name || name !== roleName(mark.grant))
      return [];
    const handle = writeHandle({ grant: mark.grant, target: target.name, reach: target.reach });
    return [{ grant: mark.grant, handle, name, notAfter: Math.ceil(until ?? mark.end) }];
  });
}
