/**
 * Making the assignments of a grant stand: looked at first, so that what cannot be is refused before anything is made.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { JitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports.ts';
import { guidIn } from './direct.ts';
import type { Holders } from './names.ts';
import type { Pair } from './narrow.ts';
import { MOST_HOLDERS } from './standing.ts';
import type { Found, Ours, Place, Reach, Standing } from './standing.ts';

/** Whether anything has been changed in Azure, so that a later failure leaves something behind. */
export interface Progress {
  made: 'nothing' | 'an identity' | 'an assignment';
}

export interface Wanted {
  readonly grant: GrantId;
  /** Epoch ms. */
  readonly endsAt: number;
  readonly principalId: string;
  /** An identity of the grant may be so new that Azure does not know it everywhere. */
  readonly to: 'requester' | 'identity';
  /** One that this very call has made has no assignments. */
  readonly age: 'new' | 'known';
  readonly pairs: readonly Pair[];
}

/** An end may differ by the seconds in which it is written. */
const CLOCKS_MS = 60_000;
/** How long a principal is waited for that Azure does not find yet. */
const REPLICATION_MS = 9_000;
const REPLICATION_PAUSE_MS = 1_000;

/** @returns the pairs that the principal has already from somebody else, for which nothing was made. */
export async function assign(
  deps: { readonly standing: Standing; readonly now: Clock },
  reach: Reach,
  wanted: Wanted,
  progress: Progress,
): Promise<readonly Pair[]> {
  const { standing } = deps;
  const { principalId, pairs } = wanted;
  const scopes = [...new Set(pairs.map(({ scope }) => scope))];
  const found = new Map<string, readonly Found[]>();
  for (const scope of wanted.age === 'new' ? [] : scopes) {
    found.set(scope, await standing.find(reach, { scope, principalId }));
  }
  const at = (pair: Pair): Found | null => within(found.get(pair.scope) ?? [], pair, principalId);
  const steps = pairs.map((pair) => ({ pair, before: at(pair), next: nextHolders(deps.now(), at(pair), wanted) }));
  const already: Pair[] = [];
  for (const { pair, before, next } of steps) {
    if (next === 'already') already.push(pair);
    else if (next !== 'unchanged') {
      const made = await putOne(
        deps,
        reach,
        { wanted, pair, before: before?.whose === 'ours' ? before : null, next },
        progress,
      );
      if (made === 'already') already.push(pair);
    }
  }
  return already;
}

async function putOne(
  { standing, now }: { readonly standing: Standing; readonly now: Clock },
  reach: Reach,
  step: { readonly wanted: Wanted; readonly pair: Pair; readonly before: Ours | null; readonly next: Holders },
  progress: Progress,
): Promise<'made' | 'already'> {
  const { wanted, pair } = step;
  const { principalId } = wanted;
  const { scope, role } = pair;
  const place: Place = { scope, roleId: role.id, principalId };
  const fresh = wanted.to === 'identity' ? 'service principal' : 'somebody known';
  const until = AbortSignal.timeout(REPLICATION_MS);
  let [before, next] = [step.before, step.next];
  for (;;) {
    const put = await standing.put(reach, place, { holders: next, before, fresh });
    if (put === 'done') {
      progress.made = 'an assignment';
      return 'made';
    }
    if (put === 'not yet') {
      const over = AbortSignal.any([until, reach.signal]);
      await sleep(REPLICATION_PAUSE_MS, undefined, { signal: over }).catch(() => undefined);
      if (over.aborted) throw replicating(scope);
      continue;
    }
    // Somebody was quicker, between the look and the call.
    const rival = within(await standing.find(reach, { scope, principalId }), pair, principalId);
    if (rival === null || (before !== null && rival.ref === before.ref)) throw held(scope, 'somebody else');
    const again = nextHolders(now(), rival, wanted);
    if (again === 'already') return 'already';
    if (again === 'unchanged' || rival.whose !== 'ours') return 'made';
    [before, next] = [rival, again];
  }
}

function within(found: readonly Found[], { scope, role }: Pair, principalId: string): Found | null {
  const one = found.find(
    (each) => guidIn(each.roleId) === role.guid && each.principalId.toLowerCase() === principalId.toLowerCase(),
  );
  return one === undefined ? null : { ...one, scope };
}

/** Who holds it from now on. Throws `ERR_CLOUD` where somebody else's assignment is in the way. */
function nextHolders(now: number, found: Found | null, wanted: Wanted): Holders | 'unchanged' | 'already' {
  const { grant, endsAt } = wanted;
  if (found === null) return new Map([[grant, endsAt]]);
  if (found.whose === 'jit') throw held(found.scope, 'another broker or target of jit');
  if (found.whose === 'foreign') {
    const tooShort = found.until !== null && found.until < endsAt;
    if (found.conditional || tooShort) throw held(found.scope, 'somebody else, for less than was asked for');
    return 'already';
  }
  const end = found.holders.get(grant);
  // An end only ever moves later: an earlier one is what revocation is for.
  if (end !== undefined && end >= endsAt) return 'unchanged';
  const others = [...found.holders].filter(([one, until]) => one !== grant && until + CLOCKS_MS > now);
  if (others.length >= MOST_HOLDERS) {
    throw new JitError({
      code: 'ERR_CLOUD',
      message: `${others.length} grants of the same person give the same role on ${found.scope} already`,
      hint: 'renew one of them instead',
    });
  }
  return new Map([...others, [grant, endsAt]]);
}

function held(scope: string, by: string): JitError {
  return new JitError({
    code: 'ERR_CLOUD',
    message: `the same role on ${scope} is assigned to the same principal by ${by}, and azure keeps only one`,
    hint: 'look at the role assignments of the resource in the portal',
  });
}

function replicating(scope: string): JitError {
  return new JitError({
    code: 'ERR_CLOUD_BUSY',
    message: `azure does not find the new identity yet, to which a role on ${scope} is to be assigned`,
    hint: 'try again in a moment',
  });
}
