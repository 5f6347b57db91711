/**
 * A handle: everything that removing the assignments of a grant needs, written down before AWS is called.
 * @module
 */
import { z } from 'zod';
import { canonicalJson } from '../../../core/canonical.ts';
import { JitError } from '../../../core/errors.ts';
import { isGrantId } from '../../../core/ids.ts';
import type { GrantId } from '../../../core/ids.ts';
import type { Mark } from '../../../core/ports.ts';
import type { CenterAccess } from './target.ts';

const HANDLE = z.strictObject({
  v: z.literal(1),
  owner: z.string(),
  grant: z.string(),
  user: z.string(),
  permissionSets: z.array(z.string()).min(1),
  instance: z.string(),
  account: z.string(),
  region: z.string(),
  endpoint: z.string().nullable(),
  credentials: z.enum(['web-identity', 'ambient']),
  administrator: z.string().nullable(),
  externalId: z.string().nullable(),
  sessionSeconds: z.int(),
});

/** What a handle says. */
export interface Handle {
  readonly owner: string;
  readonly grant: GrantId;
  readonly user: string;
  /** Sorted. */
  readonly permissionSets: readonly string[];
  readonly access: CenterAccess;
}

/** The same text for the same grant and target, always. */
export function writeHandle({ owner, grant, user, permissionSets, access }: Handle): string {
  return canonicalJson({ v: 1, owner, grant, user, permissionSets: [...permissionSets], ...access });
}

/** Throws `ERR_UNEXPECTED` for anything that `writeHandle` has not written for this grant. */
export function readHandle(mark: Pick<Mark, 'handle' | 'grant'>): Handle {
  const parsed = HANDLE.safeParse(asJson(mark.handle));
  if (!parsed.success || parsed.data.grant !== mark.grant || !isGrantId(parsed.data.grant)) {
    throw new JitError({
      code: 'ERR_UNEXPECTED',
      message: `the aws-identity-center handle of ${mark.grant} cannot be read`,
    });
  }
  const { v: _version, owner, grant: _grant, user, permissionSets, ...access } = parsed.data;
  return { owner, grant: mark.grant, user, permissionSets, access };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
