/**
 * A handle: everything that revoking needs, written down before Google is called.
 * @module
 */
import { z } from 'zod';
import { canonicalJson } from '../../core/canonical.ts';
import { JitError } from '../../core/errors.ts';
import type { Mark } from '../../core/ports.ts';
import type { Reach } from './target.ts';

const LOGIN = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ambient') }),
  z.strictObject({ kind: z.literal('federation'), audience: z.string(), impersonate: z.string().nullable() }),
]);

const HANDLE = z.discriminatedUnion('access', [
  z.strictObject({
    v: z.literal(1),
    access: z.literal('binding'),
    grant: z.string(),
    project: z.string(),
    endpoint: z.string().nullable(),
    login: LOGIN,
    owner: z.string(),
    target: z.string(),
  }),
  z.strictObject({ v: z.literal(1), access: z.literal('storage'), grant: z.string(), account: z.string() }),
  z.strictObject({
    v: z.literal(1),
    access: z.literal('pam'),
    grant: z.string(),
    project: z.string(),
    endpoint: z.string().nullable(),
    login: LOGIN,
    owner: z.string(),
    target: z.string(),
    account: z.string(),
    entitlement: z.string(),
  }),
]);

export type Handle =
  | {
      readonly access: 'binding';
      readonly grant: string;
      readonly reach: Reach;
      readonly owner: string;
      /** By which name the target was configured: it is a part of the binding's name. */
      readonly target: string;
    }
  | { readonly access: 'storage'; readonly grant: string; readonly account: string }
  | PamHandle;

/** A grant of Privileged Access Manager, which is found again by these. */
export interface PamHandle {
  readonly access: 'pam';
  readonly grant: string;
  readonly reach: Reach;
  readonly owner: string;
  readonly target: string;
  /** Who asked Google for it. */
  readonly account: string;
  readonly entitlement: string;
}

/** The same text for the same grant and target, always. */
export function writeHandle(handle: Handle): string {
  const { access, grant } = handle;
  if (handle.access === 'storage') return canonicalJson({ v: 1, access, grant, account: handle.account });
  const { project, endpoint, login } = handle.reach;
  return canonicalJson({
    v: 1,
    access,
    grant,
    project,
    endpoint,
    login: { ...login },
    owner: handle.owner,
    target: handle.target,
    ...(handle.access === 'pam' ? { account: handle.account, entitlement: handle.entitlement } : {}),
  });
}

/** Reads a handle of `writeHandle`, of this version or an earlier one. Throws `ERR_UNEXPECTED` for anything else. */
export function readHandle(mark: Pick<Mark, 'handle' | 'grant'>): Handle {
  const parsed = HANDLE.safeParse(asJson(mark.handle));
  if (!parsed.success || parsed.data.grant !== mark.grant) {
    throw new JitError({ code: 'ERR_UNEXPECTED', message: `the gcp handle of ${mark.grant} cannot be read` });
  }
  const { data } = parsed;
  if (data.access === 'storage') return { access: 'storage', grant: data.grant, account: data.account };
  const { project, endpoint, login, grant, owner, target } = data;
  const reach = { project, endpoint, login };
  if (data.access === 'binding') return { access: 'binding', grant, reach, owner, target };
  return { access: 'pam', grant, reach, owner, target, account: data.account, entitlement: data.entitlement };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
