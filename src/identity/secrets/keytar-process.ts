/**
 * A process that makes one call of keytar and ends. keytar waits for the keychain on a thread that nothing interrupts, so
 * that a process with a keychain that never answers cannot even exit; a process of its own can be killed.
 * @module
 */
import type { KeytarOrder, KeytarReport } from './keytar.ts';
import { type Entries, readWhole, removeWhole, writeWhole } from './parts.ts';

/** Whatever became of whoever started it, it does not stay: longer than a person needs for a dialog of the keychain. */
const LONGEST_MS = 60_000;

setTimeout(() => process.kill(process.pid, 'SIGKILL'), LONGEST_MS).unref();
process.once('message', (order) => {
  // Safe: the only other end of this channel is keytar.ts.
  void run(order as KeytarOrder).then(report);
});

async function run(order: KeytarOrder): Promise<KeytarReport> {
  const keytar = await load();
  if (keytar === null) return { kind: 'not installed' };
  process.send?.({ kind: 'ready' } satisfies KeytarReport);
  try {
    const { service, account, longest } = order;
    const plain: Entries = {
      get: (name) => keytar.getPassword(service, name),
      set: (name, text) => keytar.setPassword(service, name, text),
      delete: async (name) => {
        await keytar.deletePassword(service, name);
      },
    };
    if (order.op === 'set') {
      if (longest === null) await plain.set(account, order.secret);
      else await writeWhole(plain, account, order.secret, longest);
    } else if (order.op === 'delete') {
      if (longest === null) await plain.delete(account);
      else await removeWhole(plain, account);
    }
    return { kind: 'done', value: longest === null ? await plain.get(account) : await readWhole(plain, account) };
  } catch (thrown) {
    // The words of the operating system; the library adds none of its own.
    return { kind: 'refused', message: thrown instanceof Error ? thrown.message : '' };
  }
}

/** Null where the package or a library that it needs is not installed. */
async function load() {
  try {
    return (await import('keytar')).default;
  } catch {
    return null;
  }
}

function report(message: KeytarReport): void {
  process.send?.(message, () => {
    // Nobody waits any more for the answer to a late call.
    if (process.connected) process.disconnect();
  });
}
