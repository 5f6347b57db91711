/**
 * Getting credentials out of a cloud and to their holder, each intent durable before the cloud is called and each
 * outcome durable before the secret leaves.
 * @module
 */
import type { Credential, ToolSettings } from '../../core/credential.ts';
import { asJitError, type ErrorCode, JitError } from '../../core/errors.ts';
import type { Grant, Leg } from '../../core/grant.ts';
import type { GrantId } from '../../core/ids.ts';
import type { Issued, Order } from '../../core/ports.ts';
import type { Principal } from '../../core/principal.ts';
import type { EffectKey, StoredGrant, StoredRequest } from '../store/store.ts';
import { applyEvent } from './apply.ts';
import { bounded } from './bounded.ts';
import { byTarget, placeOf } from './decide.ts';
import { isClosed } from './emergency/rule.ts';
import { ended, live } from './live.ts';
import { demandSameDecision, isAsDecided } from './same-decision.ts';
import { latestEnd, type Unconfirmed } from './unconfirmed.ts';
import type { World } from './world.ts';

const CALL_MS = 15_000;
const BUSY_RETRIES_MS = [200, 800, 2_500];
const PICKUP_MS = 60_000;
const SURELY_NOTHING: ReadonlySet<ErrorCode> = new Set([
  'ERR_CLOUD',
  'ERR_CLOUD_BUSY',
  'ERR_TARGET',
  'ERR_PERMISSION_SIZE',
  'ERR_CONFIG',
]);

/** One target's credential on its way to the holder. */
export interface Handout {
  readonly target: string;
  readonly credential: Credential;
  readonly tool: ToolSettings;
  /** Epoch ms from which the cloud takes it no more. */
  readonly notAfter: number;
}

export interface Handouts {
  readonly stored: StoredGrant;
  readonly expiresAt: number;
  readonly handouts: readonly Handout[];
}

export interface Issuer {
  /**
   * Carries out an `issue` effect. Never rejects for what the cloud does: the outcome is in the grant's state.
   * @param known the grant and its request as just committed; read when left out.
   * @returns the grant after it, or null where there is none.
   */
  issue(
    key: EffectKey,
    known?: { readonly stored: StoredGrant; readonly asked: StoredRequest },
  ): Promise<StoredGrant | null>;
  /**
   * Credentials for every target of a live grant. Those issued with the grant are given out once, from memory; after that
   * fresh ones are issued. Throws `ERR_GRANT_ENDED`, `ERR_PENDING` while issuing, `ERR_CLOUD…`.
   * @param unconfirmed of a call that nobody has vouched for: the credentials may end before the grant.
   */
  handOut(
    principal: Principal,
    asked: StoredRequest,
    stored: StoredGrant,
    unconfirmed: Unconfirmed | null,
  ): Promise<Handouts>;
}

export function makeIssuer(world: World): Issuer {
  const waiting = new Map<string, Held>();

  const keepFor = (id: GrantId, target: string, held: Held): void => {
    const key = `${id} ${target}`;
    waiting.set(key, held);
    setTimeout(() => waiting.delete(key), PICKUP_MS).unref();
  };

  const take = (id: GrantId, target: string): Held | undefined => {
    const key = `${id} ${target}`;
    const held = waiting.get(key);
    waiting.delete(key);
    return held;
  };

  async function issue(key: EffectKey, known?: Parameters<Issuer['issue']>[1]): Promise<StoredGrant | null> {
    const { grant: id, target } = key;
    const stored = known?.stored ?? (await world.store.grant(id));
    const leg = stored === null ? undefined : legOf(stored.grant, target);
    const asked = known?.asked ?? (stored === null ? null : await world.store.request(stored.grant.requestId));
    if (stored === null || asked === null || stored.grant.state.name !== 'issuing' || leg?.state !== 'intended') {
      await world.store.commit({ done: key, entries: [] });
      return stored;
    }
    const how = { actor: 'broker', done: key, known: stored } as const;
    const { incident } = asked.request;
    // Whoever deals with its end does not know of a grant that was stored after that. One without an id was asked about just now.
    if (incident !== null && incident.id !== null && (await isClosed(world, incident))) {
      const end = { type: 'end', reason: 'incident-closed', at: world.now() } as const;
      return applyEvent(world, id, end, { ...how, data: { incident: incident.reference, why: 'closed' } });
    }
    const endsAt = Math.floor(world.now() / 1_000) * 1_000 + stored.grant.seconds * 1_000;
    try {
      const issued = await ask(world, asked, stored.grant, target, endsAt);
      keepFor(id, target, { issued, endsAt });
      const { notAfter, granted } = issued;
      const event = { type: 'issued', target, at: world.now(), endsAt, notAfter, granted } as const;
      return await applyEvent(world, id, event, how);
    } catch (thrown) {
      take(id, target);
      const error = asJitError(thrown);
      // ERR_STORE: the outcome could not be written, so the row stays and a later look at it finds an unknown outcome.
      if (error.code === 'ERR_STORE') throw error;
      world.log.warn('issue failed', { grant: id, target, code: error.code });
      const type = SURELY_NOTHING.has(error.code) ? 'issue-refused' : 'issue-unknown';
      return applyEvent(world, id, { type, target, at: world.now(), problem: error.message }, how);
    }
  }

  async function handOut(
    principal: Principal,
    asked: StoredRequest,
    seen: StoredGrant,
    unconfirmed: Unconfirmed | null,
  ): Promise<Handouts> {
    const { id, legs, state } = seen.grant;
    const { expiresAt } = live(state, id);
    const latest = latestEnd(expiresAt, unconfirmed, world.now());
    const first = legs.every(({ target }) => waiting.has(`${id} ${target}`));
    // What this process has just issued under the very same policies, for somebody of the very same groups, is not judged twice.
    if (!first || !isAsDecided(world, principal, asked)) await demandSameDecision(world, principal, asked, seen);
    const fetch = async (target: string): Promise<Held & { readonly target: string; readonly stored: StoredGrant }> => {
      const held = take(id, target);
      return held === undefined || (unconfirmed !== null && held.endsAt > unconfirmed.until)
        ? { target, ...(await issueAgain(world, asked, id, target, latest)), endsAt: latest }
        : { target, ...held, stored: seen };
    };
    const all = await Promise.allSettled(legs.map(async ({ target }) => fetch(target)));
    const fetched = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    for (const one of all) {
      if (one.status === 'fulfilled') continue;
      // The others wait for the next call: another credential may be the end of the one before.
      for (const { target, issued, endsAt } of fetched) keepFor(id, target, { issued, endsAt });
      throw one.reason;
    }
    const handouts = fetched.map(({ target, issued, endsAt }): Handout => {
      const { tool } = placeOf(world, target).target;
      // A renewal moves the end of the grant, and not the one that the cloud was given with a credential.
      return { target, tool, credential: issued.credential, notAfter: Math.min(issued.notAfter, endsAt) };
    });
    const last = fetched.reduce((one, { stored }) => (stored.version > one.version ? stored : one), seen);
    return { stored: await deliver(world, principal, last, handouts), expiresAt, handouts };
  }

  return { issue, handOut };
}

