/**
 * Issuing: one transaction that makes the login role of a grant, or gives the one that is there another password and end.
 * @module
 */
import { z } from 'zod';
import { JitError, asJitError } from '../../core/errors.ts';
import type { Clock, Issued, Order, Random } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import type { Attempt } from './failure.ts';
import { cloudFault } from './failure.ts';
import type { Converse } from './lanes.ts';
import type { Link } from './link.ts';
import { writeMark } from './mark.ts';
import { roleName } from './names.ts';
import { newPassword, verifierOf } from './password.ts';
import { heirsOf, together } from './permission.ts';
import type { Asked } from './permission.ts';
import { ATTRIBUTES, grantedText, placeOf } from './plan.ts';
import { findRole, foreign } from './role.ts';
import { demandSound, survey } from './survey.ts';
import type { PostgresTarget } from './target.ts';
import { transact } from './transaction.ts';

export interface IssueDeps {
  readonly now: Clock;
  readonly random: Random;
  readonly owner: string;
  readonly converse: Converse;
}

/** Clocks closer than this are the same. Further apart, the earlier end counts: ms. */
const SKEW_MS = 2_000;
/** Since then memberships have an INHERIT and a SET option, and roles that are made by CREATEROLE belong to their maker. */
export const OPTIONS_SINCE = 160_000;

const CLOCK = z.object({ now: z.number() });

/** As the port of providers promises. */
export async function issue(
  deps: IssueDeps,
  target: PostgresTarget,
  order: Order,
  signal: AbortSignal,
): Promise<Issued> {
  const asked = askedBy(target, order);
  const left = order.endsAt - deps.now();
  if (left <= 0) throw new JitError({ code: 'ERR_CLOUD', message: 'the grant ended before it could be issued' });
  const user = roleName(order.grant);
  const password = newPassword(deps.random);
  const verifier = await verifierOf(password, deps.random);
  const attempt = attemptTo(`make the role ${user}`, target);
  try {
    return await deps.converse(target.reach, signal, async (link) => {
      const issued = await transact(link, attempt, async () => {
        demandSound(
          target,
          asked,
          await survey(
            link,
            asked.groups.map(({ name }) => name),
          ),
        );
        const end = await endAt(link, { now: deps.now(), endsAt: order.endsAt });
        await putRole(link, { deps, target, asked, order, user, verifier, end });
        return { end, granted: grantedText(target, asked, { end, quote: (name) => link.name(name) }) };
      });
      const secret = new Secret({ user, password: password.expose() });
      return { credential: { kind: 'postgres', secret }, granted: issued.granted, notAfter: issued.end };
    });
  } catch (thrown) {
    throw cloudFault(thrown, attempt);
  }
}

function askedBy(target: PostgresTarget, order: Order): Asked {
  try {
    return together(target, order.permissions);
  } catch (thrown) {
    // The configuration has changed since it was approved. The server has not been asked, and `ERR_CLOUD` is how the port says so.
    const { message, hint } = asJitError(thrown);
    throw new JitError({ code: 'ERR_CLOUD', message, hint, cause: thrown });
  }
}

export function attemptTo(doing: string, target: Pick<PostgresTarget, 'reach'>): Attempt {
  const needs = `${target.reach.user} needs CREATEROLE and, for every role that it grants, the ADMIN OPTION`;
  return { doing, where: placeOf(target), needs };
}

/** The end by the server's own clock. Where that is behind, a later moment there is the one that is meant. */
async function endAt(link: Link, { now, endsAt }: { readonly now: number; readonly endsAt: number }): Promise<number> {
  const sql = 'SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::float8 AS now';
  const [row] = await link.rows(CLOCK, sql);
  const behind = now - (row?.now ?? now);
  const end = behind > SKEW_MS ? Math.floor(endsAt - behind) : endsAt;
  if ((row?.now ?? 0) < end) return end;
  throw new JitError({
    code: 'ERR_CLOUD',
    message: 'by the clock of the server the grant is over already',
    hint: 'compare the clocks of the server and of the broker',
  });
}

interface Making {
  readonly deps: IssueDeps;
  readonly target: PostgresTarget;
  readonly asked: Asked;
  readonly order: Order;
  readonly user: string;
  readonly verifier: string;
  readonly end: number;
}

async function putRole(link: Link, making: Making): Promise<void> {
  const { user, verifier, end, target, asked } = making;
  const { owner } = making.deps;
  const { grant } = making.order;
  const role = link.name(user);
  const options = `CONNECTION LIMIT ${target.connections} PASSWORD ${link.literal(verifier)} VALID UNTIL ${link.literal(new Date(end).toISOString())}`;
  const found = await findRole(link, user);
  if (found !== null) {
    const { mark } = found;
    if (mark === null || mark.owner !== owner || mark.grant !== grant || found.isRaised) throw foreign(user);
    if (mark.target !== target.name)
      throw refused('two targets of one grant are on the same server, where it has one login');
    if (!found.canLogIn) throw refused(`the role ${user} is being revoked`);
  }
  const wanted = asked.groups.map(({ name }) => name);
  const members = found?.memberships ?? [];
  const missing = wanted.filter((name) => !members.includes(name));
  const surplus = members.filter((name) => !wanted.includes(name));
  await link.run(
    [
      found === null ? `CREATE ROLE ${role} ${ATTRIBUTES} ${options}` : `ALTER ROLE ${role} LOGIN INHERIT ${options}`,
      ...surplus.map((name) => `REVOKE ${link.name(name)} FROM ${role}`),
      ...missing.map((name) => `GRANT ${link.name(name)} TO ${role}${memberOptions(link)}`),
      `COMMENT ON ROLE ${role} IS ${link.literal(writeMark({ owner, grant, target: target.name, end, heirs: heirsOf(asked) }))}`,
    ].join('; '),
  );
  const made = await findRole(link, user);
  const right = made !== null && made.canLogIn && !made.isRaised && isSame(made.memberships, wanted);
  if (!right) throw refused(`the server did not make ${user} a member of exactly what was asked for`);
}

/** Holders use what a group may do, and do not become it: they could leave things in its name. */
function memberOptions({ version }: Link): string {
  return version >= OPTIONS_SINCE ? ' WITH INHERIT TRUE, SET FALSE' : '';
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

function refused(message: string): JitError {
  return new JitError({ code: 'ERR_CLOUD', message });
}
