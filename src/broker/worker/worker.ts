/**
 * Carries out what the store's outbox asks for: issues, revocations, expiries, tidying. Fair between targets, and never
 * giving up on a revocation.
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import { asJitError, JitError } from '../../core/errors.ts';
import type { Mark, Revocation } from '../../core/ports.ts';
import { type Grant, idleAt } from '../../core/grant.ts';
import { applyEvent } from '../service/apply.ts';
import { bounded } from '../service/bounded.ts';
import type { Issuer } from '../service/issue.ts';
import type { World } from '../service/world.ts';
import type { ClaimedEffect, StoredGrant } from '../store/store.ts';

const CLAIM_MS = 60_000;
const CALL_MS = 30_000;
const PER_TARGET = 32;
const BATCH = 256;
const IDLE_MS = 30_000;
/** Timers stand still while a machine sleeps, so none is set for long. */
const TICK_MS = 2_000;
const STORE_DOWN_MS = 1_000;
const TIDY_RETRY_MS = 60_000;

export interface Worker {
  /** Something is in the outbox that is due at `dueAt`, epoch ms. Call it after every commit that may be news to the worker. */
  wake(dueAt: number): void;
  /** Effects in hand at this moment. */
  busy(): number;
  /** Stops taking effects and resolves when those in hand are finished. */
  stop(): Promise<void>;
}

export function startWorker(world: World, issuer: Issuer): Worker {
  const inHand = new Map<string, number>();
  const running = new Set<Promise<void>>();
  let stopping = false;
  let wakeUp: () => void = () => undefined;
  // While awake: the earliest time that was announced since the outbox was looked at. Asleep: when to look again.
  let nextLook = Infinity;

  const wake = (dueAt: number): void => {
    // A look that is overdue is not waited for: the clock may have been set, or the machine asleep.
    if (dueAt >= nextLook && nextLook > world.now()) return;
    nextLook = Math.min(nextLook, dueAt);
    wakeUp();
  };

  const sleepUntil = async (time: number): Promise<void> => {
    nextLook = Math.min(nextLook, time);
    while (!stopping && nextLook > world.now()) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(TICK_MS, nextLook - world.now()));
        wakeUp = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };

  function start(effect: ClaimedEffect): void {
    const { target } = effect;
    inHand.set(target, (inHand.get(target) ?? 0) + 1);
    const work = carryOut(world, issuer, effect)
      .catch((thrown: unknown) => {
        // The row is still there and its claim runs out: it will be taken again.
        world.log.error('effect failed', { grant: effect.grant, kind: effect.kind, code: asJitError(thrown).code });
      })
      .finally(() => {
        inHand.set(target, (inHand.get(target) ?? 1) - 1);
        running.delete(work);
        wake(world.now());
      });
    running.add(work);
  }

  async function loop(): Promise<void> {
    while (!stopping) {
      nextLook = Infinity;
      const busy = [...inHand]
        .filter(([target, count]) => target !== '' && count >= PER_TARGET)
        .map(([target]) => target);
      try {
        const now = world.now();
        const options = { now, until: now + CLAIM_MS, limit: BATCH, perTarget: PER_TARGET, busy };
        const claimed = await world.store.claim(options);
        for (const effect of claimed) start(effect);
        if (claimed.length > 0) continue;
        const due = await world.store.nextDue(busy);
        await sleepUntil(Math.min(world.now() + IDLE_MS, due ?? Infinity));
      } catch (thrown) {
        world.log.error('the store does not answer', { code: asJitError(thrown).code });
        await pause(STORE_DOWN_MS);
      }
    }
  }

  const looping = loop();
  return {
    wake,
    busy: () => running.size,
    stop: async () => {
      stopping = true;
      wakeUp();
      await looping;
      await Promise.all(running);
    },
  };
}

async function carryOut(world: World, issuer: Issuer, effect: ClaimedEffect): Promise<void> {
  switch (effect.kind) {
    case 'issue':
      await (effect.attempted === 'maybe' ? doubt(world, effect) : issuer.issue(effect));
      return undefined;
    case 'revoke':
      return revoke(world, effect);
    case 'tidy':
      return tidy(world, effect);
    case 'expire':
      await applyEvent(
        world,
        effect.grant,
        { type: 'end', reason: 'expired', at: Math.max(world.now(), effect.dueAt) },
        { actor: 'broker', done: effect },
      );
      return undefined;
    case 'claim-by': {
      const stored = await world.store.grant(effect.grant);
      if (stored?.deliveredAt !== null) return world.store.commit({ done: effect, entries: [] });
      await applyEvent(
        world,
        effect.grant,
        { type: 'end', reason: 'idle', at: world.now() },
        { actor: 'broker', done: effect },
      );
      return undefined;
    }
    case 'idle':
      return idle(world, effect);
  }
}

