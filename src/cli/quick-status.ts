/**
 * What `jit status` prints where nothing is out of the ordinary, for prompts: the launcher asks the keeper, and none of the
 * program is loaded for it. A test holds the text to that of the rest of the program.
 * @module
 */
import { clockTime, relative } from './time.ts';

const DRIFT_SECONDS = 5;

/**
 * @param answer the members of the keeper's answer to `list`.
 * @param now epoch ms.
 * @returns the text without its last line end; null leaves everything to the rest of the program, whatever the reason.
 */
export function statusText(
  { grants }: Readonly<Record<string, unknown>>,
  format: 'human' | 'json',
  now: number,
): string | null {
  if (!Array.isArray(grants) || grants.length === 0) return null;
  const rows = grants.map((grant: unknown) => row(fields(grant), now));
  if (!rows.every((cells) => cells !== null)) return null;
  const text = format === 'json' ? JSON.stringify({ schema: 'jit.status/v1', grants }) : aligned([TITLES, ...rows]);
  // Whatever would have to be escaped, or is not one column wide, is for those who know how.
  return /^[\x20-\x7e\n]*$/.test(text) ? text : null;
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
  return rows.map(line).join('\n');
}

/** The members of an object; of anything else none. */
function fields(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}

function list(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : '';
}
