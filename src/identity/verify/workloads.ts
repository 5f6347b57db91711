/**
 * The rules of each kind of workload: whether an entry of the configuration is about a token, and whom it identifies.
 * @module
 */
import type { Principal } from '../../core/principal.ts';
import {
  type Claims,
  claimsOf,
  demandClaims,
  demandText,
  demandVerifiedEmail,
  displayName,
  groupsClaim,
  textClaim,
} from './claims.ts';
import { issuerOf, type WorkloadConfig } from './config.ts';
import { actorOf, agent } from './people.ts';
import { refused } from './refusal.ts';
import { matchesPath, parseSpiffeId } from './spiffe-id.ts';

type Config<T extends WorkloadConfig['type']> = Extract<WorkloadConfig, { readonly type: T }>;

interface Identity {
  readonly subject: string;
  readonly name: string;
}

/** Throws `ERR_NOT_SIGNED_IN` where the entry is not about this token. */
export function workloadOf(config: WorkloadConfig, claims: Claims): Principal {
  if (config.type === 'jwt') return anyWorkload(config, claims);
  if (claims.has('act')) throw refused('it acts for somebody');
  const { kind, groups } = config;
  return { kind, issuer: issuerOf(config), ...identityOf(config, claims), groups };
}

function identityOf(config: Exclude<WorkloadConfig, Config<'jwt'>>, claims: Claims): Identity {
  switch (config.type) {
    case 'github':
      return github(config, claims);
    case 'gitlab':
      return gitlab(config, claims);
    case 'kubernetes':
      return kubernetes(config, claims);
    case 'spiffe':
      return spiffe(config, claims);
    case 'azure':
      return azure(config, claims);
    case 'google':
      return google(config, claims);
  }
}

/** An agent's token may say for which person of the same issuer it acts; groups of the claim are that person's. */
function anyWorkload(config: Config<'jwt'>, claims: Claims): Principal {
  const { issuer, kind, groups } = config;
  const subject = demandText(claims, 'sub');
  const name = displayName(config.claims.name === undefined ? null : claims.get(config.claims.name), subject);
  const own = config.claims.groups === undefined ? [] : groupsClaim(claims, config.claims.groups);
  const actor = actorOf(claims, issuer);
  if (actor === null) return { kind, issuer, subject, name, groups: [...new Set([...groups, ...own])] };
  if (kind !== 'agent') throw refused('it acts for somebody, and the entry is not about agents');
  return { ...agent(issuer, actor, groups), actsFor: { kind: 'user', issuer, subject, name, groups: own } };
}

/**
 * By ids alone: `sub` has had several forms and names change hands
 * (https://docs.github.com/en/actions/reference/security/oidc, immutable subject claims).
 */
function github(config: Config<'github'>, claims: Claims): Identity {
  demandOne(claims, 'repository_id', config.repository_ids);
  demandOne(claims, 'repository_owner_id', config.repository_owner_ids);
  for (const name of ['environment', 'ref', 'job_workflow_ref', 'event_name'] as const) {
    demandOne(claims, name, config[name]);
  }
  const [repository, ref] = [textClaim(claims, 'repository'), textClaim(claims, 'ref')];
  return {
    subject: inEnvironment(`repository_id:${demandText(claims, 'repository_id')}`, claims),
    name: named(repository, ref, demandText(claims, 'repository_id')),
  };
}

/** https://docs.gitlab.com/ci/secrets/id_token_authentication/: ids are texts, and so are the booleans. */
function gitlab(config: Config<'gitlab'>, claims: Claims): Identity {
  demandOne(claims, 'project_id', config.project_ids);
  demandOne(claims, 'namespace_id', config.namespace_ids);
  demandOne(claims, 'ref', config.ref);
  demandOne(claims, 'environment', config.environment);
  for (const name of ['ref_protected', 'environment_protected'] as const) {
    const wanted = config[name];
    if (wanted !== undefined) demandClaims(claims, { [name]: [wanted, String(wanted)] });
  }
  const [project, ref] = [textClaim(claims, 'project_path'), textClaim(claims, 'ref')];
  return {
    subject: inEnvironment(`project_id:${demandText(claims, 'project_id')}`, claims),
    name: named(project, ref, demandText(claims, 'project_id')),
  };
}

/** A bound token says the same twice, in `sub` and in its claim `kubernetes.io`; one that does not is none. */
function kubernetes(config: Config<'kubernetes'>, claims: Claims): Identity {
  const subject = demandText(claims, 'sub');
  const [, namespace = '', account = ''] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(subject) ?? [];
  const bound = objectClaim(claims, 'kubernetes.io');
  const same =
    namespace !== '' &&
    bound?.get('namespace') === namespace &&
    objectClaim(bound, 'serviceaccount')?.get('name') === account;
  if (!same) throw refused('it is not the bound token of a service account');
  const known =
    config.namespaces?.includes(namespace) === true ||
    config.service_accounts?.includes(`${namespace}/${account}`) === true;
  if (!known) throw refused('the service account is not configured');
  return { subject, name: displayName(`${namespace}/${account}`) };
}

function spiffe({ trust_domain: domain, paths, issuer }: Config<'spiffe'>, claims: Claims): Identity {
  const subject = demandText(claims, 'sub');
  const parsed = parseSpiffeId(subject);
  if (parsed === null) throw refused('the subject is no SPIFFE ID');
  if (parsed.trustDomain !== domain) throw refused('the subject is of another trust domain');
  if (!paths.some((pattern) => matchesPath(parsed.path, pattern))) throw refused('the path is not configured');
  if (issuer !== undefined && claims.get('iss') !== issuer) throw refused('it is of another issuer');
  return { subject, name: displayName(subject) };
}

/**
 * By the object id, which is never given to anybody else. `scp` is in tokens of users only
 * (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
 */
function azure(config: Config<'azure'>, claims: Claims): Identity {
  demandOne(claims, 'tid', [config.tenant_id]);
  demandOne(claims, 'oid', config.object_ids);
  if (claims.has('scp')) throw refused('it is the token of a user');
  const subject = demandText(claims, 'oid');
  return { subject, name: subject };
}

function google(config: Config<'google'>, claims: Claims): Identity {
  const subject = demandText(claims, 'sub');
  const email = textClaim(claims, 'email');
  if (config.service_account_ids?.includes(subject) !== true) {
    if (email === null || config.service_account_emails?.includes(email) !== true) {
      throw refused('the service account is not configured');
    }
    demandVerifiedEmail(claims);
  }
  return { subject, name: displayName(claims.get('email_verified') === true ? email : null, subject) };
}

function demandOne(claims: Claims, name: string, allowed: readonly string[] | undefined): void {
  if (allowed === undefined) return;
  if (!allowed.includes(demandText(claims, name))) throw refused(`the claim ${name} is not as configured`);
}

/** A job in an environment is somebody else than the same code outside of it. */
function inEnvironment(subject: string, claims: Claims): string {
  const environment = textClaim(claims, 'environment');
  return environment === null ? subject : `${subject}:environment:${environment}`;
}

function named(repository: string | null, ref: string | null, id: string): string {
  if (repository === null) return displayName(id);
  return displayName(ref === null ? repository : `${repository} ${ref}`, repository);
}

function objectClaim(claims: Claims, name: string): Claims | null {
  const value = claims.get(name);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? claimsOf(value) : null;
}
