/**
 * A handle: everything that revoking needs, written down before Azure is called.
 * @module
 */
import { z } from 'zod';
import { canonicalJson } from '../../core/canonical.ts';
import { JitError } from '../../core/errors.ts';
import { isGrantId } from '../../core/ids.ts';
import type { GrantId } from '../../core/ids.ts';
import type { Mark } from '../../core/ports.ts';
import { isGuid } from './scope.ts';
import type { AssignmentMode, AzureAccess } from './target.ts';

const guid = z.string().refine(isGuid);
const origin = z.string().startsWith('https://').nullable();

const HANDLE = z.strictObject({
  v: z.literal(1),
  owner: z.string(),
  grant: z.custom<GrantId>((value) => typeof value === 'string' && isGrantId(value)),
  access: z.strictObject({
    tenant: guid,
    subscription: guid,
    endpoint: origin,
    authority: origin,
    credentials: z.enum(['federation', 'ambient']),
    clientId: guid.nullable(),
  }),
  mode: z.enum(['pim', 'direct']),
  /** An object id, or the resource group of the grant's own identity. */
  to: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('requester'), id: guid }),
    z.strictObject({ kind: z.literal('identity'), group: z.string().min(1) }),
  ]),
  /** Where roles may have been assigned: sorted, each once. */
  scopes: z.array(z.string().startsWith('/subscriptions/')),
});

/** What a handle says. */
export interface Handle {
  readonly owner: string;
  readonly grant: GrantId;
  readonly access: AzureAccess;
  readonly mode: AssignmentMode;
  readonly to:
    | { readonly kind: 'requester'; readonly id: string }
    | { readonly kind: 'identity'; readonly group: string };
  readonly scopes: readonly string[];
}

/** The same text for the same grant and target, always. */
export function writeHandle({ owner, grant, access, mode, to, scopes }: Handle): string {
  const { tenant, subscription, endpoint, authority, credentials, clientId } = access;
  return canonicalJson({
    v: 1,
    owner,
    grant,
    access: { tenant, subscription, endpoint, authority, credentials, clientId },
    mode,
    to,
    scopes: [...new Set(scopes)].toSorted(),
  });
}

/** Reads a handle of `writeHandle`. Throws `ERR_UNEXPECTED` for anything else, and for one of another grant. */
export function readHandle(mark: Pick<Mark, 'handle' | 'grant'>): Handle {
  const parsed = HANDLE.safeParse(asJson(mark.handle));
  if (!parsed.success || parsed.data.grant !== mark.grant) {
    throw new JitError({ code: 'ERR_UNEXPECTED', message: `the azure handle of ${mark.grant} cannot be read` });
  }
  const { v: _version, ...handle } = parsed.data;
  return handle;
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
