/**
 * A configured account in IAM Identity Center: which permission sets may be assigned there, to whom, and how jit reaches it.
 * @module
 */
import { z } from 'zod';
import type { Target, TokenSigner } from '../../../core/ports.ts';
import { firstProblem, targetFault } from '../../../core/target-config.ts';
import { parseRole } from '../arn.ts';
import type { CredentialSource } from '../target.ts';
import { readEndpoint } from '../target.ts';

/** Everything that it takes to reach the account. Part of every handle, so that revocation outlives the configuration. */
export interface CenterAccess {
  /** ARN of the instance of IAM Identity Center. */
  readonly instance: string;
  readonly account: string;
  /** Of the instance. */
  readonly region: string;
  /** Without a final slash; null for AWS itself. */
  readonly endpoint: string | null;
  readonly credentials: CredentialSource;
  /** The role that assigns; null when the ambient credentials may do so themselves. */
  readonly administrator: string | null;
  readonly externalId: string | null;
  /** The longest life of a session that a person opens with an assignment. */
  readonly sessionSeconds: number;
}

export interface CenterTarget extends Target {
  readonly provider: 'aws-identity-center';
  readonly access: CenterAccess;
  /** ARNs. */
  readonly permissionSets: readonly string[];
  /** Ids of users in the identity store, by `<issuer> <subject>`. */
  readonly people: ReadonlyMap<string, string>;
}

const INSTANCE = /^arn:(aws(?:-[a-z]{1,5}){0,3}):sso:::instance\/((?:sso)?ins-[a-zA-Z0-9-.]{16})$/;
const PERMISSION_SET =
  /^arn:(aws(?:-[a-z]{1,5}){0,3}):sso:::permissionSet\/((?:sso)?ins-[a-zA-Z0-9-.]{16})\/ps-[a-zA-Z0-9-./]{16}$/;
// Identity Store API reference, UserId.
const USER = /^(?:[0-9a-f]{10}-)?[A-Fa-f0-9]{8}(?:-[A-Fa-f0-9]{4}){3}-[A-Fa-f0-9]{12}$/;

const CONFIG = z.strictObject({
  provider: z.literal('aws-identity-center'),
  instance: z.string().regex(INSTANCE, 'write it like arn:aws:sso:::instance/ssoins-1234567890abcdef'),
  permission_sets: z
    .array(
      z
        .string()
        .regex(
          PERMISSION_SET,
          'write each like arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef',
        ),
    )
    .min(1, 'at least one permission set')
    .max(100),
  account: z.string().regex(/^\d{12}$/, 'twelve digits, in quotes'),
  people: z.record(
    z.string().regex(/^\S+ .+$/, '"<issuer> <subject>"'),
    z.string().regex(USER, 'the id of a user in the identity store'),
  ),
  region: z.string().regex(/^[a-z]{2}(?:-[a-z]+)+-\d{1,2}$/, 'write it like eu-west-1'),
  environment: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a lower-case word such as prod'),
  credentials: z.enum(['web-identity', 'ambient'], 'web-identity or ambient'),
  administrator: z
    .string()
    .refine((text) => parseRole(text) !== null, { message: 'write it like arn:aws:iam::123456789012:role/jit-assigns' })
    .optional(),
  external_id: z
    .string()
    .regex(/^[\w+=,.@:/-]{2,1224}$/, 'letters, digits and _+=,.@:/- only, 2 to 1224 of them')
    .optional(),
  // CreatePermissionSet, SessionDuration: one hour to twelve.
  session_seconds: z.int().min(3_600, 'at least 3600').max(43_200, 'at most 43200').default(3_600),
  endpoint: z.string().transform(readEndpoint).optional(),
});

/** Throws `ERR_CONFIG` naming the target and the field that is wrong. */
export function parseCenterTarget(name: string, config: unknown, signer: TokenSigner | null): CenterTarget {
  const parsed = CONFIG.safeParse(config);
  if (!parsed.success) throw targetFault(name, firstProblem(parsed.error));
  const { instance, account, region, environment, credentials, people, permission_sets: sets } = parsed.data;
  const { administrator = null, external_id: externalId = null, endpoint = null } = parsed.data;
  const problem = conflict({ ...parsed.data, administrator, endpoint, signer });
  if (problem !== null) throw targetFault(name, problem);
  return {
    name,
    provider: 'aws-identity-center',
    environment,
    sandbox: false,
    tool: { kind: 'aws', identity: 'own', account, region, endpoint },
    access: {
      instance,
      account,
      region,
      endpoint,
      credentials,
      administrator,
      externalId,
      sessionSeconds: parsed.data.session_seconds,
    },
    permissionSets: [...new Set(sets)].toSorted(),
    people: new Map(Object.entries(people)),
  };
}

interface Settings {
  readonly instance: string;
  readonly permission_sets: readonly string[];
  readonly credentials: CredentialSource;
  readonly administrator: string | null;
  readonly endpoint: string | null;
  readonly signer: TokenSigner | null;
}

function conflict({
  instance,
  permission_sets: sets,
  credentials,
  administrator,
  endpoint,
  signer,
}: Settings): string | null {
  const [, partition, id] = INSTANCE.exec(instance) ?? [];
  for (const set of sets) {
    const [, itsPartition, itsId] = PERMISSION_SET.exec(set) ?? [];
    if (itsPartition !== partition || itsId !== id) return `permission_sets: ${set} is not of ${instance}`;
  }
  if (credentials === 'ambient') return null;
  if (administrator === null)
    return 'administrator: needed with web-identity, which has no other credentials to assign with';
  if (signer === null) return 'credentials: web-identity needs the issuer of the broker, which is not configured';
  if (endpoint === null && !signer.issuer.startsWith('https://')) {
    return 'credentials: web-identity needs an issuer that AWS can reach by https';
  }
  return null;
}
