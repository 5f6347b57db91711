/**
 * AWS as a provider: sessions of a role, narrowed to the grant, dead at its end, and deniable before it.
 * @module
 */
import { JitError, asJitError } from '../../core/errors.ts';
import type { Clock, Mark, Order, Provider, RevokedMarks, Revocation, TokenSigner } from '../../core/ports.ts';
import type { Permission } from '../../core/request.ts';
import { parseRole, sessionArn } from './arn.ts';
import { assumeWith } from './assume.ts';
import { awsClients } from './clients.ts';
import type { KeySource } from './clients.ts';
import { coalesce, unlessAborted } from './coalesce.ts';
import { endOf, readHandle, writeHandle } from './handle.ts';
import type { Handle } from './handle.ts';
import { narrow } from './narrow.ts';
import type { Narrowed } from './narrow.ts';
import { sourceIdentity } from './names.ts';
import { planOf, revocationOf } from './plan.ts';
import { boundWith } from './prepared.ts';
import type { Bounds } from './prepared.ts';
import { probeWith } from './probe.ts';
import { GRACE_MS, revoker, settleMs } from './revocation.ts';
import type { Notice, RoleState } from './revocation.ts';
import { packagedFacts } from './service-facts.ts';
import { RIGHTS, opensShells, shellEnder } from './shells.ts';
import type { Shells } from './shells.ts';
import { SHORTEST_SESSION, parseAwsTarget } from './target.ts';
import type { AwsTarget } from './target.ts';

export type { AwsTarget } from './target.ts';

export interface AwsDeps {
  readonly now: Clock;
  /** The broker's own issuer, or null where it has none: then no target can use web-identity. */
  readonly signer: TokenSigner | null;
  /** Told what an operator should know. Nothing in it is secret. */
  readonly notice?: Notice;
  /** Stands in for the SDK's default chain of ambient credentials. */
  readonly ambient?: KeySource;
}

/** An order is issued within this long of its intent, or not under that intent: the worker's retries end before. */
const ISSUE_WITHIN_MS = 900_000;
const CHECK_MIN_MS = 5_000;
const CHECK_MAX_MS = 300_000;

export function awsProvider(deps: AwsDeps): Provider<AwsTarget> {
  const { now, signer, notice = () => undefined, ambient = null } = deps;
  const book = packagedFacts();
  const clients = awsClients(ambient);
  const assume = assumeWith({ clients, signer, now });
  const revocations = revoker({ now, clients, assume, probe: probeWith({ clients, assume }), notice });
  const endShells = shellEnder({ clients, assume });
  const handlesEndedEarly = coalesce(
    async (readers: readonly RevokedMarks[]) => new Set((await readers.at(-1)?.())?.map(({ handle }) => handle)),
  );

  const bound = boundWith({ clients, assume, notice, narrow: async (target, one) => await narrow(book, target, one) });
  const narrowAll = async (target: AwsTarget, permissions: readonly Permission[]): Promise<readonly Narrowed[]> =>
    await Promise.all(permissions.map(async (one) => await narrow(book, target, one)));
  const boundsOf = async (target: AwsTarget, order: Order, signal: AbortSignal): Promise<Bounds> => {
    try {
      return await bound(target, await narrowAll(target, order.permissions), order.endsAt, signal);
    } catch (thrown) {
      // Nothing was issued, and these two are how the port says so.
      const { message, hint, code } = asJitError(thrown);
      throw new JitError({
        code: code === 'ERR_CLOUD_BUSY' ? code : 'ERR_CLOUD',
        message,
        hint,
        cause: thrown,
      });
    }
  };

  const endCredentials = async (
    mark: Mark,
    handle: Handle,
    revoked: RevokedMarks,
    signal: AbortSignal,
  ): Promise<Revocation> => {
    const end = endOf(mark);
    if (now() >= end) {
      const early = (await handlesEndedEarly(revoked)).has(mark.handle);
      return { kind: 'gone', tidyAt: early ? end + GRACE_MS : null, proof: 'past the end in the session policy' };
    }
    const update = revocations.update({ handle, mark, revoked });
    return afterUpdate(await unlessAborted(update, signal, interrupted), { mark, handle, now: now() });
  };

  return {
    kind: 'aws',
    parseTarget: (name, config) => parseAwsTarget(name, config, signer),
    assess: async (target, asked) => {
      const { permission, assessment } = await narrow(book, target, asked);
      return { permission, assessment };
    },
    plan: async (target, permissions, seconds) => {
      const narrowed = await narrowAll(target, permissions);
      const { signal } = new AbortController();
      return planOf(target, narrowed, await bound(target, narrowed, now() + seconds * 1_000, signal));
    },
    intend: (target, order) => ({
      handle: writeHandle({ grant: order.grant, shells: opensShells(order.permissions), access: target.access }),
      name: sessionName(target, order),
      revocation: revocationOf(target),
      notAfter: now() + target.sessionSeconds * 1_000 + ISSUE_WITHIN_MS,
    }),
    issue: async (target, order, signal) => {
      if (order.endsAt <= now()) throw tooLate();
      const { policy, managed, text } = await boundsOf(target, order, signal);
      const left = Math.ceil((order.endsAt - now()) / 1_000);
      if (left <= 0) throw tooLate();
      if (revocations.cutoffOf(handleOf(target, order)) >= now()) {
        throw new JitError({ code: 'ERR_CLOUD_BUSY', message: `sessions of ${target.access.role} are being cut off` });
      }
      const session = {
        role: target.access.role,
        session: order.grant,
        policy,
        ...(managed.length === 0 ? {} : { managed }),
        seconds: Math.min(Math.max(left, SHORTEST_SESSION), target.sessionSeconds),
        marking: { tag: order.grant, sourceIdentity: sourceIdentity(order.principal) },
      };
      const { keys, expiresAt } = await assume(target.access, session, signal);
      return { credential: { kind: 'aws', secret: keys }, granted: text, notAfter: expiresAt };
    },
    revoke: async (mark, revoked, signal) => {
      const handle = readHandle(mark);
      const credentials = await endCredentials(mark, handle, revoked, signal);
      if (!handle.shells) return credentials;
      const shells = await endShells(handle, signal);
      if (shells === 'forbidden')
        notice(`SSM sessions of ${sessionArn(handle.role, handle.grant)} stay open: ${RIGHTS}`);
      return withShells(credentials, shells, { mark, handle, now: now() });
    },
    tidy: async (mark, revoked, signal) => {
      const update = revocations.update({ handle: readHandle(mark), mark: null, revoked });
      await unlessAborted(update, signal, interrupted);
    },
    // Sessions leave nothing at AWS that could be listed; they end by themselves.
    list: async () => [],
  };
}

