/**
 * The password of a login role, and the form in which the server is given it: never in clear, so that no log of statements has it.
 * @module
 */
import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import type { Random } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';

/** 192 bits, 32 characters of the base64url alphabet, which SASLprep (RFC 4013) leaves as they are. */
const PASSWORD_BYTES = 24;
const SALT_BYTES = 16;
/** PostgreSQL's own number. The password is random, so that more would protect nothing. */
const ITERATIONS = 4_096;

const derive = promisify(pbkdf2);

export function newPassword(random: Random): Secret<string> {
  return new Secret(Buffer.from(random(PASSWORD_BYTES)).toString('base64url'));
}

/**
 * A SCRAM-SHA-256 verifier (RFC 5802 section 3 and RFC 7677), in the form in which PostgreSQL stores one and takes one in place
 * of a password (manual, catalog pg_authid). Who knows it cannot log in with it.
 */
export async function verifierOf(password: Secret<string>, random: Random): Promise<string> {
  const salt = Buffer.from(random(SALT_BYTES));
  const salted = await derive(password.expose(), salt, ITERATIONS, 32, 'sha256');
  const keyed = (text: string): Buffer => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(keyed('Client Key')).digest('base64');
  const server = keyed('Server Key').toString('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored}:${server}`;
}
