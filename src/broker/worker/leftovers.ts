/**
 * Asks each target what it has of this broker's, and revokes what no live grant accounts for: what a crash, an older copy of the
 * store or a cloud that changed its mind has left behind.
 * @module
 */
import type { AuditEvent } from '../../audit/entry.ts';
import { asJitError } from '../../core/errors.ts';
import { retryDelayMs } from '../../core/grant.ts';
import type { Leftover, Mark, Provider, Revocation, Target } from '../../core/ports.ts';
import { placeOf } from '../service/decide.ts';
import type { World } from '../service/world.ts';
import type { StoredGrant } from '../store/store.ts';

const EVERY_MS = 900_000;
/** Timers stand still while a machine sleeps, so the clock is looked at again and again. */
const TICK_MS = 1_000;
const LIST_MS = 60_000;
const CALL_MS = 30_000;
const AT_ONCE = 8;

/** What is known about one target between two looks at it. */
export interface Pursuit {
  /** Found, and not yet verified to be gone. By handle, since the target may cease to list it before it ceases to work. */
  readonly open: Map<string, Leftover>;
  /** Found and written down, so that each is one entry however often it is tried. */
  readonly noted: Set<string>;
  /** What revocation left behind, and from when it can go, epoch ms. */
  readonly untidy: Map<string, { readonly mark: Mark; readonly at: number }>;
  /** Looks in a row that did not come to an end. */
  failures: number;
}

export const newPursuit = (): Pursuit => ({ open: new Map(), noted: new Set(), untidy: new Map(), failures: 0 });

export interface Leftovers {
  /** Found and not verified to be gone yet, at all targets. */
  open(): number;
  /** Resolves when the looks under way have ended. */
  stop(): Promise<void>;
}

/** Looks at every target at once and then every 15 minutes, each for itself, so that one that is silent delays no other. */
export function startLeftovers(world: World): Leftovers {
  const stop = new AbortController();
  const running = new Map<string, Promise<void>>();
  const due = new Map([...world.targets.keys()].map((name) => [name, { at: -Infinity, pursuit: newPursuit() }]));
  const tick = (): void => {
    for (const [name, next] of due) {
      if (running.has(name) || next.at > world.now()) continue;
      const look = lookAt(world, name, next.pursuit, stop.signal)
        .then((at) => void due.set(name, { ...next, at }))
        .finally(() => running.delete(name));
      running.set(name, look);
    }
  };
  const timer = setInterval(tick, TICK_MS).unref();
  tick();
  return {
    open: () => [...due.values()].reduce((sum, { pursuit }) => sum + pursuit.open.size, 0),
    stop: async () => {
      clearInterval(timer);
      stop.abort();
      await Promise.all(running.values());
    },
  };
}

/**
 * One look at one target. What is found is written into the audit log before it is revoked.
 * @returns when to look again, epoch ms. Never rejects: what fails is logged, and tried again with a growing pause.
 */
export async function lookAt(world: World, name: string, pursuit: Pursuit, stop: AbortSignal): Promise<number> {
  try {
    const { target, provider } = placeOf(world, name);
    const asked = world.now();
    const listed = await provider.list(target, bounded(stop, LIST_MS));
    const found = new Map([...pursuit.open, ...listed.map((one) => [one.handle, one] as const)]);
    const steps: Step[] = [];
    const scene = { world, provider, target, pursuit, stop, asked };
    await inTurns([...found.values()], async (one) => void steps.push(await settle(scene, one)));
    await tidyUp(scene);
    pursuit.failures = steps.some(({ kind }) => kind === 'failed') ? pursuit.failures + 1 : 0;
    const pause = pursuit.failures > 0 ? retryDelayMs(pursuit.failures) : EVERY_MS;
    const checks = steps.flatMap((step) => (step.kind === 'pending' ? [step.checkAt] : []));
    return Math.min(world.now() + pause, ...checks);
  } catch (thrown) {
    if (stop.aborted) return Infinity;
    pursuit.failures += 1;
    const { code } = asJitError(thrown);
    world.log.warn('cannot see what is left at a target; it is tried again', { target: name, code });
    return world.now() + retryDelayMs(pursuit.failures);
  }
}

interface Scene {
  readonly world: World;
  readonly provider: Provider;
  readonly target: Target;
  readonly pursuit: Pursuit;
  readonly stop: AbortSignal;
  /** Epoch ms: when the target was asked. */
  readonly asked: number;
}

/** How far it has come with one: nothing to do, to be asked about again (epoch ms), or not even that. */
type Step =
  | { readonly kind: 'settled' }
  | { readonly kind: 'pending'; readonly checkAt: number }
  | { readonly kind: 'failed' };

