/**
 * The part of the configuration that says who may sign in, and for how long.
 * @module
 */
import * as z from 'zod';
import { awsIssuers, awsProviderSchema } from '../../identity/aws/config.ts';
import { identityProviderSchema, issuerOf } from '../../identity/verify/config.ts';
import { duration } from './duration.ts';

export const sessionsSchema = z
  .strictObject({
    /** The end of a session, however often its tokens are renewed. */
    length: duration(60, 7 * 86_400).default(12 * 3_600),
    /** Life of one access token. */
    token: duration(30, 3_600).default(600),
    /** How old a word of the identity provider may be when something is issued on it. Clocks may differ by as much. */
    word: duration(5, 300).default(30),
  })
  .prefault({});

/** By type. The order of the entries counts where several know the same identity. */
export const identitySchema = z.discriminatedUnion('type', [identityProviderSchema, awsProviderSchema]);

/**
 * An identity is an issuer and a subject. So nobody but AWS vouches under the issuer of an `aws` entry, where a subject that
 * somebody chose could be the id of a role. Entries of AWS may share one: its ids are never given twice.
 */
export function demandOwnIssuers(identity: Readonly<Record<string, IdentityConfig>>, context: z.RefinementCtx): void {
  const owners = new Map<string, string>();
  for (const [name, entry] of Object.entries(identity)) {
    if (entry.type === 'aws') for (const issuer of awsIssuers(entry)) owners.set(issuer, name);
  }
  for (const [name, entry] of Object.entries(identity)) {
    const owner = entry.type === 'aws' ? undefined : owners.get(issuerOf(entry));
    if (owner === undefined) continue;
    context.addIssue({
      code: 'custom',
      path: [name],
      message: `it has the issuer of ${owner}, so that its subjects could pass for identities of AWS: give ${owner} an issuer of its own`,
    });
  }
}

export type IdentityConfig = z.infer<typeof identitySchema>;
export type SessionsConfig = Readonly<z.infer<typeof sessionsSchema>>;
