/**
 * What would be issued at a target, for people and for policy.
 * @module
 */
import type { Plan, RevocationClass } from '../../core/access.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { Asked } from './permission.ts';
import { elsewhere, listed } from './survey.ts';
import type { Survey } from './survey.ts';
import type { PostgresTarget } from './target.ts';

/** Seconds from the end to the moment at which the broker has cut open sessions, as long as it runs. */
const RESIDUAL = 2;

export const REVOCATION: RevocationClass = { kind: 'immediate' };

/** What a role is beside its memberships. */
export const ATTRIBUTES = 'LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS';

/** The role exactly as the server is given it, but for its name and password. @param end epoch ms. */
export function grantedText(
  target: PostgresTarget,
  asked: Asked,
  { end, quote }: { readonly end: number; readonly quote: (name: string) => string },
): string {
  return [
    `CREATE ROLE jit_<id> ${ATTRIBUTES} CONNECTION LIMIT ${target.connections} VALID UNTIL '${new Date(end).toISOString()}';`,
    `GRANT ${asked.groups.map(({ name }) => quote(name)).join(', ')} TO jit_<id>; -- in ${asked.databases.map(quote).join(', ')}`,
  ].join('\n');
}

/**
 * @param found null where the server could not be asked.
 * @param end epoch ms, as if issued now.
 */
export function planOf(
  target: PostgresTarget,
  asked: Asked,
  about: { readonly found: Survey | null; readonly end: number; readonly quote: (name: string) => string },
): Plan {
  return {
    target: target.name,
    permission: grantedText(target, asked, about),
    words: [
      `a login of your own on ${placeOf(target)}, with up to ${target.connections} sessions`,
      ...asked.groups.map(({ name, access }) => `everything that the role "${display(name, 63)}" may do (${access})`),
      `for ${listed(asked.databases)}`,
      ...elsewhereWords(asked, about.found),
      ...(asked.access === 'permissions' ? ['permissions that it hands out stay after the grant has ended'] : []),
      'what it creates stays, and then belongs to the role that it was created with',
      'the server refuses its password from the end on; sessions still open then are cut by the broker',
      'while no broker runs, a session that is open at the end stays open',
    ],
    assessment: { access: asked.access, breadth: 'exact' },
    floorSeconds: 0,
    residualSeconds: RESIDUAL,
    revocation: REVOCATION,
  };
}

/** Such as `db.example.com:5432`. */
export function placeOf({ reach: { host, port } }: Pick<PostgresTarget, 'reach'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether the server could not be asked, as opposed to what it answered. */
export function isSilence(thrown: unknown): boolean {
  return thrown instanceof JitError && thrown.code === 'ERR_CLOUD_BUSY';
}

function elsewhereWords(asked: Asked, found: Survey | null): readonly string[] {
  if (found === null) return ['the server did not say which other databases the login could connect to'];
  const others = elsewhere(asked, found);
  if (others.length === 0) return ['it can connect to no other database'];
  return [`it can also connect to ${listed(others)}, and do there what these roles and PUBLIC may do`];
}
