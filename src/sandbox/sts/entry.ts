/**
 * Whether a caller may enter a role, tag the session and name its source.
 * Source: IAM user guide, "Policy evaluation for requests within a single account"; "Pass session tags in AWS STS",
 * "Permissions required to add session tags"; "Monitor and control actions taken with assumed roles".
 * @module
 */
import type { Cloud } from '../cloud.ts';
import type { Context } from '../evaluate/condition.ts';
import { accessDenied } from '../evaluate/denial.ts';
import type { DenialReason } from '../evaluate/denial.ts';
import { decide } from '../evaluate/evaluate.ts';
import { trustOf } from '../evaluate/trust.ts';
import { fault } from '../fault.ts';
import type { Fault } from '../fault.ts';
import { contextOf, policiesOf } from '../principal.ts';
import type { Principal } from '../principal.ts';
import type { SessionTag } from '../session.ts';
import { SANDBOX_ACCOUNT, issuerName, providerArn } from '../world.ts';
import type { Role } from '../world.ts';
import type { IdentityToken } from './identity-token.ts';

/** What the new session is asked to be, as far as trust and permissions depend on it. */
export interface Entry {
  readonly role: Role;
  readonly sessionName: string;
  readonly tags: readonly SessionTag[];
  readonly sourceIdentity: string | null;
  readonly externalId: string | null;
}

function entryContext(entry: Entry): Map<string, string> {
  const context = new Map([['sts:rolesessionname', entry.sessionName]]);
  for (const { key, value } of entry.tags) context.set(`aws:requesttag/${key.toLowerCase()}`, value);
  if (entry.sourceIdentity !== null) context.set('sts:sourceidentity', entry.sourceIdentity);
  if (entry.externalId !== null) context.set('sts:externalid', entry.externalId);
  return context;
}

/** Every action that the entry takes: tags and a source identity are permissions of their own. */
function actionsOf(entry: Entry, main: string): readonly string[] {
  const actions = [main];
  if (entry.tags.length > 0) actions.push('sts:TagSession');
  if (entry.sourceIdentity !== null) actions.push('sts:SetSourceIdentity');
  return actions;
}

/** Decides about an entry by a signed caller. Null where it is allowed. */
export function callerRefusal(cloud: Cloud, principal: Principal, entry: Entry): Fault | null {
  const context = new Map([...contextOf(principal, cloud.now()), ...entryContext(entry)]);
  for (const action of actionsOf(entry, 'sts:AssumeRole')) {
    const reason = callerReason(cloud, principal, { role: entry.role, action, context });
    if (reason !== null) return accessDenied({ caller: principal.arn, action, resource: entry.role.arn, reason });
  }
  return null;
}

interface Step {
  readonly role: Role;
  readonly action: string;
  readonly context: Context;
}

function callerReason(cloud: Cloud, principal: Principal, step: Step): DenialReason | null {
  const { role, action, context } = step;
  const own = principal.kind === 'user' ? [principal.arn] : [principal.arn, principal.role.arn];
  const account = `arn:aws:iam::${SANDBOX_ACCOUNT}:root`;
  const trust = trustOf(role.trust, { kind: 'AWS', own, account }, action, context);
  const decision = decide(policiesOf(principal, cloud.world), { action, resource: role.arn, context });
  if (!decision.allowed && decision.reason.endsWith('explicit')) return decision.reason;
  if (trust === 'denied') return 'trust-explicit';
  if (trust === 'none') return 'no-trust';
  if (decision.allowed) return null;
  // A trust policy that names the caller in person is a grant of its own, but never past a session policy.
  const enough = trust === 'named' && decision.reason === 'identity-implicit' && !narrowed(principal);
  return enough ? null : decision.reason;
}

function narrowed(principal: Principal): boolean {
  return principal.kind === 'session' && principal.policy !== null;
}

/** Decides about an entry by the bearer of an identity token. Null where it is allowed. */
export function bearerRefusal(entry: Entry, token: IdentityToken): Fault | null {
  const issuer = issuerName(token.issuer).toLowerCase();
  const context = new Map([
    ...entryContext(entry),
    [`${issuer}:aud`, token.audience] as const,
    [`${issuer}:sub`, token.subject] as const,
  ]);
  const knocker = { kind: 'Federated', own: [providerArn(token.issuer)], account: null } as const;
  for (const action of actionsOf(entry, 'sts:AssumeRoleWithWebIdentity')) {
    const trust = trustOf(entry.role.trust, knocker, action, context);
    if (trust !== 'named') return fault('AccessDenied', 403, `Not authorized to perform ${action}`);
  }
  return null;
}
