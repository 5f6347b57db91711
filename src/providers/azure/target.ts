/**
 * A configured Azure subscription: where roles may be given, which, to whom and how.
 * @module
 */
import { z } from 'zod';
import type { Target, TokenSigner } from '../../core/ports.ts';
import { firstProblem, targetFault } from '../../core/target-config.ts';
import type { People } from './people.ts';
import { isGuid } from './scope.ts';

/** With an end that Azure keeps (Privileged Identity Management), or without one. */
export type AssignmentMode = 'pim' | 'direct';

/** Everything that it takes to reach a subscription. Part of every handle, so that revocation outlives the configuration. */
export interface AzureAccess {
  readonly tenant: string;
  readonly subscription: string;
  /** Origins, or null for Microsoft's public cloud. */
  readonly endpoint: string | null;
  readonly authority: string | null;
  readonly credentials: 'federation' | 'ambient';
  /** The application or managed identity that trusts the broker's issuer; null with ambient credentials. */
  readonly clientId: string | null;
}

/** Where the identities of grants are made. */
export interface IdentityPlace {
  readonly group: string;
  readonly location: string;
}

export type Recipient =
  | { readonly kind: 'requester'; readonly people: People }
  | { readonly kind: 'identity'; readonly place: IdentityPlace };

export interface AzureTarget extends Target {
  readonly provider: 'azure';
  readonly access: AzureAccess;
  readonly mode: AssignmentMode;
  readonly recipient: Recipient;
  /** Names or GUIDs of the role definitions that may be given. */
  readonly roles: readonly string[];
}

const guid = z
  .string()
  .transform((text) => text.toLowerCase())
  .refine(isGuid, 'a GUID such as 11111111-2222-3333-4444-555555555555');

const PUBLIC = 'https://login.microsoftonline.com';

const CONFIG = z.strictObject({
  provider: z.literal('azure'),
  tenant: guid,
  subscription: guid,
  environment: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a lower-case word such as prod'),
  roles: z
    .array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9 ()._/&-]{0,127}$/, 'names or GUIDs of role definitions'))
    .min(1, 'at least one role definition')
    .max(100),
  assignment: z.enum(['pim', 'direct'], 'pim or direct'),
  principal: z.enum(['requester', 'identity'], 'requester or identity'),
  people: z.record(z.string().regex(/^\S+ .+$/, '"<issuer> <subject>"'), guid).optional(),
  subject_is_object_id: z.url('the exact issuer whose subjects are object ids').optional(),
  identities: z
    .strictObject({
      resource_group: z
        .string()
        .regex(/^[A-Za-z0-9_()-][A-Za-z0-9_.()-]{0,88}[A-Za-z0-9_()-]$/, 'the name of a resource group'),
      location: z.string().regex(/^[a-z0-9]{2,40}$/, 'an Azure region such as westeurope'),
    })
    .optional(),
  credentials: z.enum(['federation', 'ambient'], 'federation or ambient'),
  client_id: guid.optional(),
  authority: z.string().transform(readOrigin).optional(),
  endpoint: z.string().transform(readOrigin).optional(),
});

/** Throws `ERR_CONFIG` naming the target and the field that is wrong. */
export function parseAzureTarget(name: string, config: unknown, signer: TokenSigner | null): AzureTarget {
  const parsed = CONFIG.safeParse(config);
  if (!parsed.success) throw targetFault(name, firstProblem(parsed.error));
  const { tenant, subscription, environment, roles, assignment, credentials, principal } = parsed.data;
  const { client_id: clientId = null, authority = null, endpoint = null } = parsed.data;
  const problem = conflict(parsed.data, signer);
  if (problem !== null) throw targetFault(name, problem);
  return {
    name,
    provider: 'azure',
    environment,
    sandbox: false,
    tool: {
      kind: 'azure',
      identity: principal === 'identity' ? 'issued' : 'own',
      tenant,
      subscription,
      authority,
      endpoint,
    },
    access: { tenant, subscription, endpoint, authority, credentials, clientId },
    mode: assignment,
    recipient: recipientOf(parsed.data),
    roles: [...new Set(roles)],
  };
}

type Settings = z.infer<typeof CONFIG>;

function recipientOf({ principal, identities, people, subject_is_object_id: issuer }: Settings): Recipient {
  if (principal === 'identity' && identities !== undefined) {
    const { resource_group: group, location } = identities;
    return { kind: 'identity', place: { group: group.toLowerCase(), location } };
  }
  return { kind: 'requester', people: { known: new Map(Object.entries(people ?? {})), issuer: issuer ?? null } };
}

function conflict(settings: Settings, signer: TokenSigner | null): string | null {
  const { principal, identities, people, credentials, client_id: clientId, endpoint, authority } = settings;
  const { subject_is_object_id: issuer } = settings;
  if (principal === 'identity') {
    if (identities === undefined)
      return 'identities: needed with identity: the resource_group and location to make them in';
    if (people !== undefined || issuer !== undefined)
      return 'people, subject_is_object_id: only with principal requester';
    if (signer === null) return 'principal: identity needs the issuer of the broker, which is not configured';
  } else {
    if (identities !== undefined) return 'identities: only with principal identity';
    if (people === undefined && issuer === undefined) return 'people: needed with requester, or subject_is_object_id';
  }
  if ((endpoint === undefined) !== (authority === undefined)) return 'endpoint, authority: both or none';
  if (credentials === 'ambient' && clientId !== undefined) return 'client_id: only with federation';
  if (credentials === 'federation' && clientId === undefined) return 'client_id: needed with federation';
  if (credentials === 'ambient' && principal === 'requester') return null;
  if (signer === null) return 'credentials: federation needs the issuer of the broker, which is not configured';
  if ((authority ?? PUBLIC).startsWith('https://login.microsoftonline.') && !signer.issuer.startsWith('https://')) {
    return 'credentials, principal: federation and identity need an issuer that Entra ID can reach by https';
  }
  return null;
}

/** Tokens cross this address, so it is https. */
function readOrigin(text: string, context: z.RefinementCtx): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const plain = url !== null && url.protocol === 'https:' && url.username === '' && url.password === '';
  if (plain && url.pathname === '/' && !/[?#]/.test(text)) return url.origin;
  context.addIssue({ code: 'custom', message: 'an https URL without a path' });
  return z.NEVER;
}
