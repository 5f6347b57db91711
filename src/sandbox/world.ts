/**
 * What exists in the sandbox: one account, two buckets, two roles, one user.
 * @module
 */
import { isFault } from './fault.ts';
import { PERMISSIONS, parsePolicy } from './evaluate/document.ts';
import type { Dialect, Policy } from './evaluate/document.ts';
import { TRUST } from './evaluate/trust.ts';
import { JitError } from '../core/errors.ts';
import { emptyBucket } from './s3/bucket.ts';
import type { Bucket } from './s3/bucket.ts';
import { seedBuckets } from './seed.ts';
import type { InlinePolicies } from './state.ts';

/** The account that no AWS customer has. */
export const SANDBOX_ACCOUNT = '000000000000';
/** The role that grants are issued on: everything on both buckets. */
export const SANDBOX_ROLE_ARN = `arn:aws:iam::${SANDBOX_ACCOUNT}:role/jit-sandbox`;
/** The role that revokes: it may edit the inline policies of `SANDBOX_ROLE_ARN` and nothing else. */
export const REVOKER_ROLE_ARN = `arn:aws:iam::${SANDBOX_ACCOUNT}:role/jit-revoker`;
/** The user who may assume both roles with a long-term access key. */
export const OPERATOR_USER_ARN = `arn:aws:iam::${SANDBOX_ACCOUNT}:user/operator`;
/** The bucket with something to read. */
export const REPORTS_BUCKET = 'sandbox-reports';
/** The bucket that nobody should get at by accident. */
export const SECRETS_BUCKET = 'sandbox-secrets';
/** The longest session of either role, in seconds. */
export const MAX_SESSION_SECONDS = 43_200;

const ACCOUNT_ARN = `arn:aws:iam::${SANDBOX_ACCOUNT}:root`;

/** An inline policy: its text as it was put, and what it means. */
export interface InlinePolicy {
  readonly document: string;
  readonly policy: Policy;
}

/** A role: who may enter it, and what its sessions may do. */
export interface Role {
  readonly name: string;
  readonly arn: string;
  /** The unique id, `AROA…`. */
  readonly id: string;
  readonly maxSessionSeconds: number;
  readonly trustDocument: string;
  readonly trust: Policy;
  /** What the role may do before inline policies: like an attached policy, it cannot be edited. */
  readonly permissions: Policy;
  /** Replaced as a whole when a policy is put or deleted. */
  inline: ReadonlyMap<string, InlinePolicy>;
}

/** Who may vouch for people in `AssumeRoleWithWebIdentity`. */
export interface TrustedIssuer {
  readonly issuer: string;
  readonly audience: string;
}

/** Everything that requests are about. Only inline policies, the revision and objects ever change. */
export interface World {
  readonly roles: ReadonlyMap<string, Role>;
  readonly buckets: Map<string, Bucket>;
  readonly operatorPolicy: Policy;
  /** Goes up with every change of an inline policy. */
  revision: number;
}

