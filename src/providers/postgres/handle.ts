/**
 * A handle: everything that revoking needs, written down before the server is asked for anything.
 * @module
 */
import { z } from 'zod';
import { canonicalJson } from '../../core/canonical.ts';
import { JitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import { isGrantId } from '../../core/ids.ts';
import type { Mark } from '../../core/ports.ts';
import { TLS_MODES } from './target.ts';
import type { Reach } from './target.ts';

const HANDLE = z.strictObject({
  v: z.literal(1),
  grant: z.string().refine(isGrantId),
  target: z.string(),
  host: z.string(),
  port: z.int(),
  database: z.string(),
  user: z.string(),
  passwordFile: z.string().nullable(),
  tls: z.enum(TLS_MODES),
  authority: z.string().nullable(),
});

/** What a handle says. */
export interface Handle {
  readonly grant: GrantId;
  /** The name of the target, since two targets may be one server. */
  readonly target: string;
  readonly reach: Reach;
}

/** The same text for the same grant and target, always. */
export function writeHandle({ grant, target, reach }: Handle): string {
  const { host, port, database, user, passwordFile, tls, authority } = reach;
  return canonicalJson({ v: 1, grant, target, host, port, database, user, passwordFile, tls, authority });
}

/** Reads a handle of `writeHandle`. Throws `ERR_UNEXPECTED` for anything else. */
export function readHandle(mark: Pick<Mark, 'handle' | 'grant'>): Handle {
  const parsed = HANDLE.safeParse(asJson(mark.handle));
  if (!parsed.success || parsed.data.grant !== mark.grant) {
    throw new JitError({ code: 'ERR_UNEXPECTED', message: `the postgres handle of ${mark.grant} cannot be read` });
  }
  const { v: _version, grant: _grant, target, ...reach } = parsed.data;
  return { grant: mark.grant, target, reach };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
