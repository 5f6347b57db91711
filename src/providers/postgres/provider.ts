/**
 * PostgreSQL as a provider: a login role for each grant, member of the group roles that were asked for, dropped at its end.
 * @module
 */
import type { Clock, Provider, Random } from '../../core/ports.ts';
import { cloudFault } from './failure.ts';
import { writeHandle } from './handle.ts';
import { attemptTo, issue } from './issue.ts';
import { lanesWith } from './lanes.ts';
import type { ReadSecret } from './link.ts';
import { listRoles } from './list.ts';
import { roleName } from './names.ts';
import { assessed, together } from './permission.ts';
import type { Asked } from './permission.ts';
import { REVOCATION, isSilence, planOf } from './plan.ts';
import { revoke } from './revoke.ts';
import { demandSound, survey } from './survey.ts';
import type { Survey } from './survey.ts';
import { parsePostgresTarget } from './target.ts';
import type { PostgresTarget } from './target.ts';

export type { PostgresTarget } from './target.ts';

export interface PostgresDeps {
  readonly now: Clock;
  readonly random: Random;
  /** Of this broker's store: what other brokers made at the same server is never touched. */
  readonly owner: string;
  readonly readSecret: ReadSecret;
  /** A file of the configuration that is no secret. Throws what reading throws. */
  readonly readText: (path: string) => string;
}

/** A plan is looked at by somebody who waits, and says so where the server is slower, ms. */
const PLAN_MS = 3_000;

export function postgresProvider(deps: PostgresDeps): Provider<PostgresTarget> {
  const { now, random, owner, readSecret } = deps;
  const converse = lanesWith(readSecret);

  const look = async (target: PostgresTarget, asked: Asked): Promise<Survey | null> => {
    try {
      const names = asked.groups.map(({ name }) => name);
      const found = await converse(
        target.reach,
        AbortSignal.timeout(PLAN_MS),
        async (link) => await survey(link, names),
      );
      demandSound(target, asked, found);
      return found;
    } catch (thrown) {
      const fault = cloudFault(thrown, attemptTo('say what a grant would reach', target));
      if (isSilence(fault)) return null;
      throw fault;
    }
  };

  return {
    kind: 'postgres',
    parseTarget: (name, config) => parsePostgresTarget(name, config, deps.readText),
    assess: async (target, permission) => await Promise.resolve(assessed(target, permission)),
    plan: async (target, permissions, seconds) => {
      const asked = together(target, permissions);
      const { escapeIdentifier: quote } = await import('pg');
      return planOf(target, asked, { found: await look(target, asked), end: now() + seconds * 1_000, quote });
    },
    intend: (target, order) => ({
      handle: writeHandle({ grant: order.grant, target: target.name, reach: target.reach }),
      name: roleName(order.grant),
      revocation: REVOCATION,
      notAfter: order.endsAt,
    }),
    issue: async (target, order, signal) => await issue({ now, random, owner, converse }, target, order, signal),
    revoke: async (mark, _revoked, signal) => await revoke({ now, owner, converse, readSecret }, mark, signal),
    // A revocation leaves nothing.
    tidy: async () => await Promise.resolve(),
    list: async (target, signal) => {
      try {
        return await converse(target.reach, signal, async (link) => await listRoles(link, target, owner));
      } catch (thrown) {
        throw cloudFault(thrown, attemptTo('list the roles of this broker', target));
      }
    },
  };
}
