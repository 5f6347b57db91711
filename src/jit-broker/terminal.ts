/**
 * Questions to the operator, on the terminal only and on stderr.
 * @module
 */
import { createInterface } from 'node:readline/promises';
import { JitError } from '../core/errors.ts';

export interface Question {
  readonly text: string;
  /** What an empty answer means; null where there has to be one. */
  readonly usual: string | null;
  /** What is wrong with an answer, or null. */
  readonly problem: (answer: string) => string | null;
}

export interface Terminal {
  /** Whether somebody can be asked. */
  readonly interactive: boolean;
  /** Asks until the answer is good. Throws `ERR_INTERRUPTED` for Ctrl-C and for the end of the input. */
  ask(question: Question): Promise<string>;
}

type Stream = { readonly isTTY?: boolean };

export function openTerminal(input: NodeJS.ReadableStream & Stream, output: NodeJS.WritableStream & Stream): Terminal {
  return {
    interactive: input.isTTY === true && output.isTTY === true,
    ask: async ({ text, usual, problem }) => {
      const lines = createInterface({ input, output });
      const over = new AbortController();
      lines.once('SIGINT', () => over.abort());
      lines.once('close', () => over.abort());
      try {
        for (;;) {
          const shown = usual === null ? `${text} ` : `${text} [${usual}] `;
          const answer = (await lines.question(shown, { signal: over.signal })).trim() || (usual ?? '');
          const wrong = problem(answer);
          if (wrong === null) return answer;
          output.write(`${wrong}\n`);
        }
      } catch (thrown) {
        if (!over.signal.aborted) throw thrown;
        output.write('\n');
        throw new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted; nothing was changed', cause: thrown });
      } finally {
        lines.close();
      }
    },
  };
}
