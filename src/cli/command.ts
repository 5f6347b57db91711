/**
 * What a command is: facts that help and completion are made of, and two seams, `parse` (pure) and `run`.
 * @module
 */
import { JitError } from '../core/errors.ts';
import type { Context } from './context.ts';
import type { Format } from './output.ts';

/** The headings of `jit --help`, in order. A hidden command is for other programs. */
export const GROUPS = ['everyday', 'approvals', 'identity', 'inspect', 'local', 'other'] as const;
export type Group = (typeof GROUPS)[number] | 'hidden';

export interface Positional {
  readonly name: string;
  readonly about: string;
  readonly takes: 'one' | 'at most one' | 'any number';
  /** What a shell offers on the tab key. */
  readonly offers?: 'grants' | 'requests' | 'reviews' | 'brokers' | readonly string[];
}

export interface Flag {
  /** Long name without dashes. */
  readonly name: string;
  readonly about: string;
  /** The placeholder of its value; without one it is a switch. */
  readonly value?: string;
  readonly repeats?: true;
  readonly offers?: 'incidents' | readonly string[];
  /** A second spelling that help leaves out. */
  readonly hidden?: true;
}

export interface Example {
  readonly line: string;
  readonly about: string;
}

export interface Facts {
  readonly name: string;
  readonly group: Group;
  /** One sentence, lower case, without a final period. */
  readonly summary: string;
  readonly positionals: readonly Positional[];
  readonly flags: readonly Flag[];
  readonly examples: readonly Example[];
  /** Paragraphs below the examples, such as exit statuses that only this command has. */
  readonly notes?: readonly string[];
  /** Whether everything after `--` is a command line of its own. */
  readonly tail?: string;
}

/** A command line as taken apart by the parser, every value still as it was typed. */
export interface Input {
  readonly words: readonly string[];
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly switches: ReadonlySet<string>;
  /** What followed `--`; null without one. */
  readonly tail: readonly string[] | null;
  readonly format: Format;
}

export interface CommandShape<Options> extends Facts {
  /** Pure. Throws `JitError` with the exit status of usage. */
  readonly parse: (input: Input) => Options;
  /** @returns the exit status. */
  readonly run: (context: Context, options: Options) => Promise<number>;
}

/** A command whose options are nobody else's business. */
export interface Command extends Facts {
  readonly bind: (input: Input) => Bound;
}

/** A command with its options in place. */
export interface Bound {
  readonly options: unknown;
  readonly run: (context: Context) => Promise<number>;
}

export function command<Options>(shape: CommandShape<Options>): Command {
  const { parse, run, ...facts } = shape;
  return {
    ...facts,
    bind: (input) => {
      const options = parse(input);
      return { options, run: (context) => run(context, options) };
    },
  };
}

/** The value of a flag under any of its spellings, or null. Throws `ERR_USAGE` when it was given twice. */
export function single(input: Input, ...names: readonly string[]): string | null {
  const given = names.flatMap((name) => (input.values.get(name) ?? []).map((value) => ({ name, value })));
  const [first, second] = given;
  if (second !== undefined)
    throw usage(`--${second.name} is given twice${names.length > 1 ? ` (as ${spelled(names)})` : ''}`);
  return first?.value ?? null;
}

function spelled(names: readonly string[]): string {
  return names.map((name) => `--${name}`).join(' or ');
}

export function usage(message: string, hint?: string): JitError {
  return new JitError({ code: 'ERR_USAGE', message, hint });
}

/** Every command has it. */
export const JSON_FLAG: Flag = { name: 'json', about: 'print one JSON document, errors included' };
