/**
 * AWS as an identity provider of the broker: the entry of the configuration, and who it lets in.
 * @module
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { JitError } from '../../core/errors.ts';
import { isGrantId } from '../../core/ids.ts';
import type { Principal } from '../../core/principal.ts';
import type { Secret } from '../../core/secret.ts';
import { refused } from '../verify/refusal.ts';
import type { Binding, Verified } from '../verify/verified.ts';
import type { Caller } from './answer.ts';
import { ASK_LIMITS, type AskLimits, makeAsk } from './ask.ts';
import { type Partition, placeOf } from './place.ts';
import { challengeText } from './proof.ts';
import { PROOF_MS } from './read-proof.ts';
import { type CallerCheck, type Vouched, vouch } from './verify.ts';

const NAMED =
  /^arn:(aws|aws-cn|aws-us-gov):iam::(\d{12}):(role|user)\/(?:\*|(?:[\x21-\x7e]{1,512}\/)?([\w+=,.@-]{1,64}))$/;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** A role or a user as the configuration names it; null for every name of the account. */
type Name = Pick<Caller, 'partition' | 'account' | 'kind'> & { readonly name: string | null };

const arn = (kind: Name['kind']) =>
  z.string().transform((text, context): Name => {
    const [, partition, account, found, name = null] = NAMED.exec(text) ?? [];
    if (found === kind && account !== undefined) {
      // The pattern holds these three words only.
      return { partition: partition as Partition, account, kind, name };
    }
    context.addIssue({
      code: 'custom',
      message: `write it like arn:aws:iam::123456789012:${kind}/ci, or ${kind}/* for all`,
    });
    return z.NEVER;
  });

const line = z.string().regex(/^[^\p{Cc}\p{Cf}\p{Z}]{1,512}$/u, 'one word of at most 512 characters');

/**
 * One entry of type `aws`. It lets in whoever is in one of `accounts` and is named by `roles` or `users`, where
 * `…:role/*` names all roles of an account. `ids` narrows that to these unique ids; where nobody is named, the ids decide.
 *
 * A role is named by its ARN. The session of a role shows the role's name without its path, and names are unique in an
 * account whatever their path (IAM API reference, CreateRole), so the path in `roles` decides nothing. A role that was
 * deleted and made anew under the same name is let in as somebody else, with nothing of its predecessor's; where even
 * that is too much, list the `ids`.
 *
 * Every session of a role proves the whole role, however narrow its policy and although it be denied everything: nothing
 * can take GetCallerIdentity away (STS API reference), nor does sts:GetScopedCredentials change who a session is. So a
 * role that identifies a workload should serve that workload only. Sessions of grants of jit are never let in.
 */
export const awsProviderSchema = z
  .strictObject({
    type: z.literal('aws'),
    accounts: z
      .array(z.string('twelve digits in quotes').regex(/^\d{12}$/, 'twelve digits in quotes'))
      .min(1)
      .max(200),
    roles: z.array(arn('role')).max(500).default([]),
    users: z.array(arn('user')).max(500).default([]),
    ids: z
      .array(z.string().regex(/^(?:AROA|AIDA)[A-Z0-9]{12,124}$/, 'a unique id such as AROAEXAMPLEEXAMPLE123'))
      .max(500)
      .default([]),
    /** Whose STS may vouch. */
    regions: z
      .array(z.string().refine((region) => placeOf(region) !== null, 'a region such as eu-west-1'))
      .min(1)
      .max(50),
    kind: z.enum(['workload', 'agent']).default('workload'),
    groups: z.array(line).max(50).default([]),
    /** The issuer of all identities of this entry, and of no other kind of entry; null for one of its own for each account. */
    issuer: line.nullable().default(null),
    /** Where STS is reached, for a private endpoint or a test. Whoever answers there says who everybody is. */
    endpoint: z.string().transform(readEndpoint).nullable().default(null),
  })
  .superRefine((entry, context) => {
    const issue = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    const { roles, users, ids } = entry;
    if (roles.length + users.length + ids.length === 0) issue('roles', 'name roles, users or ids');
    const partitions = new Set(entry.regions.map((region) => placeOf(region)?.partition));
    for (const { kind, account, partition } of [...roles, ...users]) {
      if (!entry.accounts.includes(account)) issue(`${kind}s`, `account ${account} is not among the accounts`);
      if (!partitions.has(partition)) issue(`${kind}s`, `none of the regions is in the partition ${partition}`);
    }
  });

export type AwsProvider = Readonly<z.infer<typeof awsProviderSchema>>;
export type AwsEntry = AwsProvider & { readonly name: string };

/** The issuer of an identity in this account. */
function issuerIn({ issuer }: Pick<AwsProvider, 'issuer'>, account: string, partition: Partition): string {
  return issuer ?? `https://sts.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}/${account}`;
}

