/**
 * Access by an entitlement of Privileged Access Manager: one grant at a time, asked for as the service account that exists for it.
 * @module
 */
import { setTimeout } from 'node:timers/promises';
import type { BearerToken } from '../../core/credential.ts';
import { JitError } from '../../core/errors.ts';
import type { Clock, Mark, Order, Revocation } from '../../core/ports.ts';
import type { Secret } from '../../core/secret.ts';
import { lifeOf } from './account-token.ts';
import type { AccountTokens } from './account-token.ts';
import { tokensEndOf } from './ends.ts';
import { CallFailed, cloudFault, harmless } from './failure.ts';
import type { PamHandle } from './handle.ts';
import { justificationOf, titleOf, uuidOf } from './names.ts';
import { isOver } from './pam-api.ts';
import type { Entitlement, Given, PamApi, PamGrant } from './pam-api.ts';
import type { Pause } from './policy-writer.ts';
import type { Reach } from './target.ts';

/** Google's console offers no less. Asked for where a grant is shorter: no token outlives the grant anyway. */
export const SHORTEST_SECONDS = 1_800;
/** Google opens one within seconds, or is not waited for any longer. */
const OPEN_WITHIN_MS = 12_000;
const LOOK_MS = 500;
/** Google's clock and ours. */
const SKEW_MS = 60_000;
/** A request of which nobody has heard has arrived within this, or never will. */
const ARRIVES_MS = 60_000;
/** Until a revocation that Google is carrying out is looked at again. */
const REVOKING_MS = 5_000;

/** What the configuration says of an entitlement. */
export interface Expected {
  readonly reach: Reach;
  readonly projectNumber: string | null;
  readonly entitlement: string;
  readonly roles: readonly string[];
}

export interface PamOrder extends Expected {
  readonly handle: PamHandle;
  readonly order: Order;
  readonly tokenSeconds: number;
}

export interface PamIssued {
  readonly token: Secret<BearerToken>;
  readonly expiresAt: number;
  readonly given: Given;
}

export interface PamGrants {
  /** What the entitlement gives. Throws `ERR_CLOUD` where that is not what was configured, or somebody has to agree. */
  look(expected: Expected, seconds: number, signal: AbortSignal): Promise<Given>;
  /** Fails as the port of providers promises for `issue`. */
  issue(order: PamOrder, signal: AbortSignal): Promise<PamIssued>;
  revoke(handle: PamHandle, mark: Mark, signal: AbortSignal): Promise<Revocation>;
  /** Ends what is still open of a grant, so that the next one can begin. */
  close(handle: PamHandle, signal: AbortSignal): Promise<void>;
  /** Open grants of this broker's. */
  open(reach: Reach, place: Place, signal: AbortSignal): Promise<readonly PamGrant[]>;
}

/** Where to look, and for whose. */
export type Place = Pick<PamHandle, 'entitlement' | 'account' | 'owner'>;

const NEVER = 'google has no grant of the entitlement under this name, and had none a minute ago';
const ENDED = 'the last token of the service account has ended';