/** An issuer without its scheme: how IAM names it in condition keys and in provider ARNs. */
export function issuerName(issuer: string): string {
  return issuer.replace(/^https?:\/\//, '').replace(/\/$/, '');
}

/** The ARN of an identity provider of the account. */
export function providerArn(issuer: string): string {
  return `arn:aws:iam::${SANDBOX_ACCOUNT}:oidc-provider/${issuerName(issuer)}`;
}

type Statements = readonly Readonly<Record<string, unknown>>[];

function documentText(statements: Statements): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

function own(source: string, dialect: Dialect): Policy {
  const policy = parsePolicy(source, dialect);
  if (isFault(policy)) throw new JitError({ code: 'ERR_CONFIG', message: `a sandbox policy: ${policy.message}` });
  return policy;
}

const ENTER = ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'];

function trustText(issuers: readonly TrustedIssuer[], principals: readonly string[]): string {
  const federated = issuers.map(({ issuer, audience }) => ({
    Effect: 'Allow',
    Principal: { Federated: providerArn(issuer) },
    Action: ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession', 'sts:SetSourceIdentity'],
    Condition: { StringEquals: { [`${issuerName(issuer)}:aud`]: audience } },
  }));
  return documentText([...federated, { Effect: 'Allow', Principal: { AWS: principals }, Action: ENTER }]);
}

function bucketArns(...names: readonly string[]): readonly string[] {
  return names.flatMap((name) => [`arn:aws:s3:::${name}`, `arn:aws:s3:::${name}/*`]);
}

const SANDBOX_PERMISSIONS: Statements = [
  { Effect: 'Allow', Action: 's3:*', Resource: bucketArns(REPORTS_BUCKET, SECRETS_BUCKET) },
  { Effect: 'Allow', Action: ['s3:ListAllMyBuckets', 'sts:DecodeAuthorizationMessage', ...ENTER], Resource: '*' },
];

const REVOKER_PERMISSIONS: Statements = [
  {
    Effect: 'Allow',
    Action: ['iam:GetRole', 'iam:GetRolePolicy', 'iam:PutRolePolicy', 'iam:DeleteRolePolicy'],
    Resource: SANDBOX_ROLE_ARN,
  },
];

const OPERATOR_PERMISSIONS: Statements = [
  { Effect: 'Allow', Action: ENTER, Resource: [SANDBOX_ROLE_ARN, REVOKER_ROLE_ARN] },
];

interface RoleRecipe {
  readonly arn: string;
  readonly id: string;
  readonly permissions: Statements;
  readonly trust: string;
}

function makeRole(recipe: RoleRecipe, inline: InlinePolicies): Role {
  const name = recipe.arn.slice(recipe.arn.lastIndexOf('/') + 1);
  const kept = [...(inline.get(name) ?? [])].map(
    ([policyName, document]) => [policyName, { document, policy: own(document, PERMISSIONS) }] as const,
  );
  return {
    name,
    arn: recipe.arn,
    id: recipe.id,
    maxSessionSeconds: MAX_SESSION_SECONDS,
    trustDocument: recipe.trust,
    trust: own(recipe.trust, TRUST),
    permissions: own(documentText(recipe.permissions), PERMISSIONS),
    inline: new Map(kept),
  };
}

/** What a world is made from. `now` is epoch milliseconds. */
export interface WorldRecipe {
  readonly issuers: readonly TrustedIssuer[];
  readonly revision: number;
  readonly inline: InlinePolicies;
  readonly now: number;
}

/** Builds the world. Throws `ERR_CONFIG` where a kept policy can no longer be read. */
export function createWorld(recipe: WorldRecipe): World {
  const { issuers, inline, now } = recipe;
  const recipes: readonly RoleRecipe[] = [
    {
      arn: SANDBOX_ROLE_ARN,
      id: 'AROAJITSANDBOXROLE000',
      permissions: SANDBOX_PERMISSIONS,
      trust: trustText(issuers, [OPERATOR_USER_ARN, ACCOUNT_ARN]),
    },
    {
      arn: REVOKER_ROLE_ARN,
      id: 'AROAJITREVOKERROLE000',
      permissions: REVOKER_PERMISSIONS,
      trust: trustText(issuers, [OPERATOR_USER_ARN]),
    },
  ];
  const buckets = new Map([REPORTS_BUCKET, SECRETS_BUCKET].map((name) => [name, emptyBucket(now)]));
  seedBuckets(buckets, now);
  return {
    roles: new Map(recipes.map((one) => makeRole(one, inline)).map((role) => [role.name, role])),
    buckets,
    operatorPolicy: own(documentText(OPERATOR_PERMISSIONS), PERMISSIONS),
    revision: recipe.revision,
  };
}

/** The inline policies of every role, as they are kept. */
export function inlinePolicies(world: World): InlinePolicies {
  return new Map(
    [...world.roles.values()].map((role) => [
      role.name,
      new Map([...role.inline].map(([name, { document }]) => [name, document])),
    ]),
  );
}
