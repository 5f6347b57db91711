/**
 * Revoking: the login is shut first and for good, then its sessions are cut, then what it leaves is handed over, then it is dropped.
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { Clock, Mark, Revocation } from '../../core/ports.ts';
import { cloudFault, isMissingDatabase, judge } from './failure.ts';
import type { Attempt } from './failure.ts';
import { readHandle } from './handle.ts';
import { OPTIONS_SINCE, attemptTo } from './issue.ts';
import type { Converse } from './lanes.ts';
import { deadline, openLink } from './link.ts';
import type { Link, ReadSecret } from './link.ts';
import { roleName } from './names.ts';
import { placeOf } from './plan.ts';
import { dropPrepared, handOver, remainsOf } from './remains.ts';
import type { Remains } from './remains.ts';
import { findRole, foreign } from './role.ts';
import type { LoginRole } from './role.ts';
import type { Reach } from './target.ts';
import { atOnce, transact } from './transaction.ts';

export interface RevokeDeps {
  readonly now: Clock;
  readonly owner: string;
  readonly converse: Converse;
  readonly readSecret: ReadSecret;
}

/** How long sessions are waited for that were told to end, ms, and how soon they are looked at again. */
const CUT_MS = 3_000;
/** How long one try to shut the role waits for whoever holds it, ms. */
const LOCK_MS = 250;
const LOOK_AGAIN_MS = 1_000;

/** What is being ended. */
interface Ending {
  readonly user: string;
  readonly reach: Reach;
  readonly attempt: Attempt;
  readonly signal: AbortSignal;
}

/** Exists on every server, unless somebody has taken it away (manual, "Template Databases"). */
const ANOTHER_DATABASE = 'postgres';

/** As the port of providers promises. */
export async function revoke(deps: RevokeDeps, mark: Mark, signal: AbortSignal): Promise<Revocation> {
  const { grant, target, reach } = readHandle(mark);
  const user = roleName(grant);
  const attempt = attemptTo(`end the role ${user}`, { reach });
  const endFrom = async (database: string): Promise<Revocation> => {
    const there = { ...reach, database };
    const ending: Ending = { user, reach: there, attempt, signal };
    return await deps.converse(there, signal, async (link) => {
      const role = await findRole(link, user);
      if (role === null) return await alreadyGone(link, ending);
      const own = role.mark?.owner === deps.owner && role.mark.grant === grant;
      if (!own) throw foreign(user);
      if (role.mark?.target !== target) return gone(`the role ${user} belongs to another target of the grant`);
      try {
        return await endRole(deps, link, role, ending);
      } catch (thrown) {
        // Another broker process with the same store may have come first.
        if ((await findRole(link, user).catch(() => role)) !== null) throw thrown;
        return await alreadyGone(link, ending);
      }
    });
  };
  try {
    return await endFrom(reach.database).catch(async (thrown: unknown) => {
      // Roles outlive the database from which they were made.
      if (!isMissingDatabase(thrown) || reach.database === ANOTHER_DATABASE) throw thrown;
      return await endFrom(ANOTHER_DATABASE);
    });
  } catch (thrown) {
    throw cloudFault(thrown, attempt);
  }
}

async function endRole(deps: RevokeDeps, link: Link, role: LoginRole, ending: Ending): Promise<Revocation> {
  const { user, attempt, reach } = ending;
  const again: Revocation = { kind: 'pending', checkAt: deps.now() + LOOK_AGAIN_MS };
  await shut(deps, link, role, ending);
  if ((await cut(link, role, ending)) > 0) return again;
  await clear(deps, link, role, ending);
  await atOnce(link, attempt, [`DROP ROLE ${link.name(user)}`]);
  if ((await sessionsOf(link, role.oid)) > 0 || (await findRole(link, user)) !== null) return again;
  return gone(`no role ${user} and no session of it is on the server at ${placeOf({ reach })}`);
}

const COUNT = z.object({ count: z.int() });
const SESSIONS_SQL = 'SELECT count(*)::int4 AS count FROM pg_catalog.pg_stat_activity WHERE usesysid = $1';
const ORPHANS_SQL = `
  SELECT count(*)::int4 AS count FROM pg_catalog.pg_stat_activity a
  WHERE a.usesysid IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = a.usesysid)`;

/** Somebody who drops a role by hand leaves its open sessions, and nothing tells any more whose they were. */
async function alreadyGone(link: Link, { user, reach }: Ending): Promise<Revocation> {
  const [orphans] = await link.rows(COUNT, ORPHANS_SQL);
  if (orphans?.count === 0) return gone(`no role ${user} is on the server at ${placeOf({ reach })}`);
  throw new JitError({
    code: 'ERR_CLOUD',
    message: `the role ${user} is gone, but sessions of a role that was dropped by hand are open at ${placeOf({ reach })}`,
    hint: 'end them as a superuser: those in pg_stat_activity whose usesysid is in no row of pg_roles',
  });
}

