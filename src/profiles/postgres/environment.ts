/**
 * The variables through which PostgreSQL's tools find one grant, and those that would make them find something else.
 * @module
 */
import type { Access, Change, Env } from '../tool.ts';
import { trustedRoots } from './authority.ts';
import { postgresPlaces } from './places.ts';
import { checkSettings } from './settings.ts';

/**
 * https://www.postgresql.org/docs/current/libpq-envars.html: what names another server, another identity or another way to
 * prove it, or a protection that this server may not have. What only asks for more (PGREQUIREAUTH, PGCHANNELBINDING,
 * PGSSLCRL) or concerns a session that is open already (PGOPTIONS) stays the user's.
 */
const CONFLICTING =
  /^PG(?:HOST|HOSTADDR|PORT|DATABASE|USER|PASSWORD|PASSFILE|SERVICE|SSLMODE|REQUIRESSL|SSLROOTCERT|SSLNEGOTIATION|GSSENCMODE)$/i;

const ROOTS = 'PGSSLROOTCERT';

/** What frameworks prefer to every one of those, with a password in it. */
const URL_VARIABLE = /^DATABASE_URL$/i;

/** What to change in `env` so that a child of libpq or of a driver that reads its variables finds this grant and nothing before it. */
export async function postgresEnvironment(env: Env, platform: NodeJS.Platform, access: Access): Promise<Change> {
  const checked = checkSettings(access.tool, access.external);
  const { secretFile, expiresAt: end } = access;
  const roots = await trustedRoots(checked, { secretFile, roots: postgresPlaces(env, platform).roots, end });
  const set = new Map([
    ['PGHOST', checked.host],
    ['PGPORT', checked.port],
    ['PGDATABASE', checked.database],
    ['PGUSER', checked.user],
    ['PGPASSFILE', secretFile],
    ['PGSSLMODE', checked.tls],
    ...(roots === null ? [] : [[ROOTS, roots] as const]),
  ]);
  // What the user says to trust for databases, where the broker says nothing.
  const kept = checked.tls === 'verify-full' && checked.authority === null && env[ROOTS] !== undefined ? ROOTS : null;
  if (kept !== null) set.delete(ROOTS);
  const removed = Object.keys(env).filter(
    (name) =>
      env[name] !== undefined &&
      !set.has(name) &&
      name !== kept &&
      (CONFLICTING.test(name) || leadsElsewhere(name, env[name])),
  );
  return { set, removed: removed.toSorted(), replaced: [...set.keys()], hidden: [] };
}

function leadsElsewhere(name: string, value = ''): boolean {
  return URL_VARIABLE.test(name) && /^postgres(?:ql)?:/i.test(value);
}
