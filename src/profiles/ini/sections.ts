/**
 * Adding and removing jit's sections in the text of a file of sections. Pure; the text is latin1, one character a byte.
 * @module
 */
import { isIntact, readOwnSection, remark, renderLines } from './block.ts';
import type { Gap, Marker, OwnSection } from './block.ts';
import type { Dialect, Line, Pair, Section } from './lines.ts';

/** A section to have in a file. `header` is the text between the brackets. */
export interface Wanted {
  readonly header: string;
  readonly pairs: readonly Pair[];
  readonly grant: Marker['grant'];
  readonly expiresAt: number;
  /** Keys that nobody else may have set in the section, in lower case. */
  readonly exclusive: readonly string[];
}

/** What became of putting a section. */
export type Put = { readonly kind: 'put'; readonly text: string } | { readonly kind: 'taken' };

/**
 * Puts a section at the end of the file, or in the place of jit's earlier one of the same header, where keys that the
 * user added stay and win over ours. `taken` when the header is there and not jit's, or when the user set an
 * exclusive key in it.
 * @param before null for a file that does not exist.
 * @param isTaken whether a header line means the same name to any reader of the file.
 */
export function putSection(
  dialect: Dialect,
  before: string | null,
  wanted: Wanted,
  isTaken: (header: Line) => boolean,
): Put {
  const text = before ?? '';
  if (isNameTaken(dialect, text, isTaken)) return { kind: 'taken' };
  const sections = dialect.parse(text);
  const same = sections.filter(({ header }) => header?.value === wanted.header).map(readOwnSection);
  const [old, ...copies] = same;
  if (old === undefined || old === null) return { kind: 'put', text: append(dialect, before, wanted) };
  const overridden = new Set(old.foreign.map(({ key }) => key.toLowerCase()));
  if (copies.length > 0 || wanted.exclusive.some((key) => overridden.has(key))) return { kind: 'taken' };
  const { created, gap } = old.marker;
  const pairs = wanted.pairs.filter(([key]) => !overridden.has(key));
  const facts = { grant: wanted.grant, expiresAt: wanted.expiresAt, created, gap };
  const fresh = renderLines(wanted.header, pairs, facts, { eol: endingOf(old.markerLine) || '\n', pair: dialect.pair });
  return {
    kind: 'put',
    text: dialect.leadingMark(text) + sections.map((s) => (s === old.section ? renewed(old, fresh) : join(s))).join(''),
  };
}

/** The file with another end in the markers of the selected sections of jit. */
export function remarkSections(
  dialect: Dialect,
  text: string,
  select: (own: OwnSection) => boolean,
  expiresAt: number,
): string {
  const remarked = dialect.parse(text).map((section) => {
    const own = readOwnSection(section);
    if (own === null || !select(own)) return join(section);
    const lines = section.lines.map((line) => (line === own.markerLine ? remark(line.raw, expiresAt) : line.raw));
    return `${section.header?.raw ?? ''}${lines.join('')}`;
  });
  return dialect.leadingMark(text) + remarked.join('');
}

/** Whether the name is in use by a section that jit did not make. */
export function isNameTaken(dialect: Dialect, text: string, isTaken: (header: Line) => boolean): boolean {
  return dialect.parse(text).some((section) => {
    // Deeper indented, a header continues a value for Python and starts a section for others.
    if (section.lines.some((line) => line.kind === 'more' && isTaken(line))) return true;
    return section.header !== null && isTaken(section.header) && readOwnSection(section)?.named !== true;
  });
}

function renewed(old: OwnSection, fresh: string): string {
  const lines = old.section.lines.map((line) => (line === old.markerLine ? fresh : old.own.has(line) ? '' : line.raw));
  return `${old.section.header?.raw ?? ''}${lines.join('')}`;
}

function append(dialect: Dialect, before: string | null, wanted: Wanted): string {
  const text = before ?? '';
  const body = text.slice(dialect.leadingMark(text).length);
  // As the last line ends, so that neighbours of ours always agree and can take each other's place.
  const eol = /\r\n[^\r\n]*$/.test(body) ? '\r\n' : '\n';
  const gap = gapAfter(body);
  const created = before === null || isAllOurs(dialect, text);
  const facts = { grant: wanted.grant, expiresAt: wanted.expiresAt, created, gap };
  return `${text}${eol.repeat(gap)}[${wanted.header}]${eol}${renderLines(wanted.header, wanted.pairs, facts, { eol, pair: dialect.pair })}`;
}

