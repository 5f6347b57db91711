/**
 * The identity of a grant: a user-assigned managed identity that exists for nothing else, and that only tokens of the broker
 * can become.
 * @module
 */
import type { Identity } from '@azure/arm-msi';
import type { ClientAssertion } from '../../core/credential.ts';
import { JitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import { isGrantId } from '../../core/ids.ts';
import type { TokenSigner } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import { attempt } from './failure.ts';
import {
  EXCHANGE_AUDIENCE,
  FEDERATION,
  GRANT_TAG,
  OWNER_TAG,
  UNTIL_TAG,
  identityName,
  isoSeconds,
  subjectOf,
} from './names.ts';
import { isGuid } from './scope.ts';
import type { Reach } from './standing.ts';
import type { AzureTarget, IdentityPlace } from './target.ts';

/** An identity that jit has made. */
export interface OwnIdentity {
  readonly clientId: string;
  readonly principalId: string;
  /** Whether this very call made it, so that nothing can be assigned to it yet. */
  readonly age: 'new' | 'known';
}

const NEEDS =
  'the broker needs Microsoft.ManagedIdentity/userAssignedIdentities/* on the resource group under identities, as the role Managed Identity Contributor has it';

/**
 * Seconds. Some tools keep a statement for later, and revocation does not wait for it to run out: without the federated credential
 * it is good for nothing.
 */
export const ASSERTION_SECONDS = 3_600;

/** Makes the grant's identity, or moves its end. Throws `ERR_CLOUD` where somebody else's has the name. @param how.until epoch ms. @param made is told when it is there, whatever becomes of the rest. */
export async function makeIdentity(
  reach: Reach,
  how: { readonly place: IdentityPlace; readonly grant: GrantId; readonly until: number; readonly issuer: string },
  made: () => void,
): Promise<OwnIdentity> {
  const { place, grant, until, issuer } = how;
  const { arm, owner, signal } = reach;
  const name = identityName(grant);
  const before = await findIdentity(reach, place.group, grant);
  if (before !== null && !isOwn(before, owner, grant)) {
    throw new JitError({ code: 'ERR_CLOUD', message: `the identity ${name} in ${place.group} is not jit's own` });
  }
  if (before !== null) made();
  const known = before?.tags?.[UNTIL_TAG] ?? '';
  const end = isoSeconds(until);
  const tags = { [OWNER_TAG]: owner, [GRANT_TAG]: grant, [UNTIL_TAG]: known > end ? known : end };
  const identity =
    before !== null && known >= end
      ? before
      : await attempt({ doing: `make the identity ${name}`, effect: 'writes', needs: NEEDS }, () =>
          arm.msi.userAssignedIdentities.createOrUpdate(
            place.group,
            name,
            { location: before?.location ?? place.location, tags },
            { abortSignal: signal },
          ),
        );
  made();
  const { clientId, principalId } = identity;
  // A role is going to be assigned to whomever this names.
  const isAsked = isOwn(identity, owner, grant) && identity.name?.toLowerCase() === name;
  if (!isAsked || clientId === undefined || principalId === undefined || ![clientId, principalId].every(isGuid)) {
    throw new JitError({
      code: 'ERR_CLOUD_UNKNOWN',
      message: `azure was asked for the identity ${name} and answered with another, or with none`,
    });
  }
  await trust(reach, { group: place.group, name, grant, issuer, age: before === null ? 'new' : 'known' });
  return { clientId, principalId, age: before === null ? 'new' : 'known' };
}

/** Has the identity accept tokens of the broker about this grant. */
async function trust(
  { arm, signal }: Reach,
  how: {
    readonly group: string;
    readonly name: string;
    readonly grant: GrantId;
    readonly issuer: string;
    readonly age: 'new' | 'known';
  },
): Promise<void> {
  const { group, name, grant, issuer, age } = how;
  const subject = subjectOf(grant);
  const options = { abortSignal: signal };
  await attempt({ doing: `let the identity ${name} trust the broker`, effect: 'writes', needs: NEEDS }, async () => {
    const { federatedIdentityCredentials: credentials } = arm.msi;
    const known = age === 'new' ? null : await orNull(credentials.get(group, name, FEDERATION, options));
    if (known?.issuer === issuer && known.subject === subject && known.audiences?.[0] === EXCHANGE_AUDIENCE) return;
    const body = { issuer, subject, audiences: [EXCHANGE_AUDIENCE] };
    await credentials.createOrUpdate(group, name, FEDERATION, body, options);
  });
}

/** The identity with the grant's name, whoever made it, or null. */
export async function findIdentity({ arm, signal }: Reach, group: string, grant: GrantId): Promise<Identity | null> {
  const name = identityName(grant);
  return await attempt({ doing: `look for the identity ${name}`, effect: 'reads', needs: NEEDS }, () =>
    orNull(arm.msi.userAssignedIdentities.get(group, name, { abortSignal: signal })),
  );
}

export function isOwn({ tags }: Identity, owner: string, grant: GrantId): boolean {
  return tags?.[OWNER_TAG] === owner && tags[GRANT_TAG] === grant;
}

/** From now on nobody becomes this identity any more; tokens that are out stay. */
export async function endTrust({ arm, signal }: Reach, group: string, grant: GrantId): Promise<void> {
  const name = identityName(grant);
  await attempt({ doing: `end the trust of ${name}`, effect: 'writes', needs: NEEDS }, () =>
    orNull(arm.msi.federatedIdentityCredentials.delete(group, name, FEDERATION, { abortSignal: signal })),
  );
}

export async function deleteIdentity({ arm, signal }: Reach, group: string, grant: GrantId): Promise<void> {
  const name = identityName(grant);
  await attempt({ doing: `delete the identity ${name}`, effect: 'writes', needs: NEEDS }, () =>
    orNull(arm.msi.userAssignedIdentities.delete(group, name, { abortSignal: signal })),
  );
}

/** The grants of this broker that have an identity in the group, and until when, epoch ms. */
export async function listIdentities(
  { arm, owner, signal }: Reach,
  group: string,
): Promise<ReadonlyMap<GrantId, number>> {
  return await attempt({ doing: `list the identities in ${group}`, effect: 'reads', needs: NEEDS }, async () => {
    const found = new Map<GrantId, number>();
    for await (const one of arm.msi.userAssignedIdentities.listByResourceGroup(group, { abortSignal: signal })) {
      const grant = one.tags?.[GRANT_TAG] ?? '';
      if (!isGrantId(grant) || !isOwn(one, owner, grant) || one.name !== identityName(grant)) continue;
      const until = Date.parse(one.tags?.[UNTIL_TAG] ?? '');
      found.set(grant, Number.isNaN(until) ? 0 : until);
    }
    return found;
  });
}

/** A statement that makes its holder the identity. @param seconds of its life. */
export async function assertionFor(
  signer: TokenSigner,
  how: { readonly grant: GrantId; readonly clientId: string; readonly seconds: number },
): Promise<Secret<ClientAssertion>> {
  const clientId = how.clientId.toLowerCase();
  // Tools that read it from a file have to be told whom it speaks for; Entra ID does not look at this claim.
  const claims = { aud: EXCHANGE_AUDIENCE, sub: subjectOf(how.grant), client_id: clientId };
  const token = await signer.sign(claims, how.seconds);
  return new Secret({ clientId, assertion: token.expose() });
}

/**
 * Throws `ERR_CONFIG` where Microsoft's Entra ID would take no token of this issuer: it verifies RSA signatures only
 * (`AADSTS5002738`). Asked before anything is decided, since everything else would work until somebody needs it.
 */
export async function demandTrusted(signer: TokenSigner, { access, recipient, name }: AzureTarget): Promise<void> {
  const needed = access.credentials === 'federation' || recipient.kind === 'identity';
  if (!needed || access.authority !== null) return;
  const sample = await signer.sign({ aud: 'jit', sub: 'jit' }, 1);
  const [header = ''] = sample.expose().split('.', 1);
  if (/"alg":"(?:RS|PS)\d{3}"/.test(Buffer.from(header, 'base64url').toString('utf8'))) return;
  throw new JitError({
    code: 'ERR_CONFIG',
    message: `target ${name}: entra id takes tokens with RSA signatures only, and the issuer of this broker signs otherwise`,
    hint: 'have it sign with RSA: jit-broker keys rotate --algorithm RS256 (or use credentials ambient with principal requester)',
  });
}

async function orNull<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (thrown) {
    if (thrown instanceof Error && 'statusCode' in thrown && thrown.statusCode === 404) return null;
    throw thrown;
  }
}
