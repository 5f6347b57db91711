/**
 * Long secrets in a keychain that keeps only short ones: the Windows Credential Manager takes 2,560 bytes in an entry
 * (CRED_MAX_CREDENTIAL_BLOB_SIZE in wincred.h), and the tokens of some identity providers are longer.
 *
 * The entry of such a secret says how many parts there are; they lie beside it, in one of two sets that take turns, so
 * that a write that is cut off leaves the old secret whole, and the next one clears away what it left.
 * @module
 */
import { createHash } from 'node:crypto';

/** The calls of keytar, for one service. */
export interface Entries {
  get(account: string): Promise<string | null>;
  set(account: string, text: string): Promise<void>;
  delete(account: string): Promise<void>;
}

const MARK = 'jit.parts/v1';
const HEAD = /^jit\.parts\/v1:([ab]):(\d{1,4}):([0-9a-f]{64})$/;
const TRIES = 3;

interface Head {
  readonly turn: 'a' | 'b';
  readonly count: number;
  readonly sum: string;
}

/** @returns null where there is no such secret. Throws `RangeError` where parts of it are missing. */
export async function readWhole(entries: Entries, account: string): Promise<string | null> {
  for (let attempt = 1; ; attempt += 1) {
    const first = await entries.get(account);
    const head = headOf(first);
    if (head === null) return first;
    const parts: string[] = [];
    for (let at = 0; at < head.count; at += 1) parts.push((await entries.get(partOf(account, head.turn, at))) ?? '');
    const text = Buffer.from(parts.join(''), 'base64').toString('utf8');
    if (sumOf(text) === head.sum) return text;
    // Another process may have been replacing it.
    if (attempt === TRIES) throw new RangeError('parts of a secret are missing: sign in again');
  }
}

/** @param longest bytes that one entry takes. */
export async function writeWhole(entries: Entries, account: string, text: string, longest: number): Promise<void> {
  const before = headOf(await entries.get(account));
  if (Buffer.byteLength(text) <= longest && !text.startsWith(MARK)) {
    await entries.set(account, text);
  } else {
    const turn = before?.turn === 'a' ? 'b' : 'a';
    await clear(entries, account, turn);
    const encoded = Buffer.from(text, 'utf8').toString('base64');
    const count = Math.ceil(encoded.length / longest);
    for (let at = 0; at < count; at += 1) {
      await entries.set(partOf(account, turn, at), encoded.slice(at * longest, (at + 1) * longest));
    }
    await entries.set(account, [MARK, turn, count, sumOf(text)].join(':'));
  }
  if (before !== null) await clear(entries, account, before.turn);
}

/** What is not there is no error. The parts go first: they are the secret, and their entry is the way to them. */
export async function removeWhole(entries: Entries, account: string): Promise<void> {
  for (const turn of ['a', 'b'] as const) await clear(entries, account, turn);
  await entries.delete(account);
}

async function clear(entries: Entries, account: string, turn: Head['turn']): Promise<void> {
  // From the last to the first: cut off in between, the next look still finds those that are left.
  let count = 0;
  while ((await entries.get(partOf(account, turn, count))) !== null) count += 1;
  for (let at = count - 1; at >= 0; at -= 1) await entries.delete(partOf(account, turn, at));
}

function headOf(text: string | null): Head | null {
  const [, turn, count, sum] = HEAD.exec(text ?? '') ?? [];
  if ((turn !== 'a' && turn !== 'b') || sum === undefined) return null;
  return { turn, count: Number(count), sum };
}

function partOf(account: string, turn: Head['turn'], at: number): string {
  return `${account}/${MARK}/${turn}/${at}`;
}

function sumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