/** Every issuer that an identity of this entry can have. */
export function awsIssuers(entry: Pick<AwsProvider, 'issuer' | 'accounts' | 'regions'>): readonly string[] {
  const partitions = entry.regions.flatMap((region) => placeOf(region)?.partition ?? []);
  return entry.accounts.flatMap((account) => partitions.map((partition) => issuerIn(entry, account, partition)));
}

/** What the broker says about an entry to those who want to sign in. */
export function awsIssuerLabel({ issuer }: Pick<AwsProvider, 'issuer'>): string {
  return issuer ?? 'https://sts.amazonaws.com';
}

export interface AwsVerifierParts {
  /** In the order of the configuration: the first that lets a caller in is theirs. */
  readonly entries: readonly AwsEntry[];
  /** The audience of this broker. */
  readonly audience: string;
  /** Epoch ms. */
  readonly now: () => number;
  /** Told of callers whom AWS vouched for and no entry names, since their operator will look for them. */
  readonly log: (message: string, fields: Readonly<Record<string, string>>) => void;
  readonly limits?: AskLimits;
}

const HASH_SHAPED = '-'.repeat(43);

/** @throws {JitError} as `Verifier.verify` does. */
export type AwsVerify = (token: Secret<string>, binding: Binding) => Promise<Verified>;

/**
 * @throws {JitError} `ERR_CONFIG` for an audience that cannot be signed, and for two entries with one region and different
 * endpoints: which STS vouches must not be for the caller to choose.
 */
export function makeAwsVerifier({ entries, audience, now, log, limits = ASK_LIMITS }: AwsVerifierParts): AwsVerify {
  if (challengeText({ audience, nonce: '-', keyThumbprint: HASH_SHAPED, body: HASH_SHAPED }) === null) {
    throw new JitError({
      code: 'ERR_CONFIG',
      message: 'issuer: with aws identities it holds no semicolon and no space',
    });
  }
  const endpoints = endpointsOf(entries);
  const check: CallerCheck = { audience, now, ask: makeAsk(limits), endpointOf: (region) => endpoints.get(region) };
  return async (token, binding) => {
    const vouched = await vouch(check, token, binding);
    const { caller, region } = vouched;
    // The names of these sessions are the broker's own choice, and their holder has no other.
    if (caller.session !== null && isGrantId(caller.session)) throw refused('the credentials are those of a grant');
    const entry = entries.find((each) => each.regions.includes(region) && letsIn(each, caller));
    if (entry === undefined) {
      const { account, kind, name, id } = caller;
      log('aws vouched for somebody whom no identity provider names', { account, kind, name, id, region });
      throw refused('no entry names this caller');
    }
    return verified(entry, vouched, now());
  };
}

function endpointsOf(entries: readonly AwsEntry[]): ReadonlyMap<string, string | null> {
  const endpoints = new Map<string, string | null>();
  for (const { name, regions, endpoint } of entries) {
    for (const region of regions) {
      if (endpoints.has(region) && endpoints.get(region) !== endpoint) {
        const message = `identity ${name}: endpoint: another entry asks another one in ${region}`;
        throw new JitError({ code: 'ERR_CONFIG', message });
      }
      endpoints.set(region, endpoint);
    }
  }
  return endpoints;
}

function letsIn({ accounts, roles, users, ids }: AwsEntry, caller: Caller): boolean {
  if (!accounts.includes(caller.account)) return false;
  if (ids.length > 0 && !ids.includes(caller.id)) return false;
  const named = [...roles, ...users];
  return named.length === 0 ? ids.length > 0 : named.some((name) => names(name, caller));
}

function names({ partition, account, kind, name }: Name, caller: Caller): boolean {
  const same = partition === caller.partition && account === caller.account && kind === caller.kind;
  return same && (name === null || name === caller.name);
}

function verified(entry: AwsEntry, { caller, signature, signedAt }: Vouched, at: number): Verified {
  const principal: Principal = {
    kind: entry.kind,
    issuer: issuerIn(entry, caller.account, caller.partition),
    subject: caller.id,
    name: `${caller.name}@${caller.account}`,
    groups: entry.groups,
  };
  return {
    provider: entry.name,
    principal,
    // When AWS was asked, not when the proof was signed: credentials can end in between.
    issuedAt: at,
    until: signedAt + PROOF_MS,
    once: createHash('sha256').update(`aws-caller-identity ${signature}`).digest('base64url'),
    nonce: null,
    renewal: 'on demand',
  };
}

/** A proof crosses this address and an identity comes back, so it is https, or does not leave the machine. */
function readEndpoint(text: string, context: z.RefinementCtx): string {
  const url = URL.parse(text);
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.test(url.hostname));
  if (url !== null && safe && url.username + url.password === '' && url.pathname === '/' && !/[?#]/.test(text)) {
    return url.origin;
  }
  context.addIssue({ code: 'custom', message: 'an https URL without a path, or http on loopback' });
  return z.NEVER;
}
