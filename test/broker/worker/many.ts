/**
 * Very many grants at ten targets that all end in the same second, of which one is dead.
 * @module
 */
import assert from 'node:assert/strict';
import type { GrantId } from '../../../src/core/ids.ts';
import { ALICE, ask, startBroker, type TestBroker } from '../service/world.ts';

export const TARGETS: readonly string[] = Array.from({ length: 10 }, (_, index) => `t${index}`);
export const DEAD = 't3';
/** For how long each is granted. */
export const LIFE_MS = 3_600_000;

export interface Many {
  readonly w: TestBroker;
  /** Each with the place where it is. */
  readonly grants: ReadonlyMap<GrantId, string>;
  /** What was revoked so far, by target. */
  readonly revoked: ReadonlyMap<string, ReadonlySet<string>>;
  /** How many effects the worker had in hand at most, seen at each call. */
  readonly mostInHand: () => number;
  /** The dead target answers again, and carries out what it was told. */
  revive(): void;
}

/** @param file of the store; left out, it is in memory. */
export async function manyGrants(count: number, file?: string): Promise<Many> {
  const w = await startBroker({
    targets: TARGETS,
    policy: '@id("all") @tier("auto") @max("1h") permit(principal, action == Jit::Action::"Request", resource);',
    ...(file === undefined ? {} : { file }),
  });
  const grants = new Map<GrantId, string>();
  const one = async (index: number): Promise<void> => {
    const place = TARGETS[index % TARGETS.length] ?? DEAD;
    const { grant } = await w.broker.submit(
      ALICE,
      ask(undefined, { target: place, seconds: LIFE_MS / 1_000, reason: `number ${index}` }),
      null,
    );
    assert.equal(grant?.state, 'active');
    await w.broker.credentials(ALICE, grant.id);
    grants.set(grant.id, place);
  };
  for (let next = 0; next < count; next += 100) {
    await Promise.all(Array.from({ length: Math.min(100, count - next) }, async (_, index) => one(next + index)));
  }

  const revoked = new Map(TARGETS.map((place) => [place, new Set<string>()]));
  const alive = Promise.withResolvers<void>();
  let most = 0;
  w.cloud.onCall = async (verb, grant, place) => {
    if (verb !== 'revoke') return;
    most = Math.max(most, w.worker.busy());
    if (place === DEAD) await alive.promise;
    revoked.get(place)?.add(grant);
  };
  return { w, grants, revoked, mostInHand: () => most, revive: alive.resolve };
}
