/**
 * Both proofs as a workload's source asks for them: where this process runs, and under which credentials.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Random } from '../../core/ports.ts';
import type { AwsProofs } from '../workload/aws.ts';
import { type Env, variable } from '../workload/source.ts';
import type { AwsCredentials } from './credentials.ts';
import { signCallerIdentity } from './sign.ts';
import { getWebIdentityToken } from './web-identity.ts';

export interface AwsProofsParts {
  readonly random: Random;
  /** Epoch ms. */
  readonly now: () => number;
  /** The issuers of the JWTs that the broker takes, as its sign-in document lists them under `jwt`. */
  readonly issuers: readonly string[];
  /** Null for the default chain of the SDK. */
  readonly credentials: AwsCredentials | null;
  /** See `WebIdentityParts`. */
  readonly endpoint: string | null;
}

export function awsProofs({ random, now, issuers, credentials, endpoint }: AwsProofsParts): AwsProofs {
  return {
    webIdentityToken: async ({ audience, env, signal }) => {
      if (issuers.length === 0) return null;
      const limit = signal === undefined ? {} : { signal };
      return await getWebIdentityToken({
        audience,
        region: await regionOf(env),
        issuers,
        credentials,
        endpoint,
        ...limit,
      });
    },
    callerIdentity: async ({ audience, env, binding: { nonce, keyThumbprint, body } }) =>
      await signCallerIdentity({
        audience,
        nonce,
        keyThumbprint,
        body,
        region: await regionOf(env),
        credentials,
        random,
        now,
      }),
  };
}

/**
 * `AWS_REGION` is what AWS's own services set, `AWS_DEFAULT_REGION` what the aws program reads; then the SDK's own look
 * into the profile. Throws `ERR_NOT_SIGNED_IN` where nothing says it.
 */
export async function regionOf(env: Env): Promise<string> {
  const named = variable(env, 'AWS_REGION') ?? variable(env, 'AWS_DEFAULT_REGION');
  if (named !== undefined) return named;
  const { STSClient } = await import('@aws-sdk/client-sts');
  try {
    return await new STSClient({}).config.region();
  } catch (thrown) {
    throw new JitError({
      code: 'ERR_NOT_SIGNED_IN',
      message: 'nothing says in which AWS region this runs',
      hint: 'set AWS_REGION to one that the broker lists, such as eu-west-1',
      cause: thrown,
    });
  }
}