export function pamGrants(deps: {
  readonly now: Clock;
  readonly api: PamApi;
  readonly accountToken: AccountTokens;
  readonly pause?: Pause;
}): PamGrants {
  const { now, api, accountToken, pause = setTimeout } = deps;
  /** Since when each is known not to be at Google, by handle. Forgotten with the process: then it is waited for anew. */
  const absentSince = new Map<string, number>();

  const look: PamGrants['look'] = async (expected, seconds, signal) => {
    const { entitlement, reach } = expected;
    const found = await asking(`read ${entitlement}`, 'privilegedaccessmanager.entitlements.get', async () =>
      api.entitlement(reach, entitlement, signal),
    );
    const problem = problemOf(expected, found, seconds);
    if (problem !== null)
      throw refusal(`${entitlement} ${problem}`, 'see the setup of access: pam in src/providers/gcp/README.md');
    return found.given;
  };

  const all = async (
    reach: Reach,
    { entitlement, account }: Place,
    signal: AbortSignal,
  ): Promise<readonly PamGrant[]> => {
    const found = await asking(`list the grants of ${entitlement}`, 'privilegedaccessmanager.grants.list', async () =>
      api.grants(reach, entitlement, signal),
    );
    // Whoever else may ask for the entitlement can write what they like into their own.
    return found.filter(({ requester }) => requester === account);
  };

  const ownOf = async (handle: PamHandle, signal: AbortSignal): Promise<readonly PamGrant[]> =>
    (await all(handle.reach, handle, signal)).filter((one) => isOf(one, handle));

  /** Made, and not yet known to be open: from here on nothing is certain until Google says so. */
  const opened = async (reach: Reach, made: PamGrant, signal: AbortSignal): Promise<PamGrant> => {
    const until = now() + OPEN_WITHIN_MS;
    let grant = made;
    for (let tries = 0; grant.state !== 'ACTIVE'; tries++) {
      if (grant.state === 'ACTIVATION_FAILED')
        throw refusal('google could not give what the entitlement says', undefined);
      if (isOver(grant) || grant.state === 'REVOKING')
        throw refusal(`somebody has ended this grant at google (${grant.state})`, 'ask for another one');
      if (grant.state === 'APPROVAL_AWAITED' || now() >= until || tries * LOOK_MS >= OPEN_WITHIN_MS || signal.aborted)
        throw unknown(`google has not opened the grant yet (${grant.state})`);
      if (tries > 0) await pause(LOOK_MS);
      // Whatever is wrong, the broker's own sign-in included: there is a grant.
      grant = await api.grant(reach, made.name, signal).catch(() => {
        throw unknown('the grant was made, and google does not say what became of it');
      });
    }
    return grant;
  };

  const issue: PamGrants['issue'] = async ({ handle, order, tokenSeconds, ...expected }, signal) => {
    const { reach, account, entitlement } = handle;
    const left = order.endsAt - now();
    const given = await look(expected, Math.ceil(left / 1_000), signal);
    const grants = await all(reach, handle, signal);
    const mine = grants.filter((one) => isOf(one, handle));
    const other = grants.find((one) => !isOver(one) && !isOf(one, handle));
    if (other !== undefined) throw taken(entitlement, other);
    const ended = mine.find((one) => isOver(one) || one.state === 'REVOKING');
    if (ended !== undefined)
      throw refusal(`somebody has ended this grant at google (${ended.state})`, 'ask for another one');
    const [present] = mine;
    if (present !== undefined && present.endsAt < order.endsAt - SKEW_MS)
      throw refusal(
        `google cannot extend a grant of ${entitlement}: this one ends at ${new Date(present.endsAt).toISOString()}`,
        'ask for another one when it has ended',
      );
    const title = titleOf(order.grant);
    const seconds = lifeOf(order.endsAt - now(), tokenSeconds);
    const { token, bearer, expiresAt } = await accountToken({ reach, account, seconds, title }, signal);
    const made =
      present ??
      (await creating(entitlement, account, async () =>
        api.create(
          reach,
          {
            entitlement,
            seconds: Math.max(Math.ceil((order.endsAt - now()) / 1_000), SHORTEST_SECONDS),
            justification: justificationOf(handle),
            requestId: uuidOf(handle.owner, handle.target, order.grant, String(order.endsAt)),
            token,
          },
          signal,
        ),
      ));
    const grant = await opened(reach, made, signal);
    if (grant.given !== null && textOf(grant.given) !== textOf(given))
      throw unknown('the entitlement was changed while the grant was made');
    return { token: bearer, expiresAt, given };
  };

  const end = async (handle: PamHandle, signal: AbortSignal): Promise<readonly PamGrant[]> => {
    const { reach, entitlement } = handle;
    const found = await ownOf(handle, signal);
    const open = found.filter((one) => !isOver(one));
    const refused: unknown[] = [];
    for (const { name } of open.filter(({ state }) => state !== 'REVOKING')) {
      const doing = `revoke a grant of ${entitlement}`;
      await asking(doing, 'privilegedaccessmanager.grants.revoke', async () => api.revoke(reach, name, signal)).catch(
        (thrown: unknown) => refused.push(thrown),
      );
    }
    if (open.length === 0) return found;
    const left = await ownOf(handle, signal);
    // Google refuses to end what has ended in between: it counts what there is.
    if (refused.length > 0 && left.some((one) => !isOver(one) && one.state !== 'REVOKING')) throw refused[0];
    return left;
  };

  return {
    look,
    issue,
    revoke: async (handle, mark, signal) => {
      const last = tokensEndOf(mark);
      if (now() >= last) {
        absentSince.delete(mark.handle);
        return { kind: 'gone', tidyAt: now(), proof: ENDED };
      }
      const found = await end(handle, signal);
      if (found.length === 0) {
        // Google keeps what has ended: where there is nothing after a while, no token was handed out.
        const since = absentSince.get(mark.handle) ?? now();
        absentSince.set(mark.handle, since);
        if (now() < since + ARRIVES_MS) return { kind: 'pending', checkAt: Math.min(since + ARRIVES_MS, last) };
        absentSince.delete(mark.handle);
        return { kind: 'gone', tidyAt: null, proof: NEVER };
      }
      absentSince.delete(mark.handle);
      const closed = found.every(isOver);
      // Closed, it gives nothing; but whoever holds a token may ask Google for another one, until the token ends.
      return { kind: 'pending', checkAt: closed ? last : Math.min(now() + REVOKING_MS, last) };
    },
    close: async (handle, signal) => {
      const left = (await end(handle, signal)).find((one) => !isOver(one) && one.state !== 'REVOKING');
      if (left !== undefined) throw unknown(`a grant of ${handle.entitlement} is still open (${left.state})`);
    },
    open: async (reach, place, signal) =>
      (await all(reach, place, signal)).filter((one) => !isOver(one) && one.mark?.owner === place.owner),
  };
}

