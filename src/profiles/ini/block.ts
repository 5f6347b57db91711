/**
 * jit's own lines in a file of sections: a marker comment below the header, which says whose they are, until when, and which
 * lines were written, so that removing them touches nothing else.
 * @module
 */
import { createHash } from 'node:crypto';
import { isGrantId } from '../../core/ids.ts';
import type { GrantId } from '../../core/ids.ts';
import type { Dialect, Line, Pair, Section } from './lines.ts';

/** What was put before the header: `0` nothing, `1` a blank line, `2` an end for the last line and a blank line. */
export type Gap = 0 | 1 | 2;

/** What the marker comment says. */
export interface Marker {
  readonly grant: GrantId;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  /** Whether jit created the file, so that it may remove it when nothing else is left. */
  readonly created: boolean;
  readonly gap: Gap;
  /** Of the header's text, then of each line, in order. */
  readonly digests: readonly string[];
}

/** A section with jit's marker in it, and which of its lines are jit's unchanged. */
export interface OwnSection {
  readonly section: Section;
  readonly marker: Marker;
  readonly markerLine: Line;
  /** Whether the header is the one that jit wrote. */
  readonly named: boolean;
  readonly own: ReadonlySet<Line>;
  /** Keys, continuations and odd lines of somebody else; comments and blank lines do not count. */
  readonly foreign: readonly Line[];
}

const MARKER =
  /^# jit (gr_[0-9a-z]{26}) ends (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z), managed by jit \(([ce])([012])((?: [0-9a-f]{12})+)\)$/;

/** The digest ties a line to its grant, so a line copied into another section is not taken for that section's own. */
function digest(grant: GrantId, key: string, value: string): string {
  return createHash('sha256').update(`${grant}\n${key}\n${value}`, 'latin1').digest('hex').slice(0, 12);
}

/** The marker and the lines of a section, as latin1 text with `eol` after each line. */
export function renderLines(
  header: string,
  pairs: readonly Pair[],
  facts: Omit<Marker, 'digests'>,
  { eol, pair }: Pick<Dialect, 'pair'> & { readonly eol: string },
): string {
  const digests = [digest(facts.grant, '', header), ...pairs.map(([key, value]) => digest(facts.grant, key, value))];
  const ends = new Date(facts.expiresAt).toISOString();
  const flags = `${facts.created ? 'c' : 'e'}${facts.gap}`;
  const marker = `# jit ${facts.grant} ends ${ends}, managed by jit (${flags} ${digests.join(' ')})`;
  return [marker, ...pairs.map(pair)].map((line) => `${line}${eol}`).join('');
}

/** The marker's line with another end; the digests are not about it. */
export function remark(raw: string, expiresAt: number): string {
  return raw.replace(/ ends \S+, managed by jit /, ` ends ${new Date(expiresAt).toISOString()}, managed by jit `);
}

function readMarker(line: Line): Marker | null {
  if (line.kind !== 'comment') return null;
  const [, grant, ends, origin, gap, digests] = MARKER.exec(line.raw.replace(/[\t ]*[\r\n]*$/, '')) ?? [];
  if (grant === undefined || ends === undefined || digests === undefined || !isGrantId(grant)) return null;
  const expiresAt = Date.parse(ends);
  if (Number.isNaN(expiresAt)) return null;
  return {
    grant,
    expiresAt,
    created: origin === 'c',
    gap: gap === '2' ? 2 : gap === '1' ? 1 : 0,
    digests: digests.trim().split(' '),
  };
}

/** The first marker of a section with what belongs to it, or null for a section without one. */
export function readOwnSection(section: Section): OwnSection | null {
  for (const markerLine of section.lines) {
    const marker = readMarker(markerLine);
    if (marker === null) continue;
    const own = new Set(section.lines.filter((line, index) => isOwn(line, index, section, marker)));
    const foreign = section.lines.filter((line) => !own.has(line) && line.kind !== 'blank' && line.kind !== 'comment');
    const named = section.header !== null && marker.digests[0] === digest(marker.grant, '', section.header.value);
    return { section, marker, markerLine, named, own, foreign };
  }
  return null;
}

function isOwn(line: Line, index: number, section: Section, marker: Marker): boolean {
  if (line.kind !== 'option' || !marker.digests.includes(digest(marker.grant, line.key, line.value), 1)) return false;
  // A value that somebody continued on the next line is no longer the one that was written.
  const next = section.lines.slice(index + 1).find(({ kind }) => kind !== 'blank' && kind !== 'comment');
  return next?.kind !== 'more' && next?.kind !== 'bad';
}

/** Whether the section is byte for byte what jit meant: all its lines, and nobody else's. */
export function isIntact(found: OwnSection): boolean {
  return found.named && found.foreign.length === 0 && found.own.size === found.marker.digests.length - 1;
}
