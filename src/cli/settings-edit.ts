/**
 * Changing one setting in config.yaml: comments and order stay, and the file is never left half written.
 * @module
 */
import { dirname } from 'node:path';
import { display } from '../core/display.ts';
import { didYouMean } from '../core/suggest.ts';
import { editFile } from '../local/edit.ts';
import { asLocalFault } from '../local/fault.ts';
import { withLock } from '../local/lock.ts';
import { makeFolders } from '../local/private-dir.ts';
import { usage } from './command.ts';
import type { Context } from './context.ts';
import { checkBrokerName, parseSettings, type Settings } from './settings.ts';

/** A key that is known, with the path to it in the file. */
export interface SettingKey {
  readonly text: string;
  readonly path: readonly string[];
}

export const KNOWN_KEYS = ['broker', 'brokers.NAME.url', 'secrets'] as const;

/** Throws `ERR_USAGE` with a did-you-mean. */
export function keyOf(text: string): SettingKey {
  if (text === 'broker' || text === 'secrets') return { text, path: [text] };
  const name = /^brokers\.([^.]+)\.url$/.exec(text)?.[1];
  if (name !== undefined) {
    checkBrokerName(name, 'the key');
    return { text, path: ['brokers', name, 'url'] };
  }
  throw usage(
    `there is no setting ${display(text, 120)}`,
    didYouMean(text, ['broker', 'secrets']) ?? `known keys: ${KNOWN_KEYS.join(', ')}`,
  );
}

export function valueOf(settings: Settings, { path }: SettingKey): string {
  const [first, name] = path;
  if (first === 'secrets') return settings.secrets ?? 'keychain';
  if (first === 'broker' || name === undefined) return settings.broker ?? 'embedded';
  return settings.brokers.get(name)?.url ?? '';
}

/** @param value null removes the setting. Throws `ERR_CONFIG` when the file would not be valid, and leaves it as it was. */
export async function writeSetting(context: Context, key: SettingKey, value: string | null): Promise<void> {
  const { configFile, locks } = context.paths();
  const { parseDocument } = await import('yaml');
  try {
    await makeFolders(dirname(configFile));
  } catch (thrown) {
    throw asLocalFault(thrown, dirname(configFile));
  }
  const change = (before: string): string => {
    const document = parseDocument(before, { uniqueKeys: true });
    if (document.errors.length > 0) return before;
    if (value !== null) document.setIn(key.path, value);
    else if (document.hasIn(key.path)) document.deleteIn(key.path[0] === 'brokers' ? key.path.slice(0, 2) : key.path);
    return document.toString();
  };
  await withLock('client-config', locks, { waitMs: 10_000 }, async () => {
    const { readOwnFile } = await import('../local/atomic.ts');
    const before = (await readOwnFile(configFile, 65_536))?.toString('utf8') ?? '';
    // Checked as it is and as it would be: the edit below is made on the same text under the same lock.
    await parseSettings(before, configFile);
    await parseSettings(change(before), configFile);
    await editFile(configFile, (bytes) => {
      const text = bytes?.toString('utf8') ?? '';
      const next = change(text);
      return next === text
        ? { kind: 'keep', outcome: null }
        : { kind: 'write', bytes: Buffer.from(next, 'utf8'), outcome: null };
    });
  });
}
