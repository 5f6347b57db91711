/**
 * A short token of a service account, narrowed to objects and buckets before anybody sees it.
 * @module
 */
import { z } from 'zod';
import type { BearerToken } from '../../core/credential.ts';
import { Secret } from '../../core/secret.ts';
import { tried } from './account-token.ts';
import type { AccountOrder, AccountTokens } from './account-token.ts';
import type { Caller } from './calls.ts';
import { strange } from './calls.ts';
import { boundaryCondition, tooLarge } from './condition.ts';
import type { Pick } from './narrow.ts';

/** STS API v1, AccessBoundary: "at most 10 rules"; Options: "the size of the parameter value should not exceed 2048 characters". */
const MOST_RULES = 10;
const LONGEST_BOUNDARY = 2_048;

/** An upper bound of what a token may do (STS API v1, GoogleIdentityStsV1AccessBoundary). */
export interface Boundary {
  readonly accessBoundary: { readonly accessBoundaryRules: readonly Rule[] };
}

interface Rule {
  readonly availableResource: string;
  readonly availablePermissions: readonly string[];
  readonly availabilityCondition: { readonly expression: string };
}

export interface TokenOrder extends AccountOrder {
  readonly boundary: Boundary;
}

export interface StorageToken {
  readonly token: Secret<BearerToken>;
  /** Epoch ms, as Google says it. */
  readonly expiresAt: number;
}

const EXCHANGED = z.object({
  access_token: z
    .string()
    .min(1)
    .transform((token) => new Secret<BearerToken>({ token })),
  token_type: z.string().regex(/^bearer$/i),
});

/** One rule for each role at each bucket. Throws `ERR_PERMISSION_SIZE` where Google would not take it. */
export function boundaryOf(picks: readonly Pick[]): Boundary {
  const rules = picks.flatMap(({ facts, places }) => {
    const buckets = Map.groupBy(places, ({ name }) => name.split('/', 4).join('/'));
    return [...buckets].map(([bucket, members]): Rule => ({
      availableResource: `//storage.googleapis.com/${bucket}`,
      availablePermissions: [`inRole:${facts.role}`],
      availabilityCondition: { expression: boundaryCondition(members) },
    }));
  });
  if (rules.length > MOST_RULES)
    throw tooLarge('google takes 10 rules in one boundary: a rule for each role at each bucket');
  const boundary = { accessBoundary: { accessBoundaryRules: rules } };
  if (JSON.stringify(boundary).length > LONGEST_BOUNDARY)
    throw tooLarge('google takes 2,048 characters in one boundary');
  return boundary;
}

/** Narrows what `accountTokens` makes. Fails as the port of providers promises for `issue`. */
export function storageTokens({ call, accountToken }: { readonly call: Caller; readonly accountToken: AccountTokens }) {
  return async (order: TokenOrder, signal: AbortSignal): Promise<StorageToken> => {
    const { account, boundary } = order;
    const { endpoint } = order.reach;
    const { token: subjectToken, expiresAt } = await accountToken(order, signal);
    const fields = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      options: JSON.stringify(boundary),
    };
    const body = { type: 'form', value: { fields, subjectToken } } as const;
    const exchanged = EXCHANGED.safeParse(
      await tried(
        call,
        { api: 'sts', endpoint, path: '/v1/token', body, token: null, again: 'once' },
        {
          doing: `narrow a token of ${account}`,
          needs: 'see the boundary with --plan; the buckets need uniform bucket-level access',
        },
        signal,
      ),
    );
    if (!exchanged.success) throw strange('without a narrowed token');
    return { token: exchanged.data.access_token, expiresAt };
  };
}
