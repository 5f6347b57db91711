/**
 * Randomness for ids, drawn from the system in larger portions: each draw costs a system call.
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { Random } from '../core/ports.ts';

const PORTION = 4_096;

/** Each byte is given out once. */
export function pooledRandom(): Random {
  let pool = randomBytes(PORTION);
  return (bytes) => {
    if (bytes > PORTION) return randomBytes(bytes);
    if (pool.length < bytes) pool = randomBytes(PORTION);
    const taken = pool.subarray(0, bytes);
    pool = pool.subarray(bytes);
    return taken;
  };
}
