/**
 * What a role permits, as Google says it.
 * @module
 */
import { z } from 'zod';
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Caller } from './calls.ts';
import { strange } from './calls.ts';
import { CallFailed, cloudFault, harmless } from './failure.ts';
import type { SignIn } from './login.ts';
import type { Reach } from './target.ts';

export interface RoleFacts {
  readonly role: string;
  readonly permissions: ReadonlySet<string>;
}

/** Looks a role up, or remembers it. Throws `ERR_CLOUD` where there is no such role, and `ERR_CLOUD_BUSY` where Google does not answer. */
export type RoleBook = (reach: Reach, role: string) => Promise<RoleFacts>;

/** A role changes seldom; a grant follows it when it does. */
const KEPT_MS = 600_000;

const ROLE = z.object({
  name: z.string(),
  includedPermissions: z.array(z.string().regex(/^[a-zA-Z0-9_.-]{3,256}$/)).default([]),
  deleted: z.boolean().default(false),
  stage: z.string().optional(),
});

/** Source: IAM API v1, roles.get, projects.roles.get and organizations.roles.get. */
export function roleBook(deps: { readonly now: Clock; readonly call: Caller; readonly signIn: SignIn }): RoleBook {
  const { now, call, signIn } = deps;
  const kept = new Map<string, { readonly until: number; readonly facts: Promise<RoleFacts> }>();

  const look = async (reach: Reach, role: string): Promise<RoleFacts> => {
    const { signal } = new AbortController();
    const token = await signIn(reach, signal);
    let text: string;
    try {
      text = await call({ api: 'iam', endpoint: reach.endpoint, path: `/v1/${role}`, token, again: 'once' }, signal);
    } catch (thrown) {
      if (!(thrown instanceof CallFailed)) throw thrown;
      const needs = role.startsWith('roles/')
        ? 'the name of the role may be wrong'
        : 'the broker needs iam.roles.get where the role is, and the name may be wrong';
      throw cloudFault(harmless(thrown.failure), { doing: `look up ${role}`, needs });
    }
    const parsed = ROLE.safeParse(asJson(text));
    if (!parsed.success || parsed.data.name !== role) throw strange(`with something else than ${role}`);
    const { includedPermissions, deleted, stage } = parsed.data;
    if (deleted || stage === 'DISABLED') {
      throw new JitError({
        code: 'ERR_CLOUD',
        message: `${role} is ${deleted ? 'deleted' : 'disabled'}`,
        hint: 'take it out of the target, or restore it',
      });
    }
    return { role, permissions: new Set(includedPermissions) };
  };

  return async (reach, role) => {
    const name = `${reach.endpoint ?? 'google'} ${role}`;
    const known = kept.get(name);
    if (known !== undefined && known.until > now()) return await known.facts;
    const facts = look(reach, role);
    kept.set(name, { until: now() + KEPT_MS, facts });
    try {
      return await facts;
    } catch (thrown) {
      kept.delete(name);
      throw thrown;
    }
  };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
