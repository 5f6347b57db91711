/**
 * `jit status` without the rest of the program, for prompts: one question to the keeper, one answer.
 * @module
 */
import { converse } from '../keeper/converse.ts';
import { readHeld } from '../keeper/read-answer.ts';
import { localPaths } from '../local/paths.ts';
import { hasExpired } from './expired.ts';
import { jsonDocument } from './json.ts';
import type { OpenSink } from './sink.ts';

const PATIENCE_MS = 2_000;

/** @returns whether that was all; false leaves everything to the rest of the program, whatever the reason. */
export async function quickStatus(stdout: OpenSink, format: 'human' | 'json'): Promise<boolean> {
  const { env, platform } = process;
  const uid = process.geteuid?.() ?? 0;
  // Under sudo the folders have to be looked at first, and on a terminal there is colour.
  if (stdout.isTTY || env['SUDO_UID'] !== undefined || hasExpired({ env, now: Date.now })) return false;
  try {
    const answer = await converse(localPaths(env, platform, uid).keeperSocket, { op: 'list' }, PATIENCE_MS);
    const held = answer === null ? [] : readHeld(answer.get('grants'));
    if (held.length === 0 || held.some(({ state }) => state !== 'live')) return false;
    if (format === 'json') stdout.write(jsonDocument('status', { grants: held }));
    else {
      const { heldLines } = await import('./held.ts');
      const { renderLine, unpainted } = await import('./text.ts');
      stdout.write(
        heldLines(held, Date.now(), stdout.columns)
          .map((line) => `${renderLine(line, unpainted)}\n`)
          .join(''),
      );
    }
    return true;
  } catch {
    return false;
  }
}
