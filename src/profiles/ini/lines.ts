/**
 * What files of sections and keys have in common, whichever program's rules say where a line ends and what it means.
 * @module
 */

/** `more` continues the value of the option above it, by being indented deeper; `bad` is nothing that the program reads. */
export type LineKind = 'blank' | 'comment' | 'header' | 'option' | 'more' | 'bad';

/** One line with its ending. */
export interface Line {
  readonly kind: LineKind;
  /** The bytes, ending included. */
  readonly raw: string;
  /** For `option`: the key. */
  readonly key: string;
  /** For `option`: the value of this line, without the blanks that the program leaves out. For `header`: the name between the brackets. */
  readonly value: string;
}

/** A header with the lines below it; the lines before the first header have `header: null`. */
export interface Section {
  readonly header: Line | null;
  readonly lines: readonly Line[];
}

/** One line that jit writes below a header. */
export type Pair = readonly [key: string, value: string];

/** How one program reads and writes such a file. Texts are latin1, one character a byte. */
export interface Dialect {
  /** The sections in order; joining every `raw` again gives the text after its mark. */
  readonly parse: (text: string) => Section[];
  /** What stands before the first line and is no part of it, such as a byte order mark. */
  readonly leadingMark: (text: string) => string;
  /** A line as that program wants it, without its ending. */
  readonly pair: (pair: Pair) => string;
}
