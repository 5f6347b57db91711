/**
 * AWS: a token of its own for the caller where the account gives those out, otherwise a signed request that the broker sends on.
 * @module
 */
import type { Secret } from '../../core/secret.ts';
import { bounded } from './bounded.ts';
import { JWT, type WorkloadAsk, type WorkloadSource, variable } from './source.ts';

export interface AwsProofs {
  /**
   * A JWT of sts:GetWebIdentityToken with the one audience; null where the account has outbound web identity federation
   * switched off, or the caller may not use it. Throws as `WorkloadSource.fetch` does.
   */
  readonly webIdentityToken: (ask: WorkloadAsk) => Promise<Secret<string> | null>;
  /** A signed request to GetCallerIdentity that covers `ask.binding`. Throws as `WorkloadSource.fetch` does. */
  readonly callerIdentity: (ask: WorkloadAsk) => Promise<Secret<string>>;
}

/**
 * Found by the variables that AWS sets in its own services. Keys in variables or files may be anybody's, a person's among
 * them, and a machine of EC2 sets nothing: there it is chosen by name.
 */
export function awsSource(proofs: AwsProofs, limitMs: number): WorkloadSource {
  const label = 'AWS';
  return {
    name: 'aws',
    label,
    detect: (env) => {
      const set = (name: string): boolean => variable(env, name) !== undefined;
      return (
        set('AWS_LAMBDA_FUNCTION_NAME') ||
        set('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI') ||
        (set('AWS_WEB_IDENTITY_TOKEN_FILE') && set('AWS_ROLE_ARN')) ||
        isPodIdentity(variable(env, 'AWS_CONTAINER_CREDENTIALS_FULL_URI'))
      );
    },
    fetch: ({ signal, ...ask }) =>
      bounded({ label, signal, limitMs }, async (limited) => {
        const limitedAsk = { ...ask, signal: limited };
        const token = await proofs.webIdentityToken(limitedAsk);
        if (token !== null) return { token, type: JWT, renewal: 'on demand' };
        return {
          token: await proofs.callerIdentity(limitedAsk),
          type: 'urn:jit:token-type:aws-caller-identity',
          renewal: 'on demand',
        };
      }),
  };
}

/**
 * The agent of EKS. An endpoint on this machine is none of AWS: jit itself gives one to the commands that it runs, and what
 * was granted for a task must not become the identity that asks for more.
 * https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
 */
function isPodIdentity(address: string | undefined): boolean {
  const host = address === undefined ? undefined : URL.parse(address)?.hostname;
  return host === '169.254.170.23' || host === '[fd00:ec2::23]';
}