async function settle(scene: Scene, one: Leftover): Promise<Step> {
  const { world, target, pursuit, stop } = scene;
  try {
    const why = await unaccounted(scene, one);
    if (why !== null) return await pursue(scene, one, why);
    pursuit.open.delete(one.handle);
    return { kind: 'settled' };
  } catch (thrown) {
    const fields = { target: target.name, grant: one.grant, code: asJitError(thrown).code };
    if (!stop.aborted) world.log.error('a leftover could not be revoked; it is tried again', fields);
    return { kind: 'failed' };
  }
}

type Why = { readonly kind: 'unknown' } | { readonly kind: 'ended'; readonly stored: StoredGrant };

/**
 * Why nothing accounts for it, or null where a grant does. The store is asked after the target: an intent is stored before its
 * cloud is called, so what the store does not know by now was not being issued then.
 */
async function unaccounted({ world, provider, asked }: Scene, one: Leftover): Promise<Why | null> {
  const stored = await world.store.grant(one.grant);
  if (stored === null) return { kind: 'unknown' };
  const legs = stored.grant.legs.filter((leg) => leg.provider === provider.kind);
  const own = legs.filter((leg) => leg.handle === one.handle);
  // Where none has exactly this handle, it was made by another version or under another name of the target: any may be its own.
  const open = (own.length > 0 ? own : legs).some(({ state, gone }) => state !== 'gone' || (gone?.at ?? 0) >= asked);
  return open ? null : { kind: 'ended', stored };
}

async function pursue(scene: Scene, one: Leftover, why: Why): Promise<Step> {
  const { world, target, pursuit } = scene;
  const about = { target: target.name, grant: one.grant };
  pursuit.open.set(one.handle, one);
  if (!pursuit.noted.has(one.handle)) {
    const notAfter = new Date(one.notAfter).toISOString();
    await note(world, 'leftover.found', why, { ...named(target, one), why: WORDS[why.kind], notAfter });
    pursuit.noted.add(one.handle);
    world.log.warn('found access that no live grant accounts for; it is revoked', about);
  }
  const mark = markOf(target, one);
  const outcome = await revokeIt(scene, mark);
  if (outcome.kind === 'pending') return outcome;
  await note(world, 'leftover.revoked', why, { ...named(target, one), proof: outcome.proof.toWellFormed() });
  pursuit.open.delete(one.handle);
  pursuit.noted.delete(one.handle);
  if (outcome.tidyAt !== null) pursuit.untidy.set(one.handle, { mark, at: outcome.tidyAt });
  world.log.warn('revoked access that no live grant accounted for', about);
  return { kind: 'settled' };
}

const WORDS: Readonly<Record<Why['kind'], string>> = {
  unknown: 'no such grant in the store',
  ended: 'its grant has ended at this target',
};

const named = ({ name: target }: Target, { grant, name }: Leftover) => ({ target, grant, name: name.toWellFormed() });

/** Nobody knows any more when it was to end, so nothing is called gone because of the time alone. */
const markOf = ({ name }: Target, { grant, handle, notAfter }: Leftover): Mark => ({
  grant,
  target: name,
  handle,
  endsAt: null,
  notAfter,
});

async function revokeIt({ world, provider, stop }: Scene, mark: Mark): Promise<Revocation> {
  const revoked = async (): Promise<readonly Mark[]> => world.store.revoked(provider.kind, world.now());
  return provider.revoke(mark, revoked, bounded(stop, CALL_MS));
}

async function tidyUp({ world, provider, pursuit: { untidy }, stop }: Scene): Promise<void> {
  const revoked = async (): Promise<readonly Mark[]> => world.store.revoked(provider.kind, world.now());
  for (const [handle, { mark, at }] of untidy) {
    if (at > world.now()) continue;
    await provider.tidy(mark, revoked, bounded(stop, CALL_MS));
    untidy.delete(handle);
  }
}

/** Entries name a grant only where the store knows it. */
async function note(world: World, type: string, why: Why, data: AuditEvent['data']): Promise<void> {
  const { id: grant = null, requestId: request = null } = why.kind === 'ended' ? why.stored.grant : {};
  const entry: AuditEvent = { type, at: world.now(), actor: 'broker', request, grant, data };
  await world.store.commit({ entries: [entry], purpose: 'end' });
}

function bounded(stop: AbortSignal, ms: number): AbortSignal {
  return AbortSignal.any([stop, AbortSignal.timeout(ms)]);
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const turn = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
}
