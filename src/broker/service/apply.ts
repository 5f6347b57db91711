/**
 * The one way in which a grant's state changes: read, apply the event, commit on condition that nobody was faster.
 * @module
 */
import type { AuditEvent } from '../../audit/entry.ts';
import type { Canonical } from '../../core/canonical.ts';
import { JitError } from '../../core/errors.ts';
import type { Grant, GrantEvent, GrantState } from '../../core/grant.ts';
import { transition } from '../../core/transition.ts';
import type { GrantId } from '../../core/ids.ts';
import type { Principal } from '../../core/principal.ts';
import type { AddressedNotice } from '../store/notices.ts';
import type { EffectKey, StoredGrant, StoredRequest } from '../store/store.ts';
import { endedBy } from './ended-by.ts';
import { approversOf } from './emergency/noise.ts';
import { grantNoticeKindsOf } from './tell.ts';
import type { World } from './world.ts';

export interface Application {
  readonly actor: Principal | 'broker';
  /** The outbox row that this event answers. */
  readonly done?: EffectKey;
  /** Further audit entries for the same transaction. */
  readonly entries?: readonly AuditEvent[];
  /** More for the audit entry of the event. */
  readonly data?: Readonly<Record<string, Canonical>>;
  /** What else is kept with the grant as it is after the event. */
  readonly keep?: (after: Grant) => Partial<Pick<StoredGrant, 'usedAt' | 'renewalKeys'>>;
  /** The grant as the caller has just seen it: saves reading it, and if it is out of date, it is read. */
  readonly known?: StoredGrant;
  /** The version that the event is about: with another one it is not applied, and `ERR_CONFLICT` is thrown. */
  readonly version?: number;
  /** What must be so still: otherwise it is not applied, and `ERR_CONFLICT` is thrown. */
  readonly holds?: (stored: StoredGrant) => boolean;
}

const PATIENCE = 50;
/** Everything but the making of credentials. */
const ENDS: ReadonlySet<GrantEvent['type']> = new Set([
  'end',
  'issue-refused',
  'issue-unknown',
  'revoke-accepted',
  'revoke-failed',
  'gone',
]);

/**
 * @returns the grant as stored after the event. An event without meaning in the present state changes nothing.
 * Throws `ERR_NOT_FOUND` for an unknown id, `ERR_CONFLICT` where `how.version` has passed or `how.holds` does not, `ERR_STORE` when nothing could be written.
 */
export async function applyEvent(world: World, id: GrantId, event: GrantEvent, how: Application): Promise<StoredGrant> {
  for (let round = 0; round < PATIENCE; round++) {
    const stored = (round === 0 ? how.known : undefined) ?? (await world.store.grant(id));
    if (stored === null) throw new JitError({ code: 'ERR_NOT_FOUND', message: 'no such grant' });
    if ((how.version !== undefined && how.version !== stored.version) || how.holds?.(stored) === false) {
      throw new JitError({ code: 'ERR_CONFLICT', message: 'the grant has changed meanwhile' });
    }
    const { grant, effects } = transition(stored.grant, event);
    if (grant === stored.grant && effects.length === 0) {
      if (how.done !== undefined) await world.store.commit({ done: how.done, entries: [], purpose: 'end' });
      return stored;
    }
    const next = { ...stored, grant, ...how.keep?.(grant) };
    const notices = await noticesOf(world, stored, grant, event, how.actor);
    try {
      await world.store.commit({
        grant: next,
        effects: effects.map((effect) => ({ ...effect, claimedUntil: null })),
        ...(how.done === undefined ? {} : { done: how.done }),
        ...(ENDS.has(event.type) ? { purpose: 'end' as const } : {}),
        entries: [...entriesOf(stored.grant, grant, event, how), ...(how.entries ?? [])],
        notices,
      });
    } catch (thrown) {
      if (thrown instanceof JitError && thrown.code === 'ERR_CONFLICT') continue;
      throw thrown;
    }
    world.changes.announce(id);
    if (notices.length > 0) world.teller.stored();
    return { ...next, version: stored.version + 1 };
  }
  throw new JitError({ code: 'ERR_STORE', message: 'too many changes to this grant at once' });
}

async function noticesOf(
  world: World,
  before: StoredGrant,
  grant: Grant,
  event: GrantEvent,
  actor: Application['actor'],
): Promise<readonly AddressedNotice[]> {
  const kinds = grantNoticeKindsOf(before.grant, grant).filter((kind) => world.teller.wants(kind));
  if (kinds.length === 0) return [];
  // A request that cannot be read must not keep its grant from ending.
  const asked = await world.store.request(grant.requestId).catch(() => null);
  if (asked === null) return [];
  const { request, hash, decision } = asked;
  const approvers = await approversOf(world, asked);
  const open = kinds.includes('review-open') && (await isUnreviewed(world, asked));
  const by = kinds.includes('ended') ? await endedBy(world, grant, event, actor) : [];
  const told = { at: event.at, serial: before.version + 1, request, hash, decision, grant, by, approvers };
  return kinds
    .filter((kind) => kind !== 'review-open' || open)
    .flatMap((kind) => world.teller.compose({ ...told, kind, risk: null, access: null }));
}

async function isUnreviewed(world: World, { request }: StoredRequest): Promise<boolean> {
  if (request.incident === null) return false;
  const emergency = await world.store.emergency(request.id).catch(() => null);
  return emergency !== null && emergency.review?.closed === null;
}

function entriesOf(before: Grant, after: Grant, event: GrantEvent, how: Application): readonly AuditEvent[] {
  // Only the outbox has changed: nothing has happened to the grant.
  if (after === before) return [];
  const data: Record<string, Canonical> = { from: before.state.name, to: after.state.name, ...how.data };
  if ('target' in event) data['target'] = event.target;
  if ('reason' in event) data['reason'] = event.reason;
  if ('problem' in event) data['problem'] = event.problem.toWellFormed();
  if ('endsAt' in event) data['endsAt'] = new Date(event.endsAt).toISOString();
  if ('notAfter' in event) data['notAfter'] = new Date(event.notAfter).toISOString();
  if ('granted' in event) data['granted'] = event.granted.toWellFormed();
  if ('proof' in event) data['proof'] = event.proof.toWellFormed();
  const closed = closeReason(after.state);
  if (closed !== null) data['closed'] = closed;
  const type = event.type === 'renew' ? 'grant.renewed' : `grant.${event.type}`;
  return [{ type, at: event.at, actor: how.actor, request: after.requestId, grant: after.id, data }];
}

function closeReason(state: GrantState): string | null {
  return state.name === 'closed' ? state.reason : null;
}
