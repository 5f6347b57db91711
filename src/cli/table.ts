/**
 * Rows and records that fit the terminal.
 * @module
 */
import { columnsOf, fitColumns, type Line, type Span, type Tone, toned, wrap } from './text.ts';

/** A column's title, and whether its cells may be cut to make the row fit. Ids and commands never are: they get pasted. */
export interface Column {
  readonly title: string;
  readonly cut: 'never' | 'may';
}

export interface Cell {
  readonly text: string;
  readonly tone: Tone;
}

const GAP = 2;
const NARROWEST = 12;

/**
 * A table with a header line; below `width` columns the cuttable cells shrink, and where even that is not enough each
 * row becomes a record of its own.
 * @param width columns of the terminal, or Infinity off a terminal, where nothing is cut.
 */
export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[], width: number): Line[] {
  const natural = columns.map((column, index) =>
    Math.max(columnsOf(column.title), ...rows.map((row) => columnsOf(row[index]?.text ?? ''))),
  );
  const widths = shrink(columns, natural, width);
  if (widths === null)
    return rows.flatMap((row, index) => [...(index === 0 ? [] : ['']), ...stacked(columns, row, width)]);
  const header = columns.map(({ title }) => toned('dim', title));
  return [header, ...rows].map((cells) => aligned(cells, widths));
}

function shrink(columns: readonly Column[], natural: readonly number[], width: number): number[] | null {
  const widths = [...natural];
  let excess = widths.reduce((sum, each) => sum + each, 0) + GAP * (columns.length - 1) - width;
  while (excess > 0) {
    const widest = columns
      .map(({ cut }, index) => ({ index, size: cut === 'may' ? (widths[index] ?? 0) : 0 }))
      .toSorted((a, b) => b.size - a.size)[0];
    if (widest === undefined || widest.size <= NARROWEST) return null;
    widths[widest.index] = widest.size - 1;
    excess -= 1;
  }
  return widths;
}

function aligned(cells: readonly Cell[], widths: readonly number[]): Line {
  const spans: Span[] = [];
  for (const [index, cell] of cells.entries()) {
    const text = fitColumns(cell.text, widths[index] ?? Number.POSITIVE_INFINITY);
    spans.push(toned(cell.tone, text));
    const padding = (widths[index] ?? 0) - columnsOf(text) + GAP;
    if (index < cells.length - 1) spans.push(toned('plain', ' '.repeat(Math.max(padding, 1))));
  }
  return spans;
}

function stacked(columns: readonly Column[], row: readonly Cell[], width: number): Line[] {
  return record(
    columns.map(({ title }, index) => ({ name: title.toLowerCase(), ...(row[index] ?? toned('plain', '')) })),
    width,
  );
}

/** One named fact. */
export interface Fact {
  readonly name: string;
  readonly text: string;
  readonly tone: Tone;
}

export function fact(name: string, text: string, tone: Tone = 'plain'): Fact {
  return { name, text, tone };
}

/** Facts one below the other, names in a column of their own, long texts continued under themselves. */
export function record(facts: readonly Fact[], width: number): Line[] {
  const indent = Math.max(...facts.map(({ name }) => columnsOf(name))) + GAP;
  return facts.flatMap(({ name, text, tone }) =>
    wrap(text, Math.max(width - indent, NARROWEST)).map((piece, index): Line => {
      const label = index === 0 ? name : '';
      return [toned('dim', label.padEnd(indent)), toned(tone, piece)];
    }),
  );
}
