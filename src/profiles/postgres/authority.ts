/**
 * The file with the certificates by which a database is recognised.
 * @module
 */
import { stat } from 'node:fs/promises';
import { writeSecretFile } from '../../local/secret-files.ts';
import type { Checked } from './settings.ts';

/** Where a grant's own authority lies: beside its secret, so that it goes with it. */
export function authorityFile(secretFile: string): string {
  return `${secretFile}.ca.pem`;
}

// Where systems keep the authorities that they trust, as one file; the first that is there is used.
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * A value for libpq's `sslrootcert`, or null where it is to be left out. Without an authority of the broker's, what the user
 * trusts for databases counts (`roots`, where libpq looks by itself), else what the machine trusts. libpq can be told
 * the latter as `system` from version 16 on; a file serves every version.
 * @param end epoch ms: when the file may go. Throws `ERR_LOCAL_FILE`.
 */
export async function trustedRoots(
  { tls, authority }: Pick<Checked, 'tls' | 'authority'>,
  { secretFile, roots, end }: { readonly secretFile: string; readonly roots: string; readonly end: number },
): Promise<string | null> {
  if (tls === 'disable') return null;
  if (authority !== null) return await put(secretFile, authority, end);
  if (tls === 'require' || (await isFile(roots))) return null;
  for (const path of BUNDLES) if (await isFile(path)) return path;
  const { getCACertificates } = await import('node:tls');
  return await put(secretFile, getCACertificates('system').join('\n'), end);
}

async function put(secretFile: string, pem: string, end: number): Promise<string> {
  const path = authorityFile(secretFile);
  await writeSecretFile(path, pem, end);
  return path;
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