function gapAfter(body: string): Gap {
  if (body === '' || /(?:^|\n)\r?\n$/.test(body)) return 0;
  return body.endsWith('\n') ? 1 : 2;
}

/** Whether jit created the file and nobody added anything since. */
function isAllOurs(dialect: Dialect, text: string): boolean {
  const { text: rest, removed } = removeSections(dialect, text, () => true);
  return rest === '' && removed.some(({ marker }) => marker.created);
}

/** The file without the selected sections of jit, and what was removed, in the order of the file. */
export interface Removal {
  readonly text: string;
  readonly removed: readonly OwnSection[];
  /** Whether nothing is left of a file that jit created. */
  readonly empty: boolean;
}

/**
 * Removes exactly the lines that jit wrote and nobody changed since. Where the user added keys to a section or renamed
 * it, the header and those keys stay. Of the bytes before the first section that jit added, none changes.
 */
export function removeSections(dialect: Dialect, text: string, select: (own: OwnSection) => boolean): Removal {
  const removed: OwnSection[] = [];
  let rest = text;
  for (;;) {
    const step = removeFirst(dialect, rest, select);
    if (step === null) break;
    removed.push(step.own);
    rest = step.text;
  }
  return { text: rest, removed, empty: rest === '' && removed.some(({ marker }) => marker.created) };
}

function removeFirst(
  dialect: Dialect,
  text: string,
  select: (own: OwnSection) => boolean,
): { text: string; own: OwnSection } | null {
  const sections = dialect.parse(text);
  for (const [index, section] of sections.entries()) {
    const own = readOwnSection(section);
    if (own === null || !select(own)) continue;
    const before = dialect.leadingMark(text) + sections.slice(0, index).map(join).join('');
    const kept = section.lines.filter((line) => line !== own.markerLine && !own.own.has(line)).map(({ raw }) => raw);
    return { own, text: joinAround(before, kept.join(''), sections.slice(index + 1), own) };
  }
  return null;
}

function joinAround(before: string, kept: string, following: readonly Section[], own: OwnSection): string {
  const header = own.section.header;
  const after = following.map(join).join('');
  // Without its header a foreign key would fall into the section above.
  if (header === null || !own.named || own.foreign.length > 0) return `${before}${header?.raw ?? ''}${kept}${after}`;
  const [next] = following;
  const heir = next === undefined ? null : readOwnSection(next);
  if (heir !== null && heir.named && isGap(kept, heir.marker.gap)) {
    // jit's next section moves up into this one's place, so that removing both in any order restores the file.
    return before + inherit(heir, own.marker) + following.slice(1).map(join).join('');
  }
  return withoutGap(before, own.marker.gap, endingOf(header), kept + after) + kept + after;
}

function inherit(heir: OwnSection, from: Marker): string {
  const flags = `(${heir.marker.created || from.created ? 'c' : 'e'}${from.gap} `;
  const lines = heir.section.lines.map((line) =>
    line === heir.markerLine ? line.raw.replace(/\([ce][012] /, flags) : line.raw,
  );
  return `${heir.section.header?.raw ?? ''}${lines.join('')}`;
}

function isGap(text: string, gap: Gap): boolean {
  return /^(?:\r?\n)*$/.test(text) && (text.match(/\n/g) ?? []).length === gap;
}

/** Takes back the line ends that were put before the header, as far as they are still recognisably those. */
function withoutGap(before: string, gap: Gap, eol: string, after: string): string {
  if (gap === 0 || eol === '' || !before.endsWith(eol.repeat(gap))) return before;
  const bare = before.slice(0, -eol.length * gap);
  if (gap === 1) return bare.endsWith('\n') ? bare : before;
  if (bare.endsWith('\n')) return before;
  return after === '' || /^\r?\n/.test(after) ? bare : bare + eol;
}

function endingOf(line: Line): string {
  return /[\r\n]*$/.exec(line.raw)?.[0] ?? '';
}

function join(section: Section): string {
  return `${section.header?.raw ?? ''}${section.lines.map(({ raw }) => raw).join('')}`;
}

/** All sections with jit's marker, in order. */
export function ownSections(dialect: Dialect, text: string): OwnSection[] {
  return dialect
    .parse(text)
    .map(readOwnSection)
    .filter((own) => own !== null);
}

/** `edited` when the user added keys, changed one of ours, removed one, or renamed the section. */
export function stateOf(own: OwnSection): 'intact' | 'edited' {
  return isIntact(own) ? 'intact' : 'edited';
}
