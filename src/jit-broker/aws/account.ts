/**
 * What an AWS account needs for one target: the provider of the broker's tokens, the role, and the revoker. The same for
 * every form in which it is written down.
 * Sources: IAM user guide, "Create an OpenID Connect (OIDC) identity provider in IAM", "IAM JSON policy elements: Principal",
 * "Permissions boundaries for IAM entities".
 * @module
 */
import type { Role } from '../../providers/aws/arn.ts';
import { AUDIENCE } from '../../providers/aws/names.ts';
import { globMatches } from '../../sandbox/evaluate/pattern.ts';
import type { Json, PolicyDocument } from './role-policy.ts';

/** What the role may do at most: a policy to be made, or one that is there. */
export type Maximum =
  | { readonly kind: 'document'; readonly document: PolicyDocument }
  | { readonly kind: 'managed'; readonly arn: string };

/** How the broker proves itself to the account. */
export type Trust =
  | { readonly kind: 'web-identity'; readonly issuer: string; readonly provider: 'new' | 'existing' }
  | { readonly kind: 'ambient'; readonly broker: Role };

/** Everything that was asked for, checked. */
export interface AccountOrder {
  readonly role: Role;
  readonly revoker: Role;
  readonly region: string;
  readonly maximum: Maximum;
  readonly trust: Trust;
}

/** A policy of its own. */
export interface NamedPolicy {
  readonly name: string;
  readonly description: string;
  readonly document: PolicyDocument;
}

/** Everything that is to be in the account. */
export interface Account {
  readonly id: string;
  /** Null where the account has it already, or needs none. */
  readonly provider: { readonly url: string; readonly audience: string } | null;
  readonly role: { readonly name: string; readonly trust: PolicyDocument };
  /** A policy that is made becomes the boundary of the role as well as its permissions; so does one that is there. */
  readonly maximum: NamedPolicy | { readonly arn: string };
  /** Keeps the role from changing what bounds it, whatever the maximum says. */
  readonly guard: NamedPolicy;
  readonly revoker: { readonly name: string; readonly trust: PolicyDocument; readonly policy: PolicyDocument };
  /** What the role that the broker runs under needs: null with web identity, which needs nothing. */
  readonly broker: { readonly role: Role; readonly place: 'here' | 'elsewhere'; readonly policy: NamedPolicy } | null;
}

/** Works out the least that jit needs; see the readme of the AWS provider. */
export function accountFor({ role, revoker, region, maximum, trust }: AccountOrder): Account {
  const base = `arn:${role.partition}:iam::${role.account}`;
  const maximumName = `${role.name}-maximum`;
  const guardName = `${role.name}-guard`;
  const here = trust.kind === 'ambient' && trust.broker.account === role.account ? [trust.broker.arn] : [];
  const bounds = [
    role.arn,
    revoker.arn,
    ...(trust.kind === 'web-identity' ? [`${base}:oidc-provider/${hostOf(trust.issuer)}`] : here),
    maximum.kind === 'document' ? `${base}:policy/${maximumName}` : maximum.arn,
    `${base}:policy/${guardName}`,
  ];
  return {
    id: role.account,
    provider:
      trust.kind === 'web-identity' && trust.provider === 'new' ? { url: trust.issuer, audience: AUDIENCE } : null,
    role: { name: role.name, trust: trustPolicy(role, trust, MARKED) },
    maximum:
      maximum.kind === 'managed'
        ? { arn: maximum.arn }
        : {
            name: maximumName,
            description: 'The most that a grant of jit on this role may use',
            document: maximum.document,
          },
    guard: {
      name: guardName,
      description: 'Keeps sessions of jit away from what bounds them',
      document: policy({
        Sid: 'JitGuard',
        Effect: 'Deny',
        // Looking is harmless; everything else that names one of these, assuming and passing them too, is not.
        NotAction: ['iam:Get*', 'iam:List*'],
        Resource: bounds,
      }),
    },
    revoker: {
      name: revoker.name,
      trust: trustPolicy(revoker, trust, []),
      policy: policy(
        {
          Sid: 'JitRevoke',
          Effect: 'Allow',
          Action: ['iam:PutRolePolicy', 'iam:DeleteRolePolicy'],
          Resource: role.arn,
        },
        ...(mayOpenShells(maximum) ? endShells(role, region) : []),
      ),
    },
    broker: trust.kind === 'web-identity' ? null : brokerOf(trust.broker, role, revoker),
  };
}

/** Shells go on when the credentials that opened them are dead. A session's id begins with the name of who opened it. */
function endShells({ partition, account }: Role, region: string): readonly Json[] {
  return [
    { Sid: 'JitFindShells', Effect: 'Allow', Action: 'ssm:DescribeSessions', Resource: '*' },
    {
      Sid: 'JitEndShells',
      Effect: 'Allow',
      Action: 'ssm:TerminateSession',
      Resource: `arn:${partition}:ssm:${region}:${account}:session/gr_*`,
    },
  ];
}

/** Whether a grant could allow `ssm:StartSession`. What cannot be seen from here, could. */
function mayOpenShells(maximum: Maximum): boolean {
  if (maximum.kind === 'managed') return true;
  return maximum.document.Statement.some((statement) => {
    if (typeof statement !== 'object' || statement === null || !('Effect' in statement)) return true;
    const { Effect, Action } = statement;
    if (Effect !== 'Allow') return false;
    return Action === undefined || (Array.isArray(Action) ? Action : [Action]).some(matchesStart);
  });
}

/** IAM: names of actions are compared without regard to case. */
function matchesStart(pattern: Json): boolean {
  return typeof pattern !== 'string' || globMatches(pattern.toLowerCase(), 'ssm:startsession');
}

const MARKED = ['sts:TagSession', 'sts:SetSourceIdentity'];

function trustPolicy(role: Role, trust: Trust, further: readonly string[]): PolicyDocument {
  if (trust.kind === 'ambient') {
    return policy({
      Effect: 'Allow',
      Principal: { AWS: trust.broker.arn },
      Action: ['sts:AssumeRole', ...further],
    });
  }
  const host = hostOf(trust.issuer);
  return policy({
    Effect: 'Allow',
    Principal: { Federated: `arn:${role.partition}:iam::${role.account}:oidc-provider/${host}` },
    Action: ['sts:AssumeRoleWithWebIdentity', ...further],
    Condition: { StringEquals: { [`${host}:aud`]: AUDIENCE, [`${host}:sub`]: `jit:${role.arn}` } },
  });
}

function brokerOf(broker: Role, role: Role, revoker: Role): Account['broker'] {
  const document = policy(
    { Sid: 'JitIssue', Effect: 'Allow', Action: ['sts:AssumeRole', ...MARKED], Resource: role.arn },
    { Sid: 'JitRevoke', Effect: 'Allow', Action: 'sts:AssumeRole', Resource: revoker.arn },
  );
  const place = broker.account === role.account ? 'here' : 'elsewhere';
  return {
    role: broker,
    place,
    policy: { name: `${role.name}-broker`, description: 'What the broker of jit needs', document },
  };
}

function policy(...statements: readonly Json[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: statements };
}

/** As IAM names a provider and its condition keys: the issuer without its scheme. */
function hostOf(issuer: string): string {
  return issuer.replace(/^https:\/\//, '');
}