/** A credential, and the end at which the cloud refuses it, epoch ms. */
interface Held {
  readonly issued: Issued;
  readonly endsAt: number;
}

async function issueAgain(
  world: World,
  asked: StoredRequest,
  id: GrantId,
  target: string,
  endsAt: number,
): Promise<{ readonly issued: Issued; readonly stored: StoredGrant }> {
  const order = orderOf(world, asked, id, target, endsAt);
  const { notAfter: latest } = order.place.provider.intend(order.place.target, order.order);
  const intent = { type: 'reissue', target, at: world.now(), notAfter: latest } as const;
  const stored = await applyEvent(world, id, intent, { actor: 'broker' });
  live(stored.grant.state, id);
  const issued = await ask(world, asked, stored.grant, target, endsAt);
  const { notAfter, granted } = issued;
  const outcome = { type: 'issued', target, at: world.now(), endsAt, notAfter, granted } as const;
  const after = await applyEvent(world, id, outcome, { actor: 'broker' });
  live(after.grant.state, id);
  return { issued, stored: after };
}

/** The secret leaves only if this commits and the grant is live in the very state that was committed on. */
async function deliver(
  world: World,
  principal: Principal,
  seen: StoredGrant,
  handouts: readonly Handout[],
): Promise<StoredGrant> {
  const at = world.now();
  const { id, requestId: request } = seen.grant;
  for (let stored: StoredGrant | null = seen; ; stored = await world.store.grant(id)) {
    const { expiresAt } = live(stored?.grant.state, id);
    if (stored === null || expiresAt <= at) throw ended(id);
    const deliveredAt = stored.deliveredAt ?? at;
    const data = { targets: handouts.map(({ target }) => target), until: new Date(expiresAt).toISOString() };
    const entry = { type: 'credential.delivered', at, actor: principal, request, grant: id, data };
    const next = {
      ...stored,
      deliveredAt,
      usedAt: stored.grant.idleSeconds === null ? null : Math.max(at, stored.usedAt ?? 0),
    };
    try {
      await world.store.commit({ grant: next, entries: [entry] });
      return { ...next, version: stored.version + 1 };
    } catch (thrown) {
      if (!(thrown instanceof JitError) || thrown.code !== 'ERR_CONFLICT') throw thrown;
    }
  }
}

function orderOf(
  world: World,
  asked: StoredRequest,
  id: GrantId,
  target: string,
  endsAt: number,
): { readonly place: ReturnType<typeof placeOf>; readonly order: Order } {
  const place = placeOf(world, target);
  const permissions = byTarget(asked.request.permissions).get(target) ?? [];
  return { place, order: { grant: id, principal: asked.request.requester, permissions, endsAt } };
}

/** Calls the cloud; only where it surely issued nothing and said that it is busy, a few more times. */
async function ask(world: World, asked: StoredRequest, grant: Grant, target: string, endsAt: number): Promise<Issued> {
  const { place, order } = orderOf(world, asked, grant.id, target, endsAt);
  for (const pause of [...BUSY_RETRIES_MS, null]) {
    try {
      return await bounded(
        CALL_MS,
        async (signal) => place.provider.issue(place.target, order, signal),
        ({ notAfter, granted }) => void takeBack(world, order, target, { notAfter, granted }),
      );
    } catch (thrown) {
      if (pause === null || !(thrown instanceof JitError) || thrown.code !== 'ERR_CLOUD_BUSY') throw thrown;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  throw new JitError({ code: 'ERR_CLOUD_BUSY', message: `${target} is busy` });
}

/** It was called unknown, and perhaps revoked, before it was there: written down now, it is revoked again. */
async function takeBack(
  world: World,
  { grant, endsAt }: Order,
  target: string,
  { notAfter, granted }: Pick<Issued, 'notAfter' | 'granted'>,
): Promise<void> {
  const event = { type: 'issued', target, at: world.now(), endsAt, notAfter, granted } as const;
  try {
    await applyEvent(world, grant, event, { actor: 'broker' });
  } catch (thrown) {
    world.log.error('a late credential could not be recorded', { grant, target, code: asJitError(thrown).code });
  }
}

const legOf = (grant: Grant, target: string): Leg | undefined => grant.legs.find((leg) => leg.target === target);
