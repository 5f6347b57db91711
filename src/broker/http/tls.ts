/**
 * The certificate of a broker that speaks TLS itself: read with care, and read again when it is renewed.
 * @module
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { constants, type BigIntStats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { JitError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import { readAtMost } from '../../local/atomic.ts';
import { errnoOf, shellWord } from '../../local/fault.ts';
import { ownUid } from '../../local/private-dir.ts';
import type { Log } from '../service/log.ts';

/** PEM files; links are followed, since that is how certbot keeps them. */
export interface TlsFiles {
  /** The certificate, and behind it those that lead to its root. */
  readonly cert: string;
  readonly key: string;
  /** The host by which clients know this broker. */
  readonly host: string;
}

/** A certificate with the key that belongs to it. */
export interface TlsPair {
  readonly certificate: X509Certificate;
  readonly cert: Buffer;
  readonly key: Secret<Buffer>;
  /** Another once one of the files has been changed or replaced. */
  readonly mark: string;
}

const LARGEST = 1_048_576;
const LOOK_MS = 2_000;
const DAY_MS = 86_400_000;
const WARN_DAYS = 14;

/** Those of TLS 1.3, and of TLS 1.2 only with forward secrecy and authenticated encryption (RFC 9325, section 4.2). */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/**
 * Throws `ERR_CONFIG` for files that cannot be read or used, a key that others can read, and a key that does not belong to
 * the certificate. The certificate's dates are judged by `tlsWarnings`: a broker whose certificate has ended still revokes.
 */
export async function readTlsPair(files: TlsFiles): Promise<TlsPair> {
  const mark = await markOf(files);
  const cert = await readPem(files.cert, () => undefined);
  const key = await readPem(files.key, checkPrivate);
  const certificate = parse(files.cert, 'not a certificate in PEM form', () => new X509Certificate(cert));
  const privateKey = parse(files.key, keyProblem(key), () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) throw mismatch(files);
  const pair = { certificate, cert, key: new Secret(key), mark };
  parse(files.cert, `not usable for TLS (${describeKey(privateKey)})`, () => createSecureContext(tlsOptions(pair)));
  return pair;
}

/** Options of a server with this certificate: TLS 1.3, or 1.2 with what is sound in it. */
export function tlsOptions({ cert, key }: Pick<TlsPair, 'cert' | 'key'>): SecureContextOptions {
  return { cert, key: key.expose(), minVersion: 'TLSv1.2', ciphers: CIPHERS, honorCipherOrder: false };
}

/** What an operator should know about a certificate that can be used. */
export function tlsWarnings(
  { certificate }: Pick<TlsPair, 'certificate'>,
  host: string,
  now: number,
): readonly string[] {
  const { validFromDate, validToDate } = certificate;
  const left = validToDate.getTime() - now;
  const days = Math.floor(left / DAY_MS);
  const bare = host.replace(/^\[|\]$/g, '');
  const named = isIP(bare) === 0 ? certificate.checkHost(bare) : certificate.checkIP(bare);
  return [
    ...(left <= 0 ? [`the TLS certificate ended on ${validToDate.toISOString()}: no client accepts it`] : []),
    ...(left > 0 && left <= WARN_DAYS * DAY_MS
      ? [`the TLS certificate ends in ${days} days, on ${validToDate.toISOString()}`]
      : []),
    ...(validFromDate.getTime() > now ? [`the TLS certificate is valid only from ${validFromDate.toISOString()}`] : []),
    ...(named === undefined ? [`the TLS certificate is not for ${bare}, the host of the issuer`] : []),
  ];
}

/**
 * Looks at the files every two seconds and hands a renewed pair to `use`. While they do not fit together, as between the
 * two writes of a renewal, the old pair stays in use; what lasts is logged. Warnings are repeated daily.
 * @returns how to end it.
 */
export function followTlsPair(
  first: TlsPair,
  files: TlsFiles,
  parts: { readonly use: (pair: TlsPair) => void; readonly now: Clock; readonly log: Log },
): () => void {
  const { use, now, log } = parts;
  let pair = first;
  let warnedAt = Number.NEGATIVE_INFINITY;
  const faults: { last: string | null; logged: string | null } = { last: null, logged: null };
  const warn = (): void => {
    warnedAt = now();
    for (const text of tlsWarnings(pair, files.host, warnedAt)) log.warn(text, { file: files.cert });
  };
  const look = async (): Promise<void> => {
    try {
      if ((await markOf(files)) !== pair.mark) {
        const renewed = await readTlsPair(files);
        use(renewed);
        pair = renewed;
        log.info('the TLS certificate has been renewed', { until: pair.certificate.validToDate.toISOString() });
        warn();
      }
      faults.last = null;
      faults.logged = null;
    } catch (thrown) {
      const message = thrown instanceof JitError ? thrown.message : 'the TLS files cannot be used';
      if (message === faults.last && message !== faults.logged) {
        log.error('the TLS files are refused; the certificate read before stays in use', { message });
        faults.logged = message;
      }
      faults.last = message;
    }
    if (now() - warnedAt >= DAY_MS) warn();
  };
  warn();
  let timer: NodeJS.Timeout | null = null;
  const again = (): void => {
    timer = setTimeout(() => void look().finally(() => timer !== null && again()), LOOK_MS).unref();
  };
  again();
  return () => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
}

async function markOf({ cert, key }: TlsFiles): Promise<string> {
  const marks = [cert, key].map(async (file) => {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true }).catch(unreadable(file));
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  });
  return (await Promise.all(marks)).join(' ');
}

async function readPem(file: string, check: (file: string, found: BigIntStats) => void): Promise<Buffer> {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch(unreadable(file));
  try {
    const found = await handle.stat({ bigint: true });
    if (!found.isFile()) throw refuse(file, 'not a regular file');
    check(file, found);
    return await readAtMost(handle, file, LARGEST);
  } finally {
    await handle.close();
  }
}

function checkPrivate(file: string, { uid, mode }: BigIntStats): void {
  const own = ownUid();
  if (own === null) return;
  if (uid !== BigInt(own) && uid !== 0n) {
    throw refuse(file, 'belongs to another user', `make it yours with: sudo chown ${own} ${shellWord(file)}`);
  }
  if ((mode & 0o077n) !== 0n) {
    throw refuse(file, 'others can read this private key', `close it with: chmod 600 ${shellWord(file)}`);
  }
}

function parse<T>(file: string, problem: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw refuse(file, problem, undefined, cause);
  }
}

function keyProblem(key: Buffer): string {
  return key.includes('ENCRYPTED')
    ? 'protected by a passphrase: a key without one is needed'
    : 'not a private key in PEM form';
}

function describeKey({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string {
  return [type ?? 'unknown key', details?.modulusLength ?? details?.namedCurve ?? ''].join(' ').trim();
}

function mismatch({ cert, key }: TlsFiles): JitError {
  return refuse(key, `this private key does not belong to the certificate ${cert}`);
}

function unreadable(file: string): (cause: unknown) => never {
  return (cause) => {
    const code = errnoOf(cause);
    const hint = code === 'EACCES' ? 'give the broker a copy of its own, as deploy hooks of certbot do' : undefined;
    throw refuse(
      file,
      code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code ?? 'unknown'})`,
      hint,
      cause,
    );
  };
}

function refuse(file: string, problem: string, hint?: string, cause?: unknown): JitError {
  return new JitError({ code: 'ERR_CONFIG', message: `${file}: ${problem}`, hint, cause });
}
