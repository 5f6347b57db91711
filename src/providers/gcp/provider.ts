/**
 * Google Cloud as a provider: a role for the requester's own identity until an end, narrowed tokens for Cloud Storage, or
 * tokens of a service account while Privileged Access Manager gives it an entitlement.
 * @module
 */
import { JitError, asJitError } from '../../core/errors.ts';
import type { Clock, Order, Provider, Random, TokenSigner } from '../../core/ports.ts';
import type { Permission } from '../../core/request.ts';
import { accountTokens, lifeOf } from './account-token.ts';
import { caller } from './calls.ts';
import { readEnd } from './condition.ts';
import { endOf, tokensEndOf } from './ends.ts';
import { readHandle, writeHandle } from './handle.ts';
import type { Handle, PamHandle } from './handle.ts';
import { signInWith } from './login.ts';
import type { TokenSource } from './login.ts';
import { memberOf } from './members.ts';
import { descriptionOf, titleOf } from './names.ts';
import { merge, narrow, readAll } from './narrow.ts';
import type { Narrowed, Pick } from './narrow.ts';
import { bindingsOf, givenText, grantedText, planOf, revocationOf } from './plan.ts';
import { keyOf, ours } from './policy.ts';
import { policyWriter } from './policy-writer.ts';
import type { Pause } from './policy-writer.ts';
import { bindingRevoker } from './revocation.ts';
import { roleBook } from './role-facts.ts';
import type { RoleFacts } from './role-facts.ts';
import { pamApi } from './pam-api.ts';
import { pamGrants } from './pam.ts';
import { boundaryOf, storageTokens } from './storage-token.ts';
import { parseGcpTarget } from './target.ts';
import type { Access, GcpTarget, Reach } from './target.ts';

export type { GcpTarget } from './target.ts';

export interface GcpDeps {
  readonly now: Clock;
  readonly random: Random;
  /** The broker's own issuer, or null where it has none: then no target can use federation. */
  readonly signer: TokenSigner | null;
  /** Tells the brokers of a project apart: 16 hexadecimal digits that stay the same for one store. */
  readonly owner: string;
  /** Told what an operator should know. Nothing in it is secret. */
  readonly notice?: (text: string) => void;
  /** Stands in for the library's default chain of ambient credentials. */
  readonly ambient?: TokenSource;
  /** Stands in for waiting between two tries to change a policy that somebody else is changing. */
  readonly pause?: Pause;
}

/** An order is issued within this long of its intent, or not under that intent: the worker's retries end before. */
const ISSUE_WITHIN_MS = 900_000;
/** How long it is tried to remove what has ended. */
const TIDY_FOR_MS = 604_800_000;
type PamAccess = Extract<Access, { kind: 'pam' }>;
/** For a binding that somebody has rewritten so that its end cannot be read any more. */
const NO_END = Date.UTC(9999, 11, 31);

