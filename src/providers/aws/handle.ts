/**
 * A handle: everything that revoking needs, written down before AWS is called.
 * @module
 */
import { z } from 'zod';
import { canonicalJson } from '../../core/canonical.ts';
import { JitError } from '../../core/errors.ts';
import type { Mark } from '../../core/ports.ts';
import { parseRole } from './arn.ts';
import type { Role } from './arn.ts';
import type { RoleAccess } from './target.ts';

const HANDLE = z.strictObject({
  v: z.literal(1),
  grant: z.string(),
  role: z.string(),
  region: z.string(),
  endpoint: z.string().nullable(),
  credentials: z.enum(['web-identity', 'ambient']),
  revoker: z.string().nullable(),
  externalId: z.string().nullable(),
  sandbox: z.boolean(),
  shells: z.literal(true).optional(),
});

/** What a handle says. */
export interface Handle {
  readonly grant: string;
  /** Whether the grant can open sessions of Systems Manager, which outlive its credentials. */
  readonly shells: boolean;
  readonly access: RoleAccess;
  readonly role: Role;
}

/** The same text for the same grant and target, always. */
export function writeHandle({ grant, shells, access }: Omit<Handle, 'role'>): string {
  const { role, region, endpoint, credentials, revoker, externalId, sandbox } = access;
  const known = { v: 1, grant, role, region, endpoint, credentials, revoker, externalId, sandbox };
  return canonicalJson(shells ? { ...known, shells } : known);
}

/** Reads a handle of `writeHandle`, of this version or an earlier one. Throws `ERR_UNEXPECTED` for anything else. */
export function readHandle(mark: Pick<Mark, 'handle' | 'grant'>): Handle {
  const parsed = HANDLE.safeParse(asJson(mark.handle));
  const role = parsed.success ? parseRole(parsed.data.role) : null;
  if (!parsed.success || role === null || parsed.data.grant !== mark.grant) {
    throw new JitError({ code: 'ERR_UNEXPECTED', message: `the aws handle of ${mark.grant} cannot be read` });
  }
  const { v: _version, grant, shells = false, ...access } = parsed.data;
  return { grant, shells, access, role };
}

/** Two handles with the same place write the same deny policy. The account and role decide, and where they are asked. */
export function placeOf({ access }: Handle): string {
  return `${access.endpoint ?? 'aws'} ${access.role}`;
}

/** Epoch ms at which AWS itself ends this access: by the session policy, or, where nobody knows whether it was issued, by the session. */
export function endOf(mark: Pick<Mark, 'endsAt' | 'notAfter'>): number {
  return Math.min(mark.endsAt ?? mark.notAfter, mark.notAfter);
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
