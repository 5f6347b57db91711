/**
 * The key that a client and the Secret Service agree on, so that a secret does not cross the bus in plain: whoever logs
 * the bus for support would have it in the log.
 * Source: Secret Service API 0.2, "Transfer of Secrets": dh-ietf1024-sha256-aes128-cbc-pkcs7. It is against listeners
 * only; a service in the middle could read all, and so can every program of this user by asking.
 * @module
 */
import { createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Secret } from '../../core/secret.ts';

/** The name under which the service knows this way of agreeing. */
export const ALGORITHM = 'dh-ietf1024-sha256-aes128-cbc-pkcs7';

/** One side of an agreement, good for one conversation. */
export interface Agreement {
  /** 128 bytes, big endian, for the other side. */
  readonly publicKey: Buffer;
  /** Opens what the service sealed. Throws where the key, the parameters or the bytes do not fit. */
  open(sealed: { readonly iv: Buffer; readonly value: Buffer }, theirs: Buffer): Secret<string>;
}

// RFC 2409, section 6.2: the Second Oakley Group. Node's own DiffieHellman proves this prime anew each time, in 30 ms.
const PRIME = BigInt(
  '0xffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd' +
    'ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed' +
    'ee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff',
);
const GENERATOR = 2n;
const BYTES = 128;
/** Twice the 80 bits of strength that the group has at most. */
const EXPONENT_BYTES = 32;

/** A fresh key pair. */
export function agree(): Agreement {
  const mine = numberOf(randomBytes(EXPONENT_BYTES));
  return {
    publicKey: bytesOf(power(GENERATOR, mine)),
    open: ({ iv, value }, theirs) => {
      const peer = numberOf(theirs);
      // 0, 1 and -1 would make the key a constant.
      if (peer <= 1n || peer >= PRIME - 1n) throw new RangeError('not a public key of this group');
      const key = Buffer.from(hkdfSync('sha256', bytesOf(power(peer, mine)), Buffer.alloc(0), Buffer.alloc(0), 16));
      const decipher = createDecipheriv('aes-128-cbc', key, iv);
      return new Secret(Buffer.concat([decipher.update(value), decipher.final()]).toString('utf8'));
    },
  };
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = (result * square) % PRIME;
    square = (square * square) % PRIME;
  }
  return result;
}

function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x0${bytes.toString('hex')}`);
}

function bytesOf(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(BYTES * 2, '0'), 'hex');
}