const PROBED = 'a session with the same tag was denied by a policy of the role, and one with another tag was not';

function sessionName({ access, name }: AwsTarget, { grant }: Order): string {
  const role = parseRole(access.role);
  if (role === null) throw new JitError({ code: 'ERR_CONFIG', message: `target ${name} has no role` });
  return sessionArn(role, grant);
}

function handleOf(target: AwsTarget, order: Order): Handle {
  const role = parseRole(target.access.role);
  if (role === null) throw new JitError({ code: 'ERR_CLOUD', message: `target ${target.name} has no role` });
  return { grant: order.grant, shells: opensShells(order.permissions), access: target.access, role };
}

interface Occasion {
  readonly mark: Mark;
  readonly handle: Handle;
  readonly now: number;
}

/** What can be said of a grant whose credentials may have opened sessions of Systems Manager. */
function withShells(credentials: Revocation, shells: Shells, { mark, handle, now }: Occasion): Revocation {
  const soon: Revocation = { kind: 'pending', checkAt: now + CHECK_MIN_MS };
  if (shells === 'some') return soon;
  if (credentials.kind === 'pending') {
    // More may be opened until the denial is in effect.
    return shells === 'forbidden'
      ? credentials
      : { ...credentials, checkAt: Math.min(credentials.checkAt, now + GRACE_MS) };
  }
  if (shells === 'forbidden') return { ...credentials, proof: `${credentials.proof}; SSM sessions could not be ended` };
  // One that was opened in the last moment by AWS's clock may come after the list was made.
  const listed = endOf(mark) + (handle.access.sandbox ? 0 : GRACE_MS);
  if (now >= endOf(mark) && now < listed) return { kind: 'pending', checkAt: listed };
  return { ...credentials, proof: `${credentials.proof}; no SSM session of it is open` };
}

function afterUpdate(state: RoleState, about: Occasion): Revocation {
  const end = endOf(about.mark);
  const entry = state.entries.get(about.mark.grant);
  if (entry !== undefined && entry.writing <= state.verified)
    return { kind: 'gone', tidyAt: end + GRACE_MS, proof: PROBED };
  // Nothing can be learned before the end, which the session policy enforces by itself.
  if (state.missing || state.verdict === 'blind') return { kind: 'pending', checkAt: end };
  const age = entry === undefined ? 0 : about.now - entry.at;
  const pause = Math.max(Math.min(age / 2, CHECK_MAX_MS), CHECK_MIN_MS, settleMs(about.handle) - age);
  return { kind: 'pending', checkAt: Math.min(Math.ceil(about.now + pause), end) };
}

function tooLate(): JitError {
  return new JitError({ code: 'ERR_CLOUD', message: 'the grant ended before it could be issued' });
}

function interrupted(): JitError {
  return new JitError({ code: 'ERR_CLOUD_UNKNOWN', message: 'interrupted while aws was being told to revoke' });
}
