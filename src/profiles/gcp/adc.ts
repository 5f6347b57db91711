/**
 * Application default credentials of one grant: a file with which Google's libraries get their tokens from the keeper.
 * @module
 */
import { readOwnFile } from '../../local/atomic.ts';
import { localFault } from '../../local/fault.ts';
import { writeSecretFile } from '../../local/secret-files.ts';
import type { Access } from '../tool.ts';

/**
 * A kind of file that the libraries take: they post what stands there as the refresh token to `token_url` whenever they need an
 * access token. All four of `refresh_token`, `token_url`, `client_id` and `client_secret` must be there for that; the keeper looks
 * at the first only. The audience names whose workforce it is, and is sent to nobody.
 * https://googleapis.dev/python/google-auth/latest/reference/google.auth.external_account_authorized_user.html
 */
const KIND = {
  type: 'external_account_authorized_user',
  audience: '//iam.googleapis.com/locations/global/workforcePools/jit/providers/jit',
  client_id: 'jit',
  client_secret: 'not-a-secret',
} as const;

const LONGEST_TOKEN = 256;

/**
 * Writes it beside the grant's secret, 0600, and it goes with that: without the keeper's token, which ends with the grant, it is
 * worth nothing. Throws `ERR_LOCAL_FILE`.
 * @returns its path.
 */
export async function writeDefaultCredentials({ endpoint, secretFile, expiresAt }: Access): Promise<string> {
  const token = (await readOwnFile(endpoint.tokenFile, LONGEST_TOKEN))?.toString('latin1') ?? '';
  if (!/^[\w-]+$/.test(token)) {
    const hint = 'the grant may have ended: see jit status';
    throw localFault(endpoint.tokenFile, 'the token of the grant is not there', hint);
  }
  const path = `${secretFile}.adc.json`;
  const content = { ...KIND, token_url: `${endpoint.url}/token`, refresh_token: token };
  await writeSecretFile(path, `${JSON.stringify(content, null, 2)}\n`, expiresAt);
  return path;
}
