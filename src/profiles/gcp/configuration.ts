/**
 * The text of one gcloud configuration: sections of properties. gcloud writes such a file anew whenever it sets a property, and
 * keeps no comments when it does; so what says that it is jit's is a section of its own, which gcloud keeps.
 * @module
 */
import { createHash } from 'node:crypto';
import { isGrantId } from '../../core/ids.ts';
import type { GrantId } from '../../core/ids.ts';
import type { Mark, OwnFile } from '../file-each.ts';

/** A property as a line of the file, without blanks around name and value. */
export type Property = readonly [section: string, name: string, value: string];

/** What jit's section says. */
interface Section extends Mark {
  /** Of each property that jit wrote. */
  readonly digests: readonly string[];
}

interface Line {
  readonly raw: string;
  readonly section: string;
  readonly kind: 'header' | 'property' | 'more' | 'other';
  readonly name: string;
  readonly value: string;
}

const SECTION = 'jit';
const ENDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The whole file. Values are checked before: they hold no line ends. */
export function render(properties: readonly Property[], { grant, expiresAt }: Mark): string {
  const sections = Map.groupBy(properties, ([section]) => section);
  const parts = [...sections].map(
    ([section, members]) => `[${section}]\n${members.map(([, name, value]) => `${name} = ${value}\n`).join('')}`,
  );
  const digests = properties.map((property) => digestOf(grant, property)).join(' ');
  const ends = new Date(expiresAt).toISOString();
  return [...parts, `[${SECTION}]\ngrant = ${grant}\nends = ${ends}\nwrote = ${digests}\n`].join('\n');
}

/** What is foreign is named as `section/name`. @returns null for a configuration that jit did not make. */
export function readOwn(text: string): OwnFile | null {
  const lines = parse(text);
  const mark = markOf(lines);
  if (mark === null) return null;
  const others = propertiesOf(lines).filter(({ section }) => section !== SECTION);
  const foreign = others.filter((line) => !isOwn(lines, line, mark)).map(({ section, name }) => `${section}/${name}`);
  const own = others.length - foreign.length;
  return { mark, foreign, intact: foreign.length === 0 && own === mark.digests.length ? 'intact' : 'edited' };
}

/** Without what jit wrote and nobody changed; null where nothing else is left. */
export function withoutOwn(text: string): string | null {
  const lines = parse(text);
  const mark = markOf(lines);
  if (mark === null) return text;
  const kept = lines.filter((line) => (line.section === SECTION ? !isOfMark(line) : !isOwn(lines, line, mark)));
  const used = new Set(kept.filter(({ kind }) => kind === 'property' || kind === 'more').map(({ section }) => section));
  if (used.size === 0) return null;
  return kept
    .filter(({ kind, section }) => kind !== 'header' || used.has(section))
    .map(({ raw }) => raw)
    .join('');
}

/** With another end, epoch ms. */
export function withEnd(text: string, expiresAt: number): string {
  return parse(text)
    .map(({ raw, section, name, value }) =>
      section === SECTION && name === 'ends' ? raw.replace(value, new Date(expiresAt).toISOString()) : raw,
    )
    .join('');
}

/** The digest ties a property to its grant, so that one copied elsewhere is not taken for jit's. */
function digestOf(grant: GrantId, property: Property): string {
  return createHash('sha256')
    .update(`${grant}\n${property.join('\n')}`)
    .digest('hex')
    .slice(0, 12);
}

function markOf(lines: readonly Line[]): Section | null {
  const values = new Map(
    propertiesOf(lines)
      .filter(({ section }) => section === SECTION)
      .map(({ name, value }) => [name, value]),
  );
  const [grant = '', ends = '', wrote = ''] = ['grant', 'ends', 'wrote'].map((name) => values.get(name));
  const expiresAt = ENDS.test(ends) ? Date.parse(ends) : Number.NaN;
  if (!isGrantId(grant) || Number.isNaN(expiresAt)) return null;
  return { grant, expiresAt, digests: wrote.split(' ') };
}

function isOwn(lines: readonly Line[], line: Line, { grant, digests }: Section): boolean {
  if (line.kind !== 'property' || !digests.includes(digestOf(grant, [line.section, line.name, line.value])))
    return false;
  // A value that goes on in the next line is not the one that was written.
  return lines[lines.indexOf(line) + 1]?.kind !== 'more';
}

/** What jit writes into its section; a comment there is somebody else's. */
const isOfMark = ({ kind, name, raw }: Line): boolean =>
  kind === 'property' ? ['grant', 'ends', 'wrote'].includes(name) : kind === 'other' && raw.trim() === '';

const propertiesOf = (lines: readonly Line[]): readonly Line[] => lines.filter(({ kind }) => kind === 'property');

/** As Python's configparser reads it, which gcloud uses. */
function parse(text: string): readonly Line[] {
  let section = '';
  let open = false;
  return (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).map((raw): Line => {
    const bare = raw.trim();
    const line = { raw, name: '', value: '' };
    if (bare === '' || /^[#;]/.test(bare)) return { ...line, section, kind: 'other' };
    if (open && /^[ \t]/.test(raw)) return { ...line, section, kind: 'more' };
    const header = /^\[(.+)\]/.exec(bare)?.[1];
    if (header !== undefined) {
      section = header;
      open = false;
      return { ...line, section, kind: 'header' };
    }
    const [, name = '', value = ''] = /^([^=:]+?)\s*[=:]\s*(.*)$/s.exec(bare) ?? [];
    open = name !== '';
    return { raw, section, kind: name === '' ? 'other' : 'property', name: name.toLowerCase(), value };
  });
}
