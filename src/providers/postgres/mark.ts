/**
 * The mark of a login role: a comment on it that says which broker made it, for which grant and until when. Comments of other
 * people's roles are anything at all, so a mark is read strictly or not at all. Holders cannot change the comment on their role.
 * @module
 */
import { z } from 'zod';
import { canonicalJson } from '../../core/canonical.ts';
import type { GrantId } from '../../core/ids.ts';
import { isGrantId } from '../../core/ids.ts';

const BEFORE = 'jit ';
const LONGEST = 20_000;

const MARK = z.strictObject({
  v: z.literal(1),
  owner: z.string().min(1),
  grant: z.string().refine(isGrantId),
  target: z.string().min(1),
  end: z.iso.datetime(),
  heirs: z.array(z.string().min(1)).min(1),
});

/** What a login role says about itself. */
export interface RoleMark {
  /** Of the broker's store. */
  readonly owner: string;
  readonly grant: GrantId;
  readonly target: string;
  /** Epoch ms: the end that the role was given. */
  readonly end: number;
  /** Group roles, of which the first that can have it gets what the holder leaves behind. */
  readonly heirs: readonly string[];
}

export function writeMark({ owner, grant, target, end, heirs }: RoleMark): string {
  return `${BEFORE}${canonicalJson({ v: 1, owner, grant, target, end: new Date(end).toISOString(), heirs })}`;
}

/** @returns null for every other text. */
export function readMark(comment: string | null): RoleMark | null {
  if (comment === null || comment.length > LONGEST || !comment.startsWith(BEFORE)) return null;
  const parsed = MARK.safeParse(asJson(comment.slice(BEFORE.length)));
  if (!parsed.success || !isGrantId(parsed.data.grant)) return null;
  const { owner, grant, target, end, heirs } = parsed.data;
  const mark: RoleMark = { owner, grant, target, end: Date.parse(end), heirs };
  return writeMark(mark) === comment ? mark : null;
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
