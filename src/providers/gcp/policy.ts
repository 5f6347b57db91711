/**
 * A project's policy: what stands in it stays as it is, but for the bindings that are ours.
 * @module
 */
import { z } from 'zod';
import { JitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import { strange } from './calls.ts';
import { readEnd } from './condition.ts';
import { sameMember } from './members.ts';
import { grantOf, readDescription, titleOf } from './names.ts';

/** One binding as jit writes it. */
export interface Binding {
  readonly role: string;
  readonly members: readonly [string];
  readonly condition: { readonly title: string; readonly description: string; readonly expression: string };
}

/** What shall stand in the policy for one grant at one target: these bindings, or with none nothing at all. */
export interface Edit {
  readonly grant: string;
  readonly target: string;
  readonly wanted: readonly Binding[];
}

/** As Google sent it: every field, in its order. */
export type Policy = Readonly<Record<string, unknown>> & {
  readonly etag: string;
  readonly bindings: readonly unknown[];
};

/** A binding of jit's, as found. */
export interface Found {
  readonly grant: GrantId;
  readonly target: string;
  readonly expression: string;
}

const POLICY = z.object({ etag: z.string().min(1), bindings: z.array(z.unknown()).default([]) });
const CONDITIONAL = z.object({
  role: z.string(),
  members: z.array(z.string()).default([]),
  condition: z.object({ title: z.string(), description: z.string().default(''), expression: z.string() }),
});
const ANY = z.object({ members: z.array(z.unknown()).default([]) });

/** IAM quotas: "All principals in a single allow policy: 1,500" and "conditional role bindings … same role … same principal: 20". */
const MOST_MEMBERS = 1_500;
const MOST_CONDITIONS = 20;
/** Clocks differ: what ended this long ago is certainly over. */
const CLUTTER_MS = 300_000;

/**
 * Reads an answer of getIamPolicy or setIamPolicy. One without an etag is refused: writing without it would overwrite what
 * somebody else has written since. Throws `ERR_CLOUD_UNKNOWN`.
 */
export function readPolicy(text: string): Policy {
  const value = asJson(text);
  const parsed = POLICY.safeParse(value);
  if (!isRecord(value) || !parsed.success || !numbersHold(value)) {
    throw strange('with a policy that cannot be kept as it is');
  }
  return { ...value, etag: parsed.data.etag, bindings: parsed.data.bindings };
}

/** All bindings with the mark of that broker. */
export function ours(policy: Policy, owner: string): readonly Found[] {
  return policy.bindings.flatMap((binding) => {
    const found = asOurs(binding, owner);
    return found === null ? [] : [found];
  });
}

/** One grant may be at several targets of one project. */
export const keyOf = ({ grant, target }: Pick<Edit, 'grant' | 'target'>): string => `${grant} ${target}`;

/** Whether exactly the wanted bindings of that grant at that target stand in the policy. */
export function stands(policy: Policy, edit: Edit, owner: string): boolean {
  const { wanted } = edit;
  const found = policy.bindings.filter((binding) => {
    const own = asOurs(binding, owner);
    return own !== null && keyOf(own) === keyOf(edit);
  });
  return found.length === wanted.length && wanted.every((one) => found.some((binding) => isSame(binding, one)));
}

/**
 * The policy with the edits made, and without bindings of ours that ended a while ago. Nothing else changes, not even its place.
 * @param now epoch ms.
 */
export function edited(
  policy: Policy,
  edits: readonly Edit[],
  about: { readonly owner: string; readonly now: number },
): Policy {
  const { owner, now } = about;
  const left = new Map(edits.map((edit) => [keyOf(edit), [...edit.wanted]]));
  const kept = policy.bindings.flatMap((binding): readonly unknown[] => {
    const found = asOurs(binding, owner);
    if (found === null) return [binding];
    const wanted = left.get(keyOf(found));
    if (wanted === undefined) return isClutter(found, now) ? [] : [binding];
    const next = wanted.shift();
    return next === undefined ? [] : [next];
  });
  // "Any operation that affects conditional role bindings must specify version 3" (Resource Manager API v3, Policy.version).
  return { ...policy, version: 3, bindings: [...kept, ...[...left.values()].flat()] };
}

/** Throws `ERR_CLOUD` where IAM has no room for what an edit adds. */
export function demandRoom(policy: Policy, { grant, wanted }: Edit): void {
  const conditional = policy.bindings.flatMap((binding) => {
    const parsed = CONDITIONAL.safeParse(binding);
    return parsed.success ? [parsed.data] : [];
  });
  for (const { role, members } of wanted) {
    const same = conditional.filter(
      (one) => one.role === role && one.members.some((member) => sameMember(member, members[0])),
    );
    if (same.length <= MOST_CONDITIONS) continue;
    throw new JitError({
      code: 'ERR_CLOUD',
      message: `google takes ${MOST_CONDITIONS} conditional bindings of ${role} for one principal, and ${members[0]} has them`,
      hint: `end one of those grants first, instead of adding ${titleOf(grant)}`,
    });
  }
  const members = policy.bindings.reduce<number>(
    (sum, binding) => sum + (ANY.safeParse(binding).data?.members.length ?? 0),
    0,
  );
  if (members <= MOST_MEMBERS) return;
  throw new JitError({
    code: 'ERR_CLOUD',
    message: `the policy of the project would have more than ${MOST_MEMBERS} principals, which google does not take`,
    hint: 'give access to groups rather than to people one by one, or use another project',
  });
}

function asOurs(binding: unknown, owner: string): Found | null {
  const parsed = CONDITIONAL.safeParse(binding);
  if (!parsed.success) return null;
  const { title, description, expression } = parsed.data.condition;
  const [grant, whose] = [grantOf(title), readDescription(description)];
  return grant === null || whose?.owner !== owner ? null : { grant, target: whose.target, expression };
}

function isSame(binding: unknown, wanted: Binding): boolean {
  const parsed = CONDITIONAL.safeParse(binding);
  if (!parsed.success) return false;
  const { role, members, condition } = parsed.data;
  const [member = ''] = members;
  return (
    role === wanted.role &&
    members.length === 1 &&
    sameMember(member, wanted.members[0]) &&
    condition.title === wanted.condition.title &&
    condition.expression === wanted.condition.expression
  );
}

function isClutter({ expression }: Found, now: number): boolean {
  const end = readEnd(expression);
  return end !== null && end + CLUTTER_MS < now;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A number that JavaScript cannot hold would come back as another one. */
function numbersHold(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.values(value).every(numbersHold);
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