/** Calls that make nothing: whatever became of them, nothing was issued. */
async function asking<T>(doing: string, permission: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof CallFailed)
      throw cloudFault(harmless(thrown.failure), {
        doing,
        needs: `the broker needs ${permission}, and the entitlement must exist`,
      });
    if (thrown instanceof JitError && thrown.code === 'ERR_CLOUD_UNKNOWN')
      throw new JitError({ code: 'ERR_CLOUD_BUSY', message: thrown.message, hint: thrown.hint, cause: thrown });
    throw thrown;
  }
}

async function creating<T>(entitlement: string, account: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof CallFailed)) throw thrown;
    const { failure } = thrown;
    // Google has said both of a second grant.
    if (failure.kind === 'conflict' || (failure.http === 400 && failure.status === 'FAILED_PRECONDITION'))
      throw refusal(
        `google opens no grant of ${entitlement} now (${failure.status})`,
        `${account} has one already, or the entitlement is being changed`,
      );
    throw cloudFault(failure, {
      doing: `open a grant of ${entitlement}`,
      needs: `${account} must be among those who may request it`,
    });
  }
}

function problemOf({ reach, projectNumber, roles }: Expected, found: Entitlement, seconds: number): string | null {
  if (!found.available) return 'is not available';
  if (found.approval === 'needed')
    return 'asks somebody at google to approve: jit has its own approvals, and cannot wait for them';
  if (found.longestSeconds < Math.max(seconds, SHORTEST_SECONDS))
    return `gives access for ${found.longestSeconds} seconds at most`;
  const homes = [reach.project, ...(projectNumber === null ? [] : [projectNumber])];
  if (!homes.some((home) => found.given.resource === `//cloudresourcemanager.googleapis.com/projects/${home}`))
    return `is for another resource than project ${reach.project}`;
  const given = found.given.roles.map(({ role }) => role).toSorted();
  return given.join(' ') === roles.toSorted().join(' ') ? null : 'gives other roles than the target says';
}

const isOf = ({ mark }: PamGrant, { owner, target, grant }: PamHandle): boolean =>
  mark !== null && mark.owner === owner && mark.target === target && mark.grant === grant;

const textOf = ({ resource, roles }: Given): string =>
  JSON.stringify([resource, roles.map(({ role, conditionExpression = '' }) => [role, conditionExpression])]);

function taken(entitlement: string, { mark, endsAt }: PamGrant): JitError {
  const who = mark === null ? 'somebody else' : `grant ${mark.grant}`;
  return refusal(
    `${entitlement} is in use by ${who}: google opens it for one grant at a time`,
    `wait until that one has ended, at ${new Date(endsAt).toISOString()} at the latest, or have it revoked at google`,
  );
}

function refusal(message: string, hint: string | undefined): JitError {
  return new JitError({ code: 'ERR_CLOUD', message, hint });
}

function unknown(message: string): JitError {
  return new JitError({ code: 'ERR_CLOUD_UNKNOWN', message });
}
