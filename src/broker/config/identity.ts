/**
 * The part of the configuration that says who may sign in, and for how long.
 * @module
 */
import * as z from 'zod';
import { parseDuration } from '../../core/duration.ts';
import { JitError } from '../../core/errors.ts';
import { awsProviderSchema } from '../../identity/aws/config.ts';
import { identityProviderSchema } from '../../identity/verify/config.ts';

/** A duration as people write it, in whole seconds. */
function duration(least: number, most: number): z.ZodType<number, string> {
  return z.string().transform((text, context) => {
    try {
      const seconds = parseDuration(text);
      if (seconds >= least && seconds <= most) return seconds;
      context.addIssue({ code: 'custom', message: `from ${least}s to ${most}s` });
    } catch (thrown) {
      if (!(thrown instanceof JitError)) throw thrown;
      context.addIssue({ code: 'custom', message: thrown.hint ?? thrown.message });
    }
    return z.NEVER;
  });
}

/** The call that follows a confirmation must fit in. */
const SHORTEST_RECHECK = 2;

export const sessionsSchema = z
  .strictObject({
    /** The end of a session, however often its tokens are renewed. */
    length: duration(60, 7 * 86_400).default(12 * 3_600),
    /** Life of one access token. */
    token: duration(30, 3_600).default(600),
    /** How long ago the identity provider may have vouched when something is issued. */
    recheck: duration(SHORTEST_RECHECK, 3_600).default(30),
  })
  .prefault({});

/** By type. The order of the entries counts where several know the same identity. */
export const identitySchema = z.discriminatedUnion('type', [identityProviderSchema, awsProviderSchema]);

export type IdentityConfig = z.infer<typeof identitySchema>;
export type SessionsConfig = Readonly<z.infer<typeof sessionsSchema>>;
