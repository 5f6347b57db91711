/**
 * A handle: everything that revoking needs, written down before the cluster is called.
 * @module
 */
import { z } from 'zod';
import { canonicalJson } from '../../core/canonical.ts';
import { JitError } from '../../core/errors.ts';
import { isGrantId } from '../../core/ids.ts';
import type { Mark } from '../../core/ports.ts';
import { objectName } from './names.ts';
import type { Marking } from './names.ts';
import { CLUSTER, isNamespace } from './resource.ts';
import type { Access } from './target.ts';

const HANDLE = z.strictObject({
  v: z.literal(1),
  grant: z.string().refine(isGrantId),
  owner: z.string().regex(/^[0-9a-z]{1,63}$/),
  target: z.string().regex(/^[0-9a-f]{8}$/),
  server: z.string(),
  authority: z.string().nullable(),
  authorityFile: z.string().nullable(),
  tokenFile: z.string(),
  namespace: z.string().refine(isNamespace),
  scopes: z.array(z.string().refine((text) => text === CLUSTER || isNamespace(text))),
});

/** What a handle says. */
export interface Handle extends Marking {
  readonly access: Access;
  /** Namespaces with a role for the grant, and `_cluster`; sorted. */
  readonly scopes: readonly string[];
}

/** The same text for the same grant and target, always. */
export function writeHandle({ grant, owner, target, access, scopes }: Handle): string {
  return canonicalJson({ v: 1, grant, owner, target, ...access, scopes: scopes.toSorted() });
}

/** Reads a handle of `writeHandle`. Throws `ERR_UNEXPECTED` for anything else. */
export function readHandle(mark: Pick<Mark, 'handle' | 'grant'>): Handle {
  const parsed = HANDLE.safeParse(asJson(mark.handle));
  if (!parsed.success || parsed.data.grant !== mark.grant) {
    throw new JitError({ code: 'ERR_UNEXPECTED', message: `the kubernetes handle of ${mark.grant} cannot be read` });
  }
  const { v: _version, grant: _grant, owner, target, scopes, ...access } = parsed.data;
  return { grant: mark.grant, owner, target, scopes, access };
}

/** The account, for people who look for it. */
export function handleName({ access, ...marking }: Handle): string {
  return `${access.namespace}/${objectName(marking)}`;
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
