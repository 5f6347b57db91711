/**
 * Authorities that a broker sends for a tool to trust.
 * @module
 */
import { X509Certificate } from 'node:crypto';

const LONGEST = 100_000;
const BLOCKS = /-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g;

/**
 * Whether a text is certificates in PEM (RFC 7468) and holds no block of anything else. Words between the blocks, as bundles
 * have them, mean nothing to the tools; what could move a terminal is refused all the same.
 */
export function isAuthority(pem: string): boolean {
  if (pem.length > LONGEST || /[^\P{Cc}\t\r\n]|[\p{Cs}\p{Cf}]/u.test(pem)) return false;
  const blocks = [...pem.matchAll(BLOCKS)];
  const dashes = pem.match(/-----/g) ?? [];
  if (blocks.length === 0 || dashes.length !== blocks.length * 4) return false;
  try {
    for (const [block, label] of blocks) {
      if (label !== 'CERTIFICATE') return false;
      void new X509Certificate(block);
    }
    return true;
  } catch {
    return false;
  }
}
