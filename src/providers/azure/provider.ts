/**
 * Azure as a provider: role assignments on exactly the resource, to the requester or to an identity that lives as long as the
 * grant.
 * @module
 */
import type { TokenCredential } from '@azure/identity';
import type { Credential } from '../../core/credential.ts';
import { JitError, asJitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import type { Clock, Order, Provider, TokenSigner } from '../../core/ports.ts';
import { assign } from './assign.ts';
import type { Progress } from './assign.ts';
import { azureClients } from './clients.ts';
import { direct } from './direct.ts';
import { readHandle, writeHandle } from './handle.ts';
import type { Handle } from './handle.ts';
import { ASSERTION_SECONDS, assertionFor, demandTrusted, makeIdentity } from './identity.ts';
import { NEVER, leftoversOf, nameOf } from './leftovers.ts';
import { makeLock } from './lock.ts';
import { guidOf, isoSeconds } from './names.ts';
import { narrower } from './narrow.ts';
import type { Narrowed, Pair } from './narrow.ts';
import { operationBook } from './operations.ts';
import { objectIdOf } from './people.ts';
import { pim } from './pim.ts';
import { PROPAGATION, SHORTEST_PIM, permissionText, planOf, revocationOf } from './plan.ts';
import { revokeOnce } from './revoke.ts';
import type { Absences } from './revoke.ts';
import { roleBook } from './roles.ts';
import { readScope } from './scope.ts';
import type { Reach } from './standing.ts';
import { parseAzureTarget } from './target.ts';
import type { AzureTarget } from './target.ts';

export type { AzureTarget } from './target.ts';

export interface AzureDeps {
  readonly now: Clock;
  /** The broker's own issuer, or null where it has none: then no target can use federation, nor identities of grants. */
  readonly signer: TokenSigner | null;
  /** 16 hexadecimal digits that name this broker's store, so that two brokers never touch each other's assignments. */
  readonly owner: string;
  /** Stands in for the SDK's default chain of ambient credentials. */
  readonly ambient?: TokenCredential;
}

/** An order is issued within this long of its intent, or not under that intent: the worker's retries end before. */
const ISSUE_WITHIN_MS = 900_000;
/** The longest life of a token with continuous access evaluation (Microsoft Entra, "Continuous access evaluation"). */
const LONGEST_TOKEN_MS = 28 * 3_600_000;
/** Judging and planning read lists of Azure's, each call with its own deadline. */
const READ_MS = 15_000;
/** A new identity that Azure does not find is waited for in so many calls of `issue`. */
const PATIENCE = 2;

export function azureProvider(deps: AzureDeps): Provider<AzureTarget> {
  const { now, signer, owner, ambient = null } = deps;
  const clients = azureClients({ signer, ambient });
  const books = { operations: operationBook({ clients, now }), roles: roleBook({ clients, now }) };
  const { narrow, pairs } = narrower(books);
  const ways = { direct, pim: pim(now) };
  const absences: Absences = new Map();
  const waited = new Map<GrantId, number>();
  const lock = makeLock(() => new JitError({ code: 'ERR_CLOUD_BUSY', message: 'nobody waits for azure any more' }));

  const chosen = async (target: AzureTarget, order: Order, signal: AbortSignal): Promise<readonly Pair[]> => {
    try {
      if (signer !== null) await demandTrusted(signer, target);
      const narrowed: Narrowed[] = [];
      for (const one of order.permissions) narrowed.push(await narrow(target, one, signal));
      return await pairs(target, narrowed, signal);
    } catch (thrown) {
      const { code, message, hint } = asJitError(thrown);
      // Nothing has been written, and these are how the port says so.
      const kept = code === 'ERR_CLOUD_BUSY' || code === 'ERR_TARGET' ? code : 'ERR_CLOUD';
      throw new JitError({ code: kept, message, hint, cause: thrown });
    }
  };

  const give = async (target: AzureTarget, order: Order, reach: Reach, progress: Progress) => {
    const { grant, endsAt } = order;
    const chosenPairs = await chosen(target, order, reach.signal);
    const { recipient, mode } = target;
    const identity =
      recipient.kind === 'requester' || signer === null
        ? null
        : await makeIdentity(
            reach,
            { place: recipient.place, grant, until: endsAt, issuer: signer.issuer },
            () => (progress.made = 'an identity'),
          );
    const principalId = identity?.principalId ?? requesterOf(target, order);
    const age = identity?.age ?? 'known';
    const wanted = { grant, endsAt, principalId, to: recipient.kind, age, pairs: chosenPairs };
    const already = await assign({ standing: ways[mode], now }, reach, wanted, progress);
    const stands = mode === 'pim' ? Math.max(endsAt, now() + SHORTEST_PIM * 1_000) : endsAt;
    const granted = permissionText(target, chosenPairs, {
      principalId,
      ends: mode === 'pim' ? isoSeconds(stands) : null,
      heldFromElsewhere: already.map(({ scope, role }) => ({ scope, roleDefinitionId: role.id })),
    });
    if (identity === null || signer === null) {
      const credential: Credential = { kind: 'own' };
      return { credential, granted, notAfter: mode === 'pim' ? stands + PROPAGATION * 1_000 : NEVER };
    }
    const seconds = Math.max(1, Math.min(ASSERTION_SECONDS, Math.ceil((endsAt - now()) / 1_000)));
    const secret = await assertionFor(signer, { grant, clientId: identity.clientId, seconds });
    const credential: Credential = { kind: 'azure', secret };
    return { credential, granted, notAfter: now() + seconds * 1_000 };
  };

  return {
    kind: 'azure',
    parseTarget: (name, config) => parseAzureTarget(name, config, signer),
    assess: async (target, asked) => {
      const { permission, assessment } = await narrow(target, asked, AbortSignal.timeout(READ_MS));
      return { permission, assessment };
    },
    plan: async (target, permissions, seconds) => {
      if (signer !== null) await demandTrusted(signer, target);
      const signal = AbortSignal.timeout(READ_MS);
      const narrowed: Narrowed[] = [];
      for (const one of permissions) narrowed.push(await narrow(target, one, signal));
      return planOf(target, { narrowed, pairs: await pairs(target, narrowed, signal), seconds });
    },
    intend: (target, order) => ({
      handle: writeHandle(handleOf(target, order, ownerAt(owner, target))),
      name: nameOf(target, order.grant),
      revocation: revocationOf(target),
      notAfter: latestOf(target, order),
    }),
    issue: async (target, order, signal) => {
      if (order.endsAt <= now()) {
        throw new JitError({ code: 'ERR_CLOUD', message: 'the grant ended before it could be issued' });
      }
      const handle = handleOf(target, order, ownerAt(owner, target));
      const progress: Progress = { made: 'nothing' };
      return await lock(lockOf(handle), signal, async () => {
        const arm = await clients(target.access);
        try {
          const issued = await give(target, order, { arm, owner: handle.owner, signal }, progress);
          waited.delete(order.grant);
          return issued;
        } catch (thrown) {
          throw afterAll(thrown, progress, order.grant);
        }
      });
    },
    revoke: async (mark, _revoked, signal) => {
      const handle = readHandle(mark);
      waited.delete(handle.grant);
      return await lock(
        lockOf(handle),
        signal,
        async () => await revokeOnce({ clients, standing: ways[handle.mode], now, absences }, { handle, mark, signal }),
      );
    },
    // Revocations leave nothing behind.
    tidy: async () => await Promise.resolve(),
    list: async (target, signal) => {
      const reach = { arm: await clients(target.access), owner: ownerAt(owner, target), signal };
      return await leftoversOf(ways[target.mode], reach, target);
    },
  };

  /** Once something was made, no failure is one of nothing: the grant is revoked by its name. */
  function afterAll(thrown: unknown, { made }: Progress, grant: GrantId): JitError {
    const error = asJitError(thrown);
    if (made === 'nothing') return error;
    if (made === 'an identity' && error.code === 'ERR_CLOUD_BUSY') {
      // An identity without a role opens nothing, and the next try finds it.
      const tries = (waited.get(grant) ?? 0) + 1;
      waited.set(grant, tries);
      if (tries <= PATIENCE) return error;
      waited.delete(grant);
    }
    const { message, hint } = error;
    return new JitError({ code: 'ERR_CLOUD_UNKNOWN', message, hint, cause: thrown });
  }

  function latestOf({ mode, recipient }: AzureTarget, { endsAt }: Order): number {
    if (mode === 'pim') return endsAt + ISSUE_WITHIN_MS + (SHORTEST_PIM + PROPAGATION) * 1_000;
    return recipient.kind === 'identity' ? endsAt + ISSUE_WITHIN_MS + LONGEST_TOKEN_MS : NEVER;
  }
}

/** Who owns a mark: this broker at this kind of target, so that targets in one subscription do not take each other's for theirs. */
function ownerAt(owner: string, { access, mode, recipient }: AzureTarget): string {
  const to = recipient.kind === 'identity' ? recipient.place.group : '';
  const parts = [owner, access.endpoint ?? '', access.tenant, access.subscription, mode, recipient.kind, to];
  return guidOf('owner', ...parts)
    .replaceAll('-', '')
    .slice(0, 16);
}

function handleOf(target: AzureTarget, order: Order, owner: string): Handle {
  const { access, mode, recipient } = target;
  const scopes = order.permissions.flatMap(({ resources }) => resources);
  // A handle is what revocation makes paths of.
  for (const scope of scopes) readScope(scope);
  const to: Handle['to'] =
    recipient.kind === 'identity'
      ? { kind: 'identity', group: recipient.place.group }
      : { kind: 'requester', id: requesterOf(target, order) };
  return { owner, grant: order.grant, access, mode, to, scopes };
}

function requesterOf({ recipient, name }: AzureTarget, { principal }: Order): string {
  if (recipient.kind === 'requester') return objectIdOf(recipient.people, principal, name);
  throw new JitError({ code: 'ERR_CLOUD', message: `target ${name} has no issuer to make identities for` });
}

/** All that one principal gets in a subscription is given and taken one after the other. */
function lockOf({ access, to, grant }: Handle): string {
  return [access.endpoint ?? '', access.subscription, to.kind === 'requester' ? to.id : grant].join(' ');
}
