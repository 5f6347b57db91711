/**
 * The environment in which a command finds what was granted, at one target or at several.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import { profilesOf } from '../../profiles/all.ts';
import type { Access, Change, Env } from '../../profiles/tool.ts';

const GRANT = 'JIT_GRANT';

/**
 * What to change in `env` so that a child finds this grant and nothing before it. Throws `ERR_TARGET` for two targets of one
 * kind: the variables of a tool have room for one.
 */
export async function accessEnvironment(
  env: Env,
  platform: NodeJS.Platform,
  grant: GrantId,
  accesses: readonly Access[],
): Promise<Change> {
  const changes: Change[] = [];
  for (const [kind, same] of Map.groupBy(accesses, ({ tool }) => tool.kind)) {
    const [access, ...more] = same;
    if (access === undefined) continue;
    if (more.length > 0) throw tooMany(kind, same);
    const change = await profilesOf(kind)?.environment(env, platform, access);
    if (change !== undefined) changes.push(change);
  }
  return {
    set: new Map([...changes.flatMap(({ set }) => [...set]), [GRANT, grant]]),
    removed: changes.flatMap(({ removed }) => removed).toSorted(),
    replaced: [...changes.flatMap(({ replaced }) => replaced), GRANT],
    hidden: changes.flatMap(({ hidden }) => hidden),
  };
}

/** The child's whole environment. */
export function applyChange(env: Env, change: Change): Record<string, string> {
  const kept = Object.entries(env).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && !change.removed.includes(pair[0]),
  );
  return { ...Object.fromEntries(kept), ...Object.fromEntries(change.set) };
}

/** What of the parent's own settings the child does without, for one line on stderr. */
export function losses(env: Env, { set, removed, replaced, hidden }: Change): readonly string[] {
  const known = new Set(replaced);
  const overridden = [...set].filter(([name, value]) => env[name] !== undefined && env[name] !== value);
  const names = [...removed, ...overridden.map(([name]) => name)].filter((name) => !known.has(name));
  return [...names, ...hidden];
}

function tooMany(kind: string, accesses: readonly Access[]): JitError {
  const names = accesses.map(({ target }) => target).join(', ');
  return new JitError({
    code: 'ERR_TARGET',
    message: `one command cannot use ${accesses.length} targets of ${kind} at once: ${names}`,
    hint: 'ask with jit request, which makes a profile for each of them',
  });
}
