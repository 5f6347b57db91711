/**
 * Who is calling, what speaks for them, and what is known about them.
 * @module
 */
import type { Cloud } from './cloud.ts';
import type { Context } from './evaluate/condition.ts';
import { accessDenied } from './evaluate/denial.ts';
import type { Policy } from './evaluate/document.ts';
import { decide } from './evaluate/evaluate.ts';
import type { Policies } from './evaluate/evaluate.ts';
import type { Fault } from './fault.ts';
import type { Session } from './session.ts';
import { OPERATOR_USER_ARN, SANDBOX_ACCOUNT } from './world.ts';
import type { Role, World } from './world.ts';

/** The user with a long-term key. */
export interface UserPrincipal {
  readonly kind: 'user';
  readonly arn: string;
  readonly userId: string;
}

/** A session of a role. */
export interface SessionPrincipal {
  readonly kind: 'session';
  readonly arn: string;
  readonly userId: string;
  readonly role: Role;
  readonly session: Session;
  readonly policy: Policy | null;
}

/** A caller whose signature has been believed. */
export type Principal = UserPrincipal | SessionPrincipal;

/** The one user of the account. */
export const OPERATOR: UserPrincipal = { kind: 'user', arn: OPERATOR_USER_ARN, userId: 'AIDAJITOPERATORUSER00' };

/** `2026-01-02T03:04:05Z`: AWS writes whole seconds. */
export function isoSeconds(epochSeconds: number): string {
  return `${new Date(epochSeconds * 1_000).toISOString().slice(0, 19)}Z`;
}

/** The ARN under which a session appears. */
export function sessionArn(role: Role, name: string): string {
  return `arn:aws:sts::${SANDBOX_ACCOUNT}:assumed-role/${role.name}/${name}`;
}

/** The policies that decide for a caller. */
export function policiesOf(principal: Principal, world: World): Policies {
  if (principal.kind === 'user') return { identity: [world.operatorPolicy], session: null };
  const { role, policy } = principal;
  return { identity: [role.permissions, ...[...role.inline.values()].map((one) => one.policy)], session: policy };
}

/** The condition keys that every request of a caller has. Keys are in lower case. */
export function contextOf(principal: Principal, now: number): Map<string, string> {
  const context = new Map([
    ['aws:currenttime', new Date(now).toISOString()],
    ['aws:userid', principal.userId],
  ]);
  if (principal.kind === 'user') return context;
  const { session } = principal;
  context.set('aws:tokenissuetime', isoSeconds(session.issuedAt));
  if (session.sourceIdentity !== null) context.set('aws:sourceidentity', session.sourceIdentity);
  for (const { key, value } of session.tags) context.set(`aws:principaltag/${key.toLowerCase()}`, value);
  return context;
}

/** One thing that a caller wants, and how the service writes its resource in a denial (null where there is none). */
export interface Wish {
  readonly action: string;
  readonly resource: string;
  readonly shown: string | null;
  /** What this request adds to the caller's own condition keys. */
  readonly context?: Context;
}

/** Decides about one wish: null where it is allowed, else `AccessDenied` in AWS's words. */
export function refusal(cloud: Cloud, principal: Principal, wish: Wish): Fault | null {
  const context = new Map([...contextOf(principal, cloud.now()), ...(wish.context ?? [])]);
  const { action, resource, shown } = wish;
  const decision = decide(policiesOf(principal, cloud.world), { action, resource, context });
  if (decision.allowed) return null;
  return accessDenied({ caller: principal.arn, action, resource: shown, reason: decision.reason });
}
