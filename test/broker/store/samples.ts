/**
 * Domain objects for the tests of stores, as small as the port allows.
 * @module
 */
import { createHash } from 'node:crypto';
import type { AuditEvent } from '../../../src/audit/entry.ts';
import type { Vote } from '../../../src/core/approval.ts';
import type { Grant, Leg } from '../../../src/core/grant.ts';
import { openGrant } from '../../../src/core/transition.ts';
import { type GrantId, grantId, type RequestId, requestId, type SessionId, sessionId } from '../../../src/core/ids.ts';
import type { BoundIncident } from '../../../src/core/incident.ts';
import type { Principal, PrincipalKey } from '../../../src/core/principal.ts';
import { type AccessRequest, type Decision, requestHash } from '../../../src/core/request.ts';
import type { SessionChange, StoredSession } from '../../../src/broker/store/sessions.ts';
import type { Change, Idempotency, StoredGrant, StoredRequest } from '../../../src/broker/store/store.ts';

/** Epoch ms at which the tests begin. */
export const START = 1_800_000_000_000;

export const ada: Principal = {
  kind: 'user',
  issuer: 'https://id.example',
  subject: 'ada',
  name: 'Ada Lovelace',
  groups: ['sre', 'on-call'],
};
export const eve: Principal = { ...ada, subject: 'eve', name: 'Eve', groups: [] };
export const bot: Principal = {
  kind: 'agent',
  issuer: 'https://agents.example',
  subject: 'bot',
  name: 'Bot',
  groups: [],
  actsFor: { ...ada, kind: 'user' },
};

/** Nothing but what identifies, as it comes back of a grant. */
export function keyOf({ issuer, subject, actsFor }: Principal): PrincipalKey {
  if (actsFor === undefined) return { issuer, subject };
  return { issuer, subject, actsFor: { issuer: actsFor.issuer, subject: actsFor.subject } };
}

function bytes(number: number): Uint8Array {
  const sixteen = Buffer.alloc(16);
  sixteen.writeUIntBE(number, 10, 6);
  return sixteen;
}

/** Ids by number, so that a test can say which one it means. */
export const req = (number: number): RequestId => requestId(bytes(number));
export const gr = (number: number): GrantId => grantId(bytes(number));
export const ses = (number: number): SessionId => sessionId(bytes(number));

export interface Sample {
  readonly number: number;
  readonly requester?: Principal;
  readonly at?: number;
  readonly targets?: readonly string[];
  readonly idempotency?: Idempotency | null;
  readonly decision?: Partial<Decision>;
  readonly votes?: readonly Vote[];
  readonly incident?: BoundIncident | null;
}

export function sampleRequest({ number, requester = ada, at = START, incident = null }: Sample): AccessRequest {
  return {
    id: req(number),
    requester,
    asks: [{ operation: 's3:GetObject', resources: ['arn:aws:s3:::reports/*'], target: 'prod' }],
    permissions: [
      { target: 'prod', operation: 's3:GetObject', actions: ['s3:GetObject'], resources: ['arn:aws:s3:::reports/*'] },
    ],
    seconds: 600,
    reason: `look at report ${number}\u202e "quoted"\n`,
    ticket: null,
    incident,
    createdAt: at,
  };
}

type RequestChange = NonNullable<Change['request']>;

/** A request as it is handed in for the first time. */
function newRequest(sample: Sample, state: 'pending' | 'approved', grant: GrantId | null): RequestChange {
  const { idempotency = null, votes = [] } = sample;
  const request = sampleRequest(sample);
  const words = state === 'pending' ? { tier: null, why: 'waiting' } : { tier: 'auto' as const, why: 'by policy' };
  const decision: Decision = { state, ...words, policy: 'p1', quorum: [], deadline: null, ...sample.decision };
  return { request, hash: requestHash(request), decision, votes, grant, version: 0, idempotency };
}

/** The commit that submits a request without a grant. */
export function submission(sample: Sample): Change & { readonly request: RequestChange } {
  const request = newRequest(sample, 'pending', null);
  return { request, entries: [event('request.submitted', { request: request.request.id })] };
}