export function gcpProvider(deps: GcpDeps): Provider<GcpTarget> {
  const { now, random, signer, owner, notice = () => undefined, ambient = null } = deps;
  const call = caller(now);
  const signIn = signInWith({ signer, ambient });
  const book = roleBook({ now, call, signIn });
  const { pause } = deps;
  const writer = policyWriter({ now, random, call, signIn, ...(pause === undefined ? {} : { pause }) });
  const bindings = bindingRevoker({ now, writer });
  const accountToken = accountTokens({ now, call, signIn });
  const tokens = storageTokens({ call, accountToken });
  const pam = pamGrants({
    now,
    api: pamApi({ call, signIn }),
    accountToken,
    ...(pause === undefined ? {} : { pause }),
  });

  /** A role that is gone takes only itself away, and not the others of its target. */
  const factsOf = async (target: GcpTarget): Promise<readonly RoleFacts[]> => {
    const looked = await Promise.allSettled(target.roles.map(async (role) => await book(target.reach, role)));
    const facts = looked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const faults = looked.flatMap((one) => (one.status === 'rejected' ? [asJitError(one.reason)] : []));
    const [worst] = faults.toSorted((a, b) => Number(a.code === 'ERR_CLOUD') - Number(b.code === 'ERR_CLOUD'));
    if (worst !== undefined && (worst.code !== 'ERR_CLOUD' || facts.length === 0 || target.access.kind === 'pam'))
      throw worst;
    for (const { message } of faults) notice(`target ${target.name}: ${message}`);
    return facts;
  };

  const narrowOne = async (target: GcpTarget, permission: Permission): Promise<Narrowed> => {
    // What is no resource of this target is refused before Google is asked for anything.
    readAll(target, permission);
    return narrow(target, await factsOf(target), permission);
  };

  const narrowAll = async (
    target: GcpTarget,
    permissions: readonly Permission[],
  ): Promise<{ readonly narrowed: readonly Narrowed[]; readonly picks: readonly Pick[] }> => {
    const narrowed = await Promise.all(permissions.map(async (one) => await narrowOne(target, one)));
    return { narrowed, picks: merge(narrowed.flatMap(({ picks }) => picks)) };
  };

  const handleOf = ({ access, reach, name: target }: GcpTarget, grant: string): Handle =>
    access.kind === 'binding'
      ? { access: 'binding', grant, reach, owner, target }
      : access.kind === 'storage'
        ? { access: 'storage', grant, account: access.account }
        : pamHandleOf({ access, reach, name: target }, grant);

  const pamHandleOf = (
    { access, reach, name: target }: { readonly access: PamAccess; readonly reach: Reach; readonly name: string },
    grant: string,
  ): PamHandle => ({
    access: 'pam',
    grant,
    reach,
    owner,
    target,
    account: access.account,
    entitlement: access.entitlement,
  });

  /** Google has not been told anything yet, and `ERR_CLOUD` is how the port says so. */
  const before = async <T>(work: () => Promise<T> | T): Promise<T> => {
    try {
      return await work();
    } catch (thrown) {
      const { code, message, hint } = asJitError(thrown);
      throw new JitError({ code: code === 'ERR_CLOUD_BUSY' ? code : 'ERR_CLOUD', message, hint, cause: thrown });
    }
  };

  const demandTime = (order: Order, signal: AbortSignal): void => {
    if (order.endsAt - now() < 1_000)
      throw new JitError({ code: 'ERR_CLOUD', message: 'the grant ended before it could be issued' });
    if (signal.aborted) throw new JitError({ code: 'ERR_CLOUD_BUSY', message: 'interrupted before google was called' });
  };

  return {
    kind: 'gcp',
    parseTarget: (name, config) => parseGcpTarget(name, config, signer),
    assess: async (target, asked) => {
      const { permission, assessment } = await narrowOne(target, asked);
      return { permission, assessment };
    },
    plan: async (target, permissions, seconds) => {
      const { narrowed, picks } = await narrowAll(target, permissions);
      const { access } = target;
      const given =
        access.kind === 'pam'
          ? await pam.look({ ...target, entitlement: access.entitlement }, seconds, new AbortController().signal)
          : null;
      return planOf(target, narrowed, picks, { endsAt: now() + seconds * 1_000, given });
    },
    intend: (target, order) => ({
      handle: writeHandle(handleOf(target, order.grant)),
      name: titleOf(order.grant),
      revocation: revocationOf(target),
      notAfter:
        target.access.kind === 'binding'
          ? order.endsAt + ISSUE_WITHIN_MS
          : now() + target.access.tokenSeconds * 1_000 + ISSUE_WITHIN_MS,
    }),
    issue: async (target, order, signal) => {
      const { access, reach } = target;
      const { endsAt, grant } = order;
      demandTime(order, signal);
      const { picks } = await before(async () => await narrowAll(target, order.permissions));
      const title = titleOf(grant);
      if (access.kind === 'storage') {
        const boundary = await before(() => boundaryOf(picks));
        const seconds = lifeOf(endsAt - now(), access.tokenSeconds);
        const { token, expiresAt } = await tokens({ reach, account: access.account, boundary, seconds, title }, signal);
        return { credential: { kind: 'gcp', secret: token }, granted: JSON.stringify(boundary), notAfter: expiresAt };
      }
      if (access.kind === 'pam') {
        const { tokenSeconds, entitlement } = access;
        const handle = pamHandleOf({ access, reach, name: target.name }, grant);
        const { token, expiresAt, given } = await pam.issue(
          { handle, order, tokenSeconds, reach, entitlement, roles: target.roles, projectNumber: target.projectNumber },
          signal,
        );
        return { credential: { kind: 'gcp', secret: token }, granted: givenText(target, given), notAfter: expiresAt };
      }
      const member = memberOf(access.members, order.principal);
      if (member === null) throw nobody(target, order);
      const label = { member, title, description: descriptionOf({ owner, target: target.name }) };
      const wanted = await before(() => bindingsOf(picks, endsAt, label));
      await writer.change({ reach, owner, edit: { grant, target: target.name, wanted } }, signal);
      return { credential: { kind: 'own' }, granted: grantedText(target, picks, endsAt, label), notAfter: endsAt };
    },
    revoke: async (mark, _revoked, signal) => {
      const handle = readHandle(mark);
      if (handle.access === 'binding') return await bindings.revoke({ ...handle, mark }, signal);
      if (handle.access === 'pam') return await pam.revoke(handle, mark, signal);
      const end = tokensEndOf(mark);
      if (now() < end) return { kind: 'pending', checkAt: end };
      return { kind: 'gone', tidyAt: null, proof: 'the last token that was made has ended' };
    },
    tidy: async (mark, _revoked, signal) => {
      const handle = readHandle(mark);
      if (handle.access === 'storage') return;
      const { reach, grant, target } = handle;
      const edit = { grant, target, wanted: [] };
      try {
        if (handle.access === 'pam') await pam.close(handle, signal);
        else await writer.change({ reach, owner: handle.owner, edit }, signal);
      } catch (thrown) {
        // A project that is gone cannot be told from one that is closed to the broker; what has ended lets nobody in there.
        const refused = thrown instanceof JitError && thrown.code === 'ERR_CLOUD';
        if (!refused || now() < endOf(mark) + TIDY_FOR_MS) throw thrown;
        notice(
          `what is left of ${grant} in project ${reach.project} ended a week ago and is left there: ${thrown.message}`,
        );
      }
    },
    list: async (target, signal) => {
      // Tokens leave nothing at Google that could be listed; they end by themselves.
      if (target.access.kind === 'storage') return [];
      if (target.access.kind === 'pam') {
        const { access, reach } = target;
        const open = await pam.open(reach, { ...access, owner }, signal);
        return open.flatMap(({ mark, endsAt }) => {
          if (mark === null) return [];
          const handle = writeHandle(pamHandleOf({ access, reach, name: mark.target }, mark.grant));
          return [{ grant: mark.grant, handle, name: titleOf(mark.grant), notAfter: endsAt }];
        });
      }
      const found = ours(await writer.read(target.reach, signal), owner);
      // All of this project, under whatever name it was configured when they were made.
      return [...Map.groupBy(found, keyOf).values()].flatMap((members) => {
        const [first] = members;
        if (first === undefined) return [];
        const { grant } = first;
        const handle = writeHandle(handleOf({ ...target, name: first.target }, grant));
        const notAfter = Math.max(...members.map(({ expression }) => readEnd(expression) ?? NO_END));
        return [{ grant, handle, name: titleOf(grant), notAfter }];
      });
    },
  };
}

function nobody({ name }: GcpTarget, { principal }: Order): JitError {
  return new JitError({
    code: 'ERR_CLOUD',
    message: `target ${name} does not know who the requester is at google`,
    hint: `the operator adds ${JSON.stringify(`${principal.issuer} ${principal.subject}`)} to its people, or the issuer to its members`,
  });
}
