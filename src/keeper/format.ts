/**
 * A credential in the form that a tool reads.
 * @module
 */
import type { IssuedCredential } from '../client/client.ts';
import type { Format } from './protocol.ts';

/**
 * `aws`: what a `credential_process` prints, https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
 * @param notAfter epoch ms, written as `Expiration`, after which no SDK uses it and asks again.
 */
export function formatCredential(issued: IssuedCredential, format: Format, notAfter: number): string {
  const keys = issued.credential.keys.expose();
  const process = {
    Version: 1,
    AccessKeyId: keys.accessKeyId,
    SecretAccessKey: keys.secretAccessKey,
    SessionToken: keys.sessionToken,
    Expiration: rfc3339(notAfter),
    AccountId: issued.tool.account,
  };
  if (format === 'aws') return JSON.stringify(process);
  const { target, tool } = issued;
  return JSON.stringify({
    schema: 'jit.credential/v1',
    target,
    expiresAt: rfc3339(notAfter),
    aws: { region: tool.region, endpoint: tool.endpoint, ...process },
  });
}

/**
 * What a container credentials endpoint answers: the names of `credential_process`, but `Token`. The form is that of
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */
export function formatContainer(issued: IssuedCredential, notAfter: number): string {
  const keys = issued.credential.keys.expose();
  return JSON.stringify({
    AccessKeyId: keys.accessKeyId,
    SecretAccessKey: keys.secretAccessKey,
    Token: keys.sessionToken,
    Expiration: rfc3339(notAfter),
    AccountId: issued.tool.account,
  });
}

// Whole seconds, rounded down: some SDKs parse no fractions.
function rfc3339(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}
