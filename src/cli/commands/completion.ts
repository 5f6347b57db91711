/**
 * `jit completion`: scripts for shells, and what they ask for: live grants, open requests, reviews and incidents, names of brokers.
 * @module
 */
import { EMBEDDED } from '../../client/ref.ts';
import { display } from '../../core/display.ts';
import { command, type Command, usage } from '../command.ts';
import { COMPLETION_SHELLS, type CompletionShell, completionScript } from '../completion.ts';
import type { Format } from '../output.ts';
import { readSettings } from '../settings.ts';

export interface CompletionOptions {
  readonly what: CompletionShell | (typeof ASKED)[number];
  readonly format: Format;
}

const MOST = 50;
const ASKED = ['grants', 'requests', 'reviews', 'incidents', 'brokers'] as const;
/** A source of incidents that hangs must not hold up a shell. */
const PATIENCE_MS = 1_500;
// The scripts let the shell expand these words, and the second kind is somebody else's: nothing that means anything to a shell.
const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/;
const ID = /^[A-Za-z0-9][\w.-]{0,63}\/[A-Za-z0-9#][\w.-]{0,127}$/;

/** @param all every command, this one included: it cannot import the list that it is part of. */
export function completionCommand(all: () => readonly Command[]): Command {
  return command<CompletionOptions>({
    name: 'completion',
    group: 'other',
    summary: 'print a completion script for bash, zsh or fish',
    positionals: [{ name: 'shell', about: 'bash, zsh or fish', takes: 'one', offers: COMPLETION_SHELLS }],
    flags: [],
    examples: [
      { about: 'for this session', line: 'source <(jit completion bash)' },
      { about: 'for good, in fish', line: 'jit completion fish > ~/.config/fish/completions/jit.fish' },
    ],
    parse: ({ words, format }) => {
      const what = [...COMPLETION_SHELLS, ...ASKED].find((known) => known === words[0]);
      if (what === undefined)
        throw usage(
          `jit has no completion for ${display(words[0] ?? '', 40)}`,
          `one of: ${COMPLETION_SHELLS.join(', ')}`,
        );
      return { what, format };
    },
    run: async (context, { what, format }) => {
      const { out } = context;
      if (what === 'grants') {
        const keeper = await context.peekKeeper();
        const ids = keeper === null ? [] : (await keeper.list()).map(({ grant }) => grant);
        out.raw(ids.map((id) => `${id}\n`).join(''));
      } else if (what === 'requests') {
        const { client } = await context.broker();
        const [voting, own] = [await client.inbox({ limit: MOST }), await client.requests({ limit: MOST })];
        const open = [...voting.items, ...own.items].filter(({ request }) => request.can.length > 0);
        out.raw(open.map(({ request }) => `${request.id}\n`).join(''));
      } else if (what === 'reviews') {
        const { client } = await context.broker(AbortSignal.timeout(PATIENCE_MS));
        const { items } = await client.reviews();
        out.raw(items.flatMap(({ request, can }) => (can ? [`${request.id}\n`] : [])).join(''));
      } else if (what === 'incidents') {
        const { client } = await context.broker(AbortSignal.timeout(PATIENCE_MS));
        const { items } = await client.incidents();
        const words = items.map(({ reference, source, id }) => (NAME.test(reference) ? reference : `${source}/${id}`));
        out.raw(words.flatMap((word) => (NAME.test(word) || ID.test(word) ? [`${word}\n`] : [])).join(''));
      } else if (what === 'brokers') {
        const { brokers } = await readSettings(context.paths());
        out.raw([...brokers.keys(), EMBEDDED].map((name) => `${name}\n`).join(''));
      } else {
        const script = completionScript(what, all());
        if (format === 'json') out.document('completion', { shell: what, script });
        else out.raw(script);
      }
      return 0;
    },
  });
}
