/**
 * `jit status` where nothing is out of the ordinary, for prompts: one question to the keeper, one answer, and none of the
 * program loaded for it. A test holds its output to that of the rest of the program.
 * @module
 */
import { connect } from 'node:net';
import { localPaths } from '../local/paths.ts';
import { hasExpired } from './expired.ts';
import type { OpenSink } from './sink.ts';
import { clockTime, relative } from './time.ts';

const PATIENCE_MS = 2_000;
const LONGEST_ANSWER = 1_048_576;
const DRIFT_SECONDS = 5;

/** @returns whether that was all; false leaves everything to the rest of the program, whatever the reason. */
export async function quickStatus(stdout: OpenSink, format: 'human' | 'json'): Promise<boolean> {
  const { env, platform } = process;
  // Under sudo the folders have to be looked at first, and on a terminal there are colour and a width.
  if (stdout.isTTY || env['SUDO_UID'] !== undefined || hasExpired({ env, now: Date.now })) return false;
  try {
    const { keeperSocket } = localPaths(env, platform, process.geteuid?.() ?? 0);
    const answer = fields(JSON.parse(await ask(keeperSocket, '{"v":1,"op":"list"}\n')));
    const grants = answer.get('grants');
    if (answer.get('ok') !== true || !Array.isArray(grants) || grants.length === 0) return false;
    const rows = grants.map((grant: unknown) => row(fields(grant), Date.now()));
    if (!rows.every((cells) => cells !== null)) return false;
    const text =
      format === 'json' ? `${JSON.stringify({ schema: 'jit.status/v1', grants })}\n` : aligned([TITLES, ...rows]);
    // Whatever would have to be escaped, or is not one column wide, is for those who know how.
    if (!/^[\x20-\x7e\n]*$/.test(text)) return false;
    stdout.write(text);
    return true;
  } catch {
    return false;
  }
}

const TITLES = ['GRANT', 'ENDS', 'ACCESS', 'TARGET', 'PROFILE'];

/** The cells of a grant about which there is nothing more to say; else null. */
function row(held: ReadonlyMap<string, unknown>, now: number): readonly string[] | null {
  const about = fields(held.get('about'));
  const [grant, expiresAt, operation] = [held.get('grant'), held.get('expiresAt'), about.get('operation')];
  const [remainingMs, drift, profile] = [held.get('remainingMs'), held.get('clockDriftSeconds'), held.get('profile')];
  if (typeof grant !== 'string' || typeof expiresAt !== 'string' || typeof operation !== 'string') return null;
  if (typeof remainingMs !== 'number' || typeof drift !== 'number' || Math.abs(drift) >= DRIFT_SECONDS) return null;
  if (held.get('state') !== 'live' || held.get('problem') !== null) return null;
  const [resources, targets] = [list(about.get('resources')), list(about.get('targets'))];
  const cells = [
    grant,
    `${relative(now + remainingMs, now)} (${clockTime(Date.parse(expiresAt), now)})`,
    resources === '' ? operation : `${operation} on ${resources}`,
    about.get('sandbox') === true ? `${targets} (sandbox: not AWS)` : targets,
    typeof profile === 'string' ? profile : '-',
  ];
  return cells.some((cell) => cell.includes('\n')) ? null : cells;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = TITLES.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const last = TITLES.length - 1;
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => (column === last ? cell : cell.padEnd(widths[column] ?? 0))).join('  ');
  return rows.map((cells) => `${line(cells)}\n`).join('');
}

/** The members of an object; of anything else none. */
function fields(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}

function list(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : '';
}

/** One line there, one line back, as src/keeper/protocol.ts says. Rejects when nobody answers in time. */
function ask(socketPath: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let received = '';
    const settle = (): void => {
      clearTimeout(timer);
      socket.destroy();
      if (received.endsWith('\n')) resolve(received);
      else reject(new RangeError('no answer'));
    };
    const timer = setTimeout(settle, PATIENCE_MS);
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(line));
    socket.on('data', (chunk: string) => {
      received += chunk;
      if (received.endsWith('\n') || received.length > LONGEST_ANSWER) settle();
    });
    socket.on('error', settle);
    socket.on('close', settle);
  });
}
