/**
 * The AWS credentials that a client runs under, for as long as it takes to sign with them.
 * @module
 */
import { JitError } from '../../core/errors.ts';

/** Credentials in the form of the SDK. */
export interface SdkKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Asked for each proof, so that credentials can change. */
export type AwsCredentials = () => Promise<SdkKeys>;

/** The SDK's default chain. Its providers read the environment, files and metadata services when they are asked. */
export async function defaultCredentials(region: string): Promise<AwsCredentials> {
  const { fromNodeProviderChain } = await import('@aws-sdk/credential-providers');
  return fromNodeProviderChain({ clientConfig: { region } });
}

/** Throws `ERR_NOT_SIGNED_IN` where there are none. The SDK's own words are the cause: they can name files and profiles. */
export async function readCredentials(source: AwsCredentials | null, region: string): Promise<SdkKeys> {
  try {
    return await (source ?? (await defaultCredentials(region)))();
  } catch (thrown) {
    throw new JitError({
      code: 'ERR_NOT_SIGNED_IN',
      message: 'there are no AWS credentials to prove an identity with',
      hint: 'see what the AWS tools find with: aws sts get-caller-identity',
      cause: thrown,
    });
  }
}
