/**
 * The text of a profile: a file for the shell, with one variable a line and a mark above them.
 * @module
 */
import { createHash } from 'node:crypto';
import { JitError } from '../../core/errors.ts';
import { isGrantId } from '../../core/ids.ts';
import type { GrantId } from '../../core/ids.ts';
import type { Mark, OwnFile } from '../file-each.ts';

export type Shell = 'sh' | 'ps1';

const HEAD = /^# made by jit for (gr_[0-9a-z]{26}), ends (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)$/;

/** The whole file. Throws `ERR_LOCAL_FILE` for a value that cannot stand on one line. */
export function render(variables: ReadonlyMap<string, string>, { grant, expiresAt }: Mark, shell: Shell): string {
  const lines = [...variables].map(([name, value]) => marked(grant, assignment(name, value, shell)));
  return `${[head({ grant, expiresAt }), ...lines].join('\n')}\n`;
}

/** @returns null for a file that jit did not make. */
export function readScript(text: string): OwnFile | null {
  const [first = '', ...rest] = text.split('\n');
  const [, grant = '', ends = ''] = HEAD.exec(first) ?? [];
  if (!isGrantId(grant)) return null;
  const foreign = rest.flatMap((line, at) => (line === '' || isOwn(grant, line) ? [] : [nameIn(line, at + 2)]));
  const intact = foreign.length === 0 ? 'intact' : 'edited';
  return { mark: { grant, expiresAt: Date.parse(ends) }, foreign, intact };
}

/** Without what jit wrote and nobody changed; null where nothing else is left. */
export function withoutOwn(text: string): string | null {
  const script = readScript(text);
  if (script === null) return text;
  const kept = text.split('\n').filter((line, at) => at > 0 && !isOwn(script.mark.grant, line));
  return kept.some((line) => line.trim() !== '') ? kept.join('\n') : null;
}

/** With another end in the first line. */
export function withEnd(text: string, mark: Mark): string {
  return [head(mark), ...text.split('\n').slice(1)].join('\n');
}

const head = ({ grant, expiresAt }: Mark): string =>
  `# made by jit for ${grant}, ends ${new Date(expiresAt).toISOString()}`;

/** In single quotes, in which nothing has a meaning but the quote itself. */
function assignment(name: string, value: string, shell: Shell): string {
  if (/[\p{Cc}\p{Cs}\u2018-\u201B]/u.test(value)) {
    throw new JitError({
      code: 'ERR_LOCAL_FILE',
      message: `the value of ${name} cannot be written into a file for a shell`,
      hint: 'set XDG_RUNTIME_DIR to a folder of your own with a plain path',
    });
  }
  return shell === 'sh'
    ? `export ${name}='${value.replaceAll("'", "'\\''")}'`
    : `$env:${name} = '${value.replaceAll("'", "''")}'`;
}

const marked = (grant: GrantId, line: string): string => `${line} # ${digestOf(grant, line)}`;

function isOwn(grant: GrantId, line: string): boolean {
  const [, body = '', digest] = /^(.*) # ([0-9a-f]{12})$/.exec(line) ?? [];
  return digest !== undefined && digest === digestOf(grant, body);
}

/** Ties a line to its grant, so that one copied elsewhere is not taken for jit's. */
function digestOf(grant: GrantId, line: string): string {
  return createHash('sha256').update(`${grant}\n${line}`).digest('hex').slice(0, 12);
}

function nameIn(line: string, at: number): string {
  return /^(?:export |\$env:)([A-Za-z_]\w{0,63})/.exec(line)?.[1] ?? `line ${at}`;
}
