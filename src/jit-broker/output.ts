/**
 * What the operator's commands say, by the rules of `jit`: data on stdout, everything else on stderr in lower case; with
 * `--json` one document on stdout, errors included.
 * @module
 */
import type { JitError } from '../core/errors.ts';

export interface Output {
  readonly format: 'human' | 'json';
  /** Data: lines for people, or `{"schema":"jit.<kind>/v1",…}` for programs. */
  data(kind: string, body: Readonly<Record<string, unknown>>, lines: readonly string[]): void;
  note(text: string): void;
  /** A line that is to be copied, beside the data: on stderr as it is. */
  aside(line: string): void;
  error(error: JitError): void;
}

export function openOutput(
  format: 'human' | 'json',
  stdout: NodeJS.WritableStream,
  stderr: NodeJS.WritableStream,
): Output {
  const note = (text: string): void => void stderr.write(`jit-broker: ${text}\n`);
  return {
    format,
    data: (kind, body, lines) => {
      stdout.write(format === 'json' ? document(kind, body) : lines.map((line) => `${line}\n`).join(''));
    },
    note,
    aside: (line) => void stderr.write(`${line}\n`),
    error: (error) => {
      const { code, message, hint, cause } = error;
      if (format === 'json') {
        const { exit } = error.facts;
        stdout.write(document('error', { code, message, ...(hint === undefined ? {} : { hint }), exit }));
        return;
      }
      // The text of a foreign error may quote what it was working on; its name does not.
      note(code === 'ERR_UNEXPECTED' && cause instanceof Error ? `${message} (${cause.name})` : message);
      if (hint !== undefined) stderr.write(`hint: ${hint}\n`);
    },
  };
}

/** Everything but printable ASCII is escaped: the same value for programs, harmless on a terminal. */
function document(kind: string, body: Readonly<Record<string, unknown>>): string {
  const json = JSON.stringify({ schema: `jit.${kind}/v1`, ...body });
  return `${json.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}
