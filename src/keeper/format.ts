/**
 * A credential in the form that a tool reads.
 * @module
 */
import type { IssuedCredential } from '../client/client.ts';
import type { AwsKeys, AwsSettings } from '../core/credential.ts';
import { JitError } from '../core/errors.ts';
import type { Format } from './protocol.ts';

/**
 * - `aws`: what a `credential_process` prints, https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
 * - `kubernetes`: an ExecCredential, https://kubernetes.io/docs/reference/access-authn-authz/authentication/#input-and-output-formats
 * - `gcp`: a token response (RFC 6749, section 5.1)
 * - `azure`: the client assertion and whom it speaks for
 * - `postgres`: what a password file holds, https://www.postgresql.org/docs/current/libpq-pgpass.html
 *
 * Throws `ERR_TARGET` for a credential of another kind.
 * @param notAfter epoch ms, after which no tool may use it; written into every form that has a place for it.
 * @param now epoch ms.
 */
export function formatCredential(issued: IssuedCredential, format: Format, notAfter: number, now: number): string {
  if (format === 'json') return jsonForm(issued, notAfter);
  const { credential, tool } = issued;
  if (credential.kind !== format) throw otherKind(issued, format);
  switch (credential.kind) {
    case 'aws':
      return JSON.stringify(processForm(credential.secret.expose(), tool, notAfter));
    case 'kubernetes':
      return JSON.stringify({
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        status: { token: credential.secret.expose().token, expirationTimestamp: rfc3339(notAfter) },
      });
    case 'gcp':
      return JSON.stringify({
        access_token: credential.secret.expose().token,
        token_type: 'Bearer',
        expires_in: Math.max(0, Math.floor((notAfter - now) / 1_000)),
      });
    case 'azure':
      return JSON.stringify(credential.secret.expose());
    case 'postgres':
      return passLines(issued);
    default:
      return credential satisfies never;
  }
}

/**
 * What a container credentials endpoint answers: the names of `credential_process`, but `Token`. The form is that of
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */
export function formatContainer(issued: IssuedCredential, notAfter: number): string {
  const { credential, tool } = issued;
  if (credential.kind !== 'aws') throw otherKind(issued, 'aws');
  const form = processForm(credential.secret.expose(), tool, notAfter);
  const { AccessKeyId, SecretAccessKey, SessionToken: Token, Expiration, AccountId } = form;
  return JSON.stringify({ AccessKeyId, SecretAccessKey, Token, Expiration, AccountId });
}

/** What a tool reads that can ask nobody, or null for the kinds whose tools can. */
export function fileForm(issued: IssuedCredential): string | null {
  const { credential } = issued;
  switch (credential.kind) {
    case 'postgres':
      return `${passLines(issued)}\n`;
    case 'gcp':
      return credential.secret.expose().token;
    case 'azure':
      return credential.secret.expose().assertion;
    case 'aws':
    case 'kubernetes':
    case 'own':
      return null;
    default:
      return credential satisfies never;
  }
}

function processForm(keys: AwsKeys, tool: IssuedCredential['tool'], notAfter: number) {
  return {
    Version: 1,
    AccessKeyId: keys.accessKeyId,
    SecretAccessKey: keys.secretAccessKey,
    SessionToken: keys.sessionToken,
    Expiration: rfc3339(notAfter),
    AccountId: tool.kind === 'aws' ? tool.account : '',
  };
}

function jsonForm({ target, tool, credential }: IssuedCredential, notAfter: number): string {
  const head = { schema: 'jit.credential/v1', target, expiresAt: rfc3339(notAfter) };
  if (credential.kind === 'own') return JSON.stringify({ ...head, own: publicPart(tool) });
  if (credential.kind === 'aws') {
    return JSON.stringify({
      ...head,
      aws: { ...publicPart(tool), ...processForm(credential.secret.expose(), tool, notAfter) },
    });
  }
  return JSON.stringify({ ...head, [credential.kind]: { ...publicPart(tool), ...credential.secret.expose() } });
}

function publicPart(tool: IssuedCredential['tool']): object {
  if (tool.kind === 'aws') return awsPart(tool);
  const { kind: _, ...rest } = tool;
  return rest;
}

// The account stands in the credential itself, under the name that the SDKs give it.
const awsPart = ({ region, endpoint }: AwsSettings): object => ({ region, endpoint });

/** `hostname:port:database:username:password`, with a backslash before each colon and backslash of a field. */
function passLines({ credential, tool }: IssuedCredential): string {
  if (credential.kind !== 'postgres' || tool.kind !== 'postgres') return '';
  const { user, password } = credential.secret.expose();
  // A socket in the folder that libpq was built with is looked up under this name, any other under its folder.
  const hosts = tool.host.startsWith('/') ? [tool.host, 'localhost'] : [tool.host];
  const escaped = (field: string): string => field.replaceAll(/[\\:]/g, '\\$&');
  const rest = `${tool.port}:*:${escaped(user)}:${escaped(password)}`;
  return hosts.map((host) => `${escaped(host)}:${rest}`).join('\n');
}

function otherKind({ target, credential }: IssuedCredential, format: Format): JitError {
  const hint =
    credential.kind === 'own'
      ? 'nothing is handed out there: the access belongs to your own identity, so use the tool as you are signed in'
      : `use: --format ${credential.kind}`;
  return new JitError({
    code: 'ERR_TARGET',
    message: `target ${target} hands out nothing in the form ${format}`,
    hint,
  });
}

// Whole seconds, rounded down: some SDKs parse no fractions.
function rfc3339(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}