/** Nobody writes the effect anew with each use: it is here that the last use is looked for, and looked for again. */
async function idle(world: World, effect: ClaimedEffect): Promise<void> {
  for (;;) {
    const stored = await world.store.grant(effect.grant);
    const dueAt = stored === null ? null : idleAt(stored.grant, stored.usedAt);
    if (stored === null || dueAt === null) return world.store.commit({ done: effect, entries: [] });
    const at = world.now();
    try {
      if (at < dueAt) {
        const again = { kind: 'idle', dueAt, claimedUntil: null } as const;
        return await world.store.commit({ grant: stored, effects: [again], done: effect, entries: [] });
      }
      const end = { type: 'end', reason: 'idle', at } as const;
      const how = { actor: 'broker', done: effect, known: stored, version: stored.version } as const;
      await applyEvent(world, effect.grant, end, how);
      return;
    } catch (thrown) {
      // It may have been used at the last moment.
      if (!(thrown instanceof JitError) || thrown.code !== 'ERR_CONFLICT') throw thrown;
    }
  }
}

/** Somebody took this issue effect and never came back: the credential may exist, so it is revoked by its name. */
async function doubt(world: World, effect: ClaimedEffect): Promise<void> {
  const { grant, target } = effect;
  const problem = 'the broker stopped while asking the cloud';
  await applyEvent(
    world,
    grant,
    { type: 'issue-unknown', target, at: world.now(), problem },
    { actor: 'broker', done: effect },
  );
}

async function revoke(world: World, effect: ClaimedEffect): Promise<void> {
  const { grant: id, target } = effect;
  const stored = await world.store.grant(id);
  const mark = stored === null ? null : markOf(stored, target);
  if (stored === null || mark === null || !['revoking', 'stuck'].includes(stored.grant.state.name)) {
    await world.store.commit({ done: effect, entries: [] });
    return;
  }
  const how = { actor: 'broker', done: effect } as const;
  try {
    const outcome = await askToRevoke(world, mark);
    const at = world.now();
    if (outcome.kind === 'gone') {
      const { tidyAt, proof } = outcome;
      const event = { type: 'gone', target, at, tidyAt, proof } as const;
      // Of this leg alone: where several targets answer at once, none is to be asked again because of the others.
      const holds = ({ grant }: StoredGrant): boolean => issuesAt(grant, target) === issuesAt(stored.grant, target);
      await applyEvent(world, id, event, { ...how, holds });
    } else {
      const until = Math.max(outcome.checkAt, at + 250);
      await applyEvent(world, id, { type: 'revoke-accepted', target, at, until }, how);
    }
  } catch (thrown) {
    const error = asJitError(thrown);
    if (error.code === 'ERR_STORE') throw error;
    if (error.code === 'ERR_CONFLICT') {
      // Another credential may have turned up since the cloud was asked, so what it said is about the past.
      const again = { type: 'revoke-accepted', target, at: world.now(), until: world.now() } as const;
      await applyEvent(world, id, again, how);
      return;
    }
    const event = { type: 'revoke-failed', target, at: world.now(), problem: error.message } as const;
    const after = await applyEvent(world, id, event, how);
    const attempts = after.grant.legs.find((leg) => leg.target === target)?.attempts ?? 0;
    const fields = { grant: id, target, attempts, code: error.code };
    if (after.grant.state.name === 'stuck') world.log.error('revocation is stuck, still trying', fields);
    else world.log.warn('revocation failed, trying again', fields);
  }
}

async function tidy(world: World, effect: ClaimedEffect): Promise<void> {
  const { grant: id, target } = effect;
  const stored = await world.store.grant(id);
  const mark = stored === null ? null : markOf(stored, target);
  if (stored === null || mark === null) {
    await world.store.commit({ done: effect, entries: [] });
    return;
  }
  const revoked = async (): Promise<readonly Mark[]> => world.store.revoked(mark.provider, world.now());
  try {
    const provider = await world.providerOf(mark.provider);
    await bounded(CALL_MS, async (signal) => provider.tidy(mark, revoked, signal));
    await world.store.commit({ done: effect, entries: [] });
  } catch (thrown) {
    const error = asJitError(thrown);
    if (error.code === 'ERR_STORE') throw error;
    world.log.warn('tidying failed, trying again', { grant: id, target, code: error.code });
    const again = { kind: 'tidy', target, dueAt: world.now() + TIDY_RETRY_MS, claimedUntil: null } as const;
    await world.store.commit({ grant: stored, effects: [again], done: effect, entries: [] });
  }
}

async function askToRevoke(world: World, mark: ProvidedMark): Promise<Revocation> {
  const provider = await world.providerOf(mark.provider);
  const revoked = async (): Promise<readonly Mark[]> => world.store.revoked(mark.provider, world.now());
  return bounded(CALL_MS, async (signal) => provider.revoke(mark, revoked, signal));
}

const issuesAt = ({ legs }: Grant, target: string): number | undefined =>
  legs.find((leg) => leg.target === target)?.issues;

type ProvidedMark = Mark & { readonly provider: string };

function markOf(stored: StoredGrant, target: string): ProvidedMark | null {
  const leg = stored.grant.legs.find((each) => each.target === target);
  if (leg === undefined || (leg.state === 'gone' && stored.grant.state.name !== 'closed')) return null;
  const { provider, handle, endsAt, notAfter } = leg;
  return { grant: stored.grant.id, target, provider, handle, endsAt, notAfter };
}