/** The next commit of a request as it was read, with another decision and, where given, other votes. */
export function decided(
  read: StoredRequest,
  decision: Partial<Decision>,
  votes: readonly Vote[] = read.votes,
): Change & { readonly request: RequestChange } {
  return {
    request: { ...read, decision: { ...read.decision, ...decision }, votes, idempotency: null },
    entries: [event('request.decided', { request: read.request.id })],
  };
}

/** One person's word under the policy of the samples. */
export function vote(voter: Principal, given: Partial<Vote> = {}): Vote {
  return { voter, choice: 'approve', comment: null, attended: true, at: START + 1, policy: 'p1', ...given };
}

/** The commit that submits a request, approves it, and records the intent to issue. */
export function approval(sample: Sample): Change & { readonly request: RequestChange; readonly grant: StoredGrant } {
  const { number, at = START, targets = ['prod'] } = sample;
  const request = newRequest(sample, 'approved', gr(number));
  const opened = opening(request, { id: gr(number), at, targets });
  return { ...opened, entries: [event('request.submitted', { request: request.request.id }), ...opened.entries] };
}

/** The commit by which the requester takes up a request as it was read: it gets its grant, and the intent to issue. */
export function takeUp(read: StoredRequest, id: GrantId): Change & { readonly grant: StoredGrant } {
  const request = { ...decided(read, { state: 'approved', deadline: null }).request, grant: id };
  return opening(request, { id, at: START, targets: ['prod'] });
}

function opening<R extends RequestChange>(
  request: R,
  { id, at, targets }: { readonly id: GrantId; readonly at: number; readonly targets: readonly string[] },
) {
  const { id: asked, requester } = request.request;
  const { grant, effects } = openGrant({
    id,
    requestId: asked,
    seconds: 600,
    idleSeconds: null,
    at,
    legs: targets.map((target) => ({
      target,
      provider: 'aws',
      handle: `h:${id}:${target}`,
      name: 'jit',
      revocation: { kind: 'immediate' } as const,
      notAfter: at + 900_000,
    })),
  });
  return {
    request,
    grant: {
      grant,
      requester: keyOf(requester),
      version: 0,
      createdAt: at,
      deliveredAt: null,
      usedAt: null,
      renewalKeys: [],
    },
    effects: effects.map((effect) => ({ ...effect, claimedUntil: null })),
    entries: [event('grant.issuing', { request: asked, grant: id })],
  };
}

/** The stored form of a grant after another commit of it. */
export function changed(stored: StoredGrant, change: Partial<Grant>): StoredGrant {
  return { ...stored, version: Math.max(stored.version, 1), grant: { ...stored.grant, ...change } };
}

export function withLegs(grant: Grant, change: Partial<Leg>): readonly Leg[] {
  return grant.legs.map((leg) => ({ ...leg, ...change }));
}

export function event(
  type: string,
  about: { readonly request?: RequestId; readonly grant?: GrantId; readonly data?: AuditEvent['data'] },
): AuditEvent {
  return {
    type,
    at: START,
    actor: ada,
    request: about.request ?? null,
    grant: about.grant ?? null,
    data: about.data ?? {},
  };
}

/** Hex SHA-256, as the store has it of a token. */
export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');

/** The commit that makes a session. Its tokens are `access N of sign-in` and `refresh N of sign-in`. */
export function signIn(given: {
  readonly number: number;
  readonly principal?: Principal;
  readonly proof?: string;
}): SessionChange & { readonly session: StoredSession } {
  const { number, principal = ada, proof = `proof ${number}` } = given;
  return {
    session: {
      id: ses(number),
      provider: 'corp',
      principal,
      keyThumbprint: `thumbprint ${number}`,
      accessHash: hashOf(`access ${number} of sign-in`),
      accessUntil: START + 600_000,
      refreshHash: hashOf(`refresh ${number} of sign-in`),
      createdAt: START,
      expiresAt: START + 43_200_000,
      verifiedAt: START - 5_000,
      renewal: 'on demand',
      ended: null,
      version: 0,
    },
    spentProofs: [{ once: proof, until: START + 300_000 }],
    entries: [event('session.started', { data: { session: ses(number) } })],
  };
}