/**
 * Committed before anything else: from here on nobody can log in, nor use the role through another one. A holder can keep the
 * row of the own role locked, by a change of the own password that is never committed: then what holds it is ended first.
 */
async function shut(deps: RevokeDeps, link: Link, role: LoginRole, ending: Ending): Promise<void> {
  const name = link.name(ending.user);
  const options = link.version >= OPTIONS_SINCE ? ' WITH INHERIT TRUE, SET TRUE' : '';
  const own = `GRANT ${name} TO CURRENT_USER${options}`;
  const statements = [
    `SET LOCAL lock_timeout = ${LOCK_MS}`,
    `ALTER ROLE ${name} NOLOGIN PASSWORD NULL CONNECTION LIMIT 0`,
    own,
    // Before PostgreSQL 15 a holder may make others members of the very own role.
    ...role.members.map((member) => `REVOKE ${name} FROM ${link.name(member)}`),
  ];
  const until = performance.now() + CUT_MS;
  for (;;) {
    try {
      return await link.run(statements.join('; '));
    } catch (thrown) {
      if (judge(thrown).kind !== 'conflict' || performance.now() > until) throw thrown;
    }
    await atOnce(link, ending.attempt, [own]);
    await cutOnce(link, role, ending);
    await rollBack(deps, ending, (await remainsOf(link, { oid: role.oid, user: ending.user })).prepared);
  }
}

/** @returns how many sessions are still there. */
async function cut(link: Link, role: LoginRole, ending: Ending): Promise<number> {
  const until = performance.now() + CUT_MS;
  for (let wait = 5; ; wait = Math.min(wait * 2, 200)) {
    const left = await sessionsOf(link, role.oid);
    if (left === 0 || performance.now() > until) return left;
    await cutOnce(link, role, ending);
    await pause(wait, undefined, { signal: ending.signal });
  }
}

async function cutOnce(link: Link, { oid }: LoginRole, { user, attempt }: Ending): Promise<void> {
  await atOnce(link, attempt, [
    // As the role itself, which may always end its own sessions.
    `SET LOCAL ROLE ${link.name(user)}`,
    `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usesysid = ${oid}`,
  ]);
}

/** In their databases, since nowhere else they can be ended. */
async function rollBack(deps: RevokeDeps, ending: Ending, prepared: Remains['prepared']): Promise<void> {
  for (const database of new Set(prepared.map((one) => one.database))) {
    const gids = prepared.filter((one) => one.database === database).map(({ gid }) => gid);
    await inDatabase(deps, ending, database, async (there) => await dropPrepared(there, ending.user, gids));
  }
}

async function sessionsOf(link: Link, oid: number): Promise<number> {
  const [row] = await link.rows(COUNT, SESSIONS_SQL, [oid]);
  return row?.count ?? 1;
}

/** Hands over what is left, database by database. Nothing is, of most grants. */
async function clear(deps: RevokeDeps, link: Link, role: LoginRole, ending: Ending): Promise<void> {
  const { user, attempt, reach } = ending;
  const { databases, prepared } = await remainsOf(link, { oid: role.oid, user });
  await rollBack(deps, ending, prepared);
  if (databases.length === 0) return;
  const heir = role.mark?.heirs.find((name) => role.memberships.includes(name));
  if (heir === undefined) throw heirless(user, databases);
  if (link.version >= OPTIONS_SINCE) {
    await atOnce(link, attempt, [`GRANT ${link.name(heir)} TO ${link.name(user)} WITH INHERIT TRUE, SET TRUE`]);
  }
  for (const database of databases) {
    const work = async (there: Link): Promise<void> =>
      await transact(there, attempt, async () => await handOver(there, { oid: role.oid, user, heir }));
    await (database === reach.database ? work(link) : inDatabase(deps, ending, database, work));
  }
}

async function inDatabase(
  { readSecret }: RevokeDeps,
  { reach, signal, user, attempt }: Ending,
  database: string,
  work: (link: Link) => Promise<void>,
): Promise<void> {
  const own = deadline(signal);
  const doing = `hand over what ${user} left in the database "${display(database, 63)}"`;
  const needs = `${display(reach.user, 63)} needs to connect to it; the role cannot log in any more`;
  try {
    const link = await openLink(reach, database, { readSecret, signal: own });
    const obeying = link.obey(own);
    try {
      await work(link);
    } finally {
      obeying.release();
      link.close();
    }
  } catch (thrown) {
    throw cloudFault(thrown, { ...attempt, doing, needs });
  }
}

function heirless(user: string, databases: readonly string[]): JitError {
  const where = databases.map((name) => `"${display(name, 63)}"`).join(', ');
  return new JitError({
    code: 'ERR_CLOUD',
    message: `${user} cannot log in any more, but left objects in ${where}, and the roles that it had are gone`,
    hint: `REASSIGN OWNED BY ${user} TO another role, and DROP OWNED BY ${user}, in each of them`,
  });
}

function gone(proof: string): Revocation {
  return { kind: 'gone', tidyAt: null, proof };
}
