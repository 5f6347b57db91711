/**
 * What jit says, and where.
 *
 * - Data goes to stdout; everything else goes to stderr and begins with `jit: ` or `hint: `, in lower case, without a
 *   final period. Lines that are meant to be pasted stand alone at the end of a line.
 * - With `--json` stdout carries exactly one document, errors included, and stderr only what cannot wait.
 * - Colour and progress only on a terminal, never with NO_COLOR or TERM=dumb. Progress is one line on stderr and is
 *   erased before anything else is said.
 * - What is about a shared broker begins with its name, progress included: `jit: work: denied: …`. The embedded broker has none.
 * - Questions are asked on the terminal only, and on stderr, so that a redirected stdout holds data alone.
 * - Ids, commands and secrets are never cut. Times are relative and absolute for people, RFC 3339 UTC in JSON.
 * - Text that somebody else typed passes through core/display.ts, in JSON through \u escapes: no stream ever carries
 *   a raw control, bidirectional or invisible character that jit did not put there itself.
 * - A sandbox is called `sandbox: not AWS` wherever it is mentioned.
 *
 * @module
 */
import type { JitError } from '../core/errors.ts';
import { jsonDocument } from './json.ts';
import { type Line, type Paint, renderLine, toned, unpainted } from './text.ts';

/** Where text goes. */
export interface Sink {
  readonly isTTY: boolean;
  /** Width of the terminal; Infinity elsewhere. */
  readonly columns: number;
  write(text: string): void;
}

export type Format = 'human' | 'json';

/** The two streams with the rules above. */
export interface Output {
  /** Data for people. */
  print(lines: readonly Line[]): Promise<void>;
  /** One document for programs: `{"schema":"jit.<kind>/v1",…}`. */
  document(kind: string, body: Readonly<Record<string, unknown>>): void;
  /** Text for other programs, such as a script: as it is, without escapes. Never call it with foreign text. */
  raw(text: string): void;
  /** What a question is about: on stderr, where the question is put. */
  before(lines: readonly Line[]): Promise<void>;
  note(line: Line): Promise<void>;
  hint(line: Line): Promise<void>;
  /** A line that the next call replaces; null erases it. Nothing off a terminal. */
  progress(text: string | null): void;
  /** Whether `progress` shows anything. */
  readonly live: boolean;
  readonly width: number;
}

const ERASE = '\r\x1b[2K';

/** @param plain whether colour and progress are unwanted although there is a terminal. */
export function openOutput(stdout: Sink, stderr: Sink, plain: 'plain' | 'rich'): Output {
  let shown = false;
  const progress = (text: string | null): void => {
    if (!stderr.isTTY || plain === 'plain' || (text === null && !shown)) return;
    stderr.write(text === null ? ERASE : `${ERASE}${renderLine(text, unpainted).slice(0, stderr.columns - 1)}`);
    shown = text !== null;
  };
  const say = async (sink: Sink, lines: readonly Line[]): Promise<void> => {
    const paint = sink.isTTY && plain === 'rich' ? await painter() : unpainted;
    progress(null);
    sink.write(lines.map((line) => `${renderLine(line, paint)}\n`).join(''));
  };
  return {
    print: (lines) => say(stdout, lines),
    document: (kind, body) => {
      progress(null);
      stdout.write(jsonDocument(kind, body));
    },
    raw: (text) => {
      progress(null);
      stdout.write(text);
    },
    before: (lines) => say(stderr, lines),
    note: (line) => say(stderr, [['jit: ', ...(typeof line === 'string' ? [line] : line)]]),
    hint: (line) => say(stderr, [[toned('dim', 'hint: '), ...(typeof line === 'string' ? [line] : line)]]),
    progress,
    live: stderr.isTTY && plain === 'rich',
    width: stdout.columns,
  };
}

/** What `--json` prints instead of data when something failed. @param exit the status that the process will end with. */
export function errorBody(error: JitError, exit: number): Readonly<Record<string, unknown>> {
  return {
    code: error.code,
    message: error.message,
    ...(error.broker === undefined ? {} : { broker: error.broker }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.subject === undefined ? {} : { subject: error.subject }),
    exit,
  };
}

async function painter(): Promise<Paint> {
  // Loaded late: most output of scripts has no colour, and `jit status` has no time for it.
  const { Chalk } = await import('chalk');
  const chalk = new Chalk({ level: 1 });
  return (tone, text) => {
    switch (tone) {
      case 'plain':
        return text;
      case 'strong':
        return chalk.bold(text);
      case 'dim':
        return chalk.dim(text);
      case 'good':
        return chalk.green(text);
      case 'warn':
        return chalk.yellow(text);
      case 'bad':
        return chalk.red(text);
    }
  };
}
