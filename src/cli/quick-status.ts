/**
 * What `jit status` prints where nothing is out of the ordinary, for prompts: the launcher asks the keeper, and none of the
 * program is loaded for it. A test holds the text to that of the rest of the program.
 * @module
 */
import { clockTime, orWhenIdle, relative } from './time.ts';

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
  const held = grants.map((grant: unknown) => fields(grant));
  const shared = held.some((each) => each.get('broker') !== 'embedded');
  const rows = held.map((each) => row(each, now, shared ? SHARED : TITLES));
  if (!rows.every((cells) => cells !== null)) return null;
  const table = (): string => aligned([shared ? SHARED : TITLES, ...rows]);
  const text = format === 'json' ? JSON.stringify({ schema: 'jit.status/v1', grants }) : table();
  // Whatever would have to be escaped, or is not one column wide, is for those who know how.
  return /^[\x20-\x7e\n]*$/.test(text) ? text : null;
}

const TITLES = ['GRANT', 'ENDS', 'ACCESS', 'TARGET', 'PROFILE'] as const;
/** With a grant of a shared broker among them. */
const SHARED = ['GRANT', 'ENDS', 'ACCESS', 'TARGET', 'BROKER', 'PROFILE'] as const;
type Titles = typeof TITLES | typeof SHARED;

/** The cells of a grant about which there is nothing more to say; else null. */
function row(held: ReadonlyMap<string, unknown>, now: number, titles: Titles): readonly string[] | null {
  const about = fields(held.get('about'));
  const [grant, expiresAt, operation] = [held.get('grant'), held.get('expiresAt'), about.get('operation')];
  const [remainingMs, drift, profile] = [held.get('remainingMs'), held.get('clockDriftSeconds'), held.get('profile')];
  const broker = held.get('broker');
  if (typeof broker !== 'string') return null;
  if (typeof grant !== 'string' || typeof expiresAt !== 'string' || typeof operation !== 'string') return null;
  if (typeof remainingMs !== 'number' || typeof drift !== 'number' || Math.abs(drift) >= DRIFT_SECONDS) return null;
  if (held.get('state') !== 'live' || held.get('problem') !== null) return null;
  const idle = about.get('idleSeconds');
  if (idle !== null && typeof idle !== 'number') return null;
  const incident = about.get('incident');
  if (incident !== null && typeof incident !== 'string') return null;
  const [resources, targets] = [list(about.get('resources')), list(about.get('targets'))];
  const cells = [
    grant,
    `${relative(now + remainingMs, now)} (${clockTime(Date.parse(expiresAt), now)})${orWhenIdle(idle)}`,
    `${incident === null ? '' : `incident ${incident}: `}${operation}${resources === '' ? '' : ` on ${resources}`}`,
    about.get('sandbox') === true ? `${targets} (sandbox: not AWS)` : targets,
    ...(titles === SHARED ? [broker] : []),
    typeof profile === 'string' ? profile : '-',
  ];
  return cells.some((cell) => cell.includes('\n')) ? null : cells;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, at) => Math.max(...rows.map((cells) => cells[at]?.length ?? 0)));
  const last = columns - 1;
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
