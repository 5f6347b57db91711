/**
 * Trust policies: who may enter a role.
 * Source: IAM user guide, "Policy evaluation for requests within a single account", and STS API reference, AssumeRole.
 * @module
 */
import type { Context } from './condition.ts';
import type { Dialect, NamedPrincipal, Policy } from './document.ts';
import { statementApplies, verdictOf } from './evaluate.ts';

/** Trust policies know the claims of the identity providers that they name, and the session's own name and source. */
export const TRUST: Dialect = {
  kind: 'trust',
  knowsKey: (key) =>
    /^[^/*?]+(?:\/[^*?]*)?:(?:aud|sub)$/.test(key) ||
    /^aws:requesttag\/./.test(key) ||
    key === 'sts:rolesessionname' ||
    key === 'sts:sourceidentity' ||
    key === 'sts:externalid',
};

/** Who knocks: every name under which a trust policy could know them. */
export interface Knocker {
  readonly kind: NamedPrincipal['kind'];
  /** ARNs that mean this caller in particular. */
  readonly own: readonly string[];
  /** The ARN that stands for the whole account, which lets in only who is also allowed by their own policies. */
  readonly account: string | null;
}

/**
 * `named`: the caller is trusted in person. `account`: only through the account, so the caller's own policies must
 * allow it too. `none`: not trusted. `denied`: a Deny statement names them.
 */
export type Trust = 'named' | 'account' | 'none' | 'denied';

/** What a trust policy says about one action (`sts:AssumeRole`, `sts:TagSession`, …) of one caller. */
export function trustOf(policy: Policy, knocker: Knocker, action: string, context: Context): Trust {
  const matching = (arns: readonly string[]) =>
    verdictOf(
      policy.statements.filter(
        (statement) =>
          statement.principals.some(({ kind, arn }) => kind === knocker.kind && arns.includes(arn)) &&
          statementApplies(statement, { action, resource: '*', context }),
      ),
    );
  const named = matching(knocker.own);
  const account = knocker.account === null ? 'silent' : matching([knocker.account]);
  if (named === 'deny' || account === 'deny') return 'denied';
  if (named === 'allow') return 'named';
  return account === 'allow' ? 'account' : 'none';
}
