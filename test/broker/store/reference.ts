/**
 * What a store is, in plain maps and lists and without a thought for speed: the oracle of the model test.
 * @module
 */
import assert from 'node:assert/strict';
import { auditLine } from '../../../src/audit/entry.ts';
import type { Grant } from '../../../src/core/grant.ts';
import type { GrantId, RequestId } from '../../../src/core/ids.ts';
import { samePrincipal } from '../../../src/core/principal.ts';
import type { Mark } from '../../../src/core/ports.ts';
import type {
  Change,
  ClaimedEffect,
  EffectKey,
  Idempotency,
  Store,
  StoredGrant,
  StoredRequest,
} from '../../../src/broker/store/store.ts';

interface Row extends EffectKey {
  readonly dueAt: number;
  readonly claimedUntil: number | null;
}

export interface Reference {
  requests: ReadonlyMap<RequestId, StoredRequest & { readonly idempotency: Idempotency | null }>;
  grants: ReadonlyMap<GrantId, StoredGrant>;
  /** When each grant first began to end. */
  ended: ReadonlyMap<GrantId, number>;
  effects: ReadonlyMap<string, Row>;
  lines: readonly string[];
}

export const emptyReference = (): Reference => ({
  requests: new Map(),
  grants: new Map(),
  ended: new Map(),
  effects: new Map(),
  lines: [],
});

const keyOf = ({ grant, kind, target }: EffectKey): string => `${grant} ${kind} ${target}`;
const readyAt = (row: Row): number => Math.max(row.dueAt, row.claimedUntil ?? 0);

/** @returns whether the change was taken; one that was refused leaves everything as it was. */
export function commit(reference: Reference, change: Change): 'taken' | 'refused' {
  const { request, grant, done } = change;
  if (request !== undefined && !takesRequest(reference, request)) return 'refused';
  if (grant !== undefined && !takesGrant(reference, grant)) return 'refused';
  if (request !== undefined) {
    const { id } = request.request;
    // What was asked stays as it first came, and so does the key under which it came.
    const { request: asked, idempotency } = reference.requests.get(id) ?? request;
    const next = { ...request, request: asked, idempotency, version: request.version + 1 };
    reference.requests = new Map(reference.requests).set(id, next);
  }
  if (grant !== undefined) {
    const { id, state } = grant.grant;
    reference.grants = new Map(reference.grants).set(id, { ...grant, version: grant.version + 1 });
    const at = endOf(state);
    if (at !== null && !reference.ended.has(id)) reference.ended = new Map(reference.ended).set(id, at);
  }
  const effects = new Map(reference.effects);
  if (done !== undefined) effects.delete(keyOf(done));
  for (const effect of change.effects ?? []) {
    assert.ok(grant !== undefined);
    const { kind, dueAt, claimedUntil } = effect;
    const row = { grant: grant.grant.id, kind, target: 'target' in effect ? effect.target : '', dueAt, claimedUntil };
    effects.set(keyOf(row), row);
  }
  reference.effects = effects;
  reference.lines = [
    ...reference.lines,
    ...change.entries.map((entry, index) => auditLine(reference.lines.length + index, entry)),
  ];
  return 'taken';
}

function takesRequest(reference: Reference, next: NonNullable<Change['request']>): boolean {
  const known = reference.requests.get(next.request.id);
  if (known !== undefined) {
    const sameGrant = known.grant === null || known.grant === next.grant;
    return known.version === next.version && sameGrant && known.hash === next.hash;
  }
  if (next.version !== 0) return false;
  return ![...reference.requests.values()].some(
    ({ request, idempotency }) =>
      idempotency !== null &&
      idempotency.key === next.idempotency?.key &&
      samePrincipal(request.requester, next.request.requester),
  );
}

function takesGrant(reference: Reference, next: StoredGrant): boolean {
  const known = reference.grants.get(next.grant.id);
  if (known !== undefined || next.version !== 0) return known !== undefined && known.version === next.version;
  return ![...reference.grants.values()].some(({ grant }) => grant.requestId === next.grant.requestId);
}

function endOf(state: Grant['state']): number | null {
  if (state.name === 'closed') return state.closedAt;
  return state.name === 'revoking' || state.name === 'stuck' ? state.since : null;
}

/**
 * Applies a claim that a store has made, after checking that it was allowed to make it. Which of several effects that have
 * been ready equally long come first is left to the store.
 */
export function claimed(
  reference: Reference,
  { now, until, limit, perTarget, busy }: Parameters<Store['claim']>[0],
  taken: readonly ClaimedEffect[],
): void {
  const rows = [...reference.effects.values()]
    .filter((row) => readyAt(row) <= now && !busy.includes(row.target))
    .toSorted((a, b) => readyAt(a) - readyAt(b));
  const share = rows.filter(
    (row, index) =>
      row.target === '' || rows.slice(0, index).filter(({ target }) => target === row.target).length < perTarget,
  );
  const effects = new Map(reference.effects);
  const ready: number[] = [];
  for (const effect of taken) {
    const row = effects.get(keyOf(effect));
    assert.ok(row !== undefined && readyAt(row) <= now && !busy.includes(row.target), `took ${keyOf(effect)}`);
    assert.equal(effect.dueAt, row.dueAt);
    assert.equal(effect.attempted, row.claimedUntil === null ? 'never' : 'maybe');
    ready.push(readyAt(row));
    effects.set(keyOf(row), { ...row, claimedUntil: until });
  }
  assert.deepEqual(ready, share.slice(0, limit).map(readyAt));
  for (const target of new Set(taken.map((effect) => effect.target))) {
    const count = taken.filter((effect) => effect.target === target).length;
    assert.ok(target === '' || count <= perTarget, `${count} of ${target}`);
  }
  reference.effects = effects;
}

export function released(reference: Reference): void {
  reference.effects = new Map(
    [...reference.effects].map(([key, row]) => [key, row.claimedUntil === null ? row : { ...row, claimedUntil: 0 }]),
  );
}

export function nextReady(reference: Reference, busy: readonly string[]): number | null {
  const times = [...reference.effects.values()].filter((row) => !busy.includes(row.target)).map(readyAt);
  return times.length === 0 ? null : Math.min(...times);
}

/** Those with a deadline first, of equal ones those that came first. */
export function openRequests(reference: Reference, by: number | null): readonly RequestId[] {
  const rank = (deadline: number | null): number => deadline ?? Number.POSITIVE_INFINITY;
  return [...reference.requests.values()]
    .filter(({ grant, decision }) => grant === null && ['pending', 'approved'].includes(decision.state))
    .filter(({ decision }) => by === null || rank(decision.deadline) <= by)
    .toSorted(({ decision: a }, { decision: b }) =>
      rank(a.deadline) < rank(b.deadline) ? -1 : Number(rank(a.deadline) > rank(b.deadline)),
    )
    .map(({ request }) => request.id);
}

/** In no particular order. */
export function revokedMarks(reference: Reference, provider: string, now: number): readonly Mark[] {
  return [...reference.grants.values()].flatMap(({ grant }) => {
    const endedAt = reference.ended.get(grant.id);
    if (endedAt === undefined) return [];
    return grant.legs
      .filter((leg) => leg.provider === provider && leg.notAfter > now)
      .filter((leg) => {
        if (leg.endsAt !== null) return endedAt < leg.endsAt;
        return leg.state !== 'gone' || leg.problem === null;
      })
      .map(({ target, handle, endsAt, notAfter }) => ({ grant: grant.id, target, handle, endsAt, notAfter }));
  });
}
