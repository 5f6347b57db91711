/**
 * The part of the configuration that says who may sign in, and for how long.
 * @module
 */
import * as z from 'zod';
import { awsProviderSchema } from '../../identity/aws/config.ts';
import { identityProviderSchema } from '../../identity/verify/config.ts';
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

export type IdentityConfig = z.infer<typeof identitySchema>;
export type SessionsConfig = Readonly<z.infer<typeof sessionsSchema>>;
