/**
 * The AWS session of a live grant, for what jit itself makes of it: an address of the console, a token for a cluster.
 * @module
 */
import * as z from 'zod';
import type { AwsKeys } from '../core/credential.ts';
import { JitError } from '../core/errors.ts';
import type { GrantId } from '../core/ids.ts';
import { Secret } from '../core/secret.ts';
import { credentialThroughKeeper } from '../keeper/credential.ts';
import type { Context } from './context.ts';
import { profilesHere } from './sweep.ts';

export interface AwsSession {
  readonly target: string;
  readonly region: string;
  /** Null for AWS itself. */
  readonly endpoint: string | null;
  readonly keys: Secret<AwsKeys>;
  /** Epoch ms, after which nothing made of it may be used. */
  readonly notAfter: number;
}

const line = z.string().min(1).max(8_192);
const document = z.object({
  target: line,
  aws: z.object({
    region: line,
    endpoint: line.nullable(),
    AccessKeyId: line,
    SecretAccessKey: line,
    SessionToken: line,
  }),
});

/**
 * @param target null where the grant has one only.
 * Throws `ERR_GRANT_ENDED`, `ERR_TARGET` where that target hands out nothing of AWS, and what broker and keeper throw.
 */
export async function awsSession(context: Context, id: GrantId, target: string | null): Promise<AwsSession> {
  const handedOut = await credentialThroughKeeper({
    keeper: () => context.keeper(),
    grant: id,
    format: 'json',
    ...(target === null ? {} : { target }),
    broker: () => context.broker(),
    profiles: () => profilesHere(context, id),
  });
  const { output, notAfter } = handedOut.expose();
  const parsed = document.safeParse(JSON.parse(output));
  if (!parsed.success) {
    throw new JitError({ code: 'ERR_TARGET', message: 'that target hands out no credentials of AWS', subject: id });
  }
  if (context.now() >= notAfter) {
    throw new JitError({ code: 'ERR_GRANT_ENDED', message: 'the credential ran out on its way here', subject: id });
  }
  const { AccessKeyId, SecretAccessKey, SessionToken, region, endpoint } = parsed.data.aws;
  const keys = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  return { target: parsed.data.target, region, endpoint, keys: new Secret(keys), notAfter };
}
