/**
 * Certificates for tests, made by openssl.
 * @module
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { run } from './run.ts';

export interface MadeCertificate {
  readonly cert: string;
  /** 0600. */
  readonly key: string;
}

/** A certificate that vouches for itself, for localhost and 127.0.0.1, in `<folder>/<name>.crt` and `.key`. */
export async function makeCertificate(
  folder: string,
  name: string,
  { days = 365, algorithm = 'ec', names = 'DNS:localhost,IP:127.0.0.1' } = {},
): Promise<MadeCertificate> {
  const made = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  const kind = algorithm === 'ec' ? ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : [algorithm];
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`, '-days', String(days)];
  const args = ['req', '-x509', '-nodes', '-newkey', ...kind, '-keyout', made.key, '-out', made.cert, ...subject];
  const ended = await run('openssl', args);
  assert.equal(ended.status, 0, ended.stderr);
  return made;
}
