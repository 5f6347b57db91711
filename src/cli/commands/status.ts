/**
 * `jit status`: the live grants on this machine, with the time that is left.
 * @module
 */
import { existsSync } from 'node:fs';
import { namedIn } from '../../client/ref.ts';
import { worded } from '../../core/errors.ts';
import { type GrantId, isRequestId, parseId, type RequestId } from '../../core/ids.ts';
import type { HeldGrant } from '../../keeper/protocol.ts';
import { command, type Input, usage } from '../command.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';

export interface StatusOptions {
  readonly id: GrantId | RequestId | null;
  readonly format: Format;
}

export const status = command<StatusOptions>({
  name: 'status',
  group: 'everyday',
  summary: 'show the live grants on this machine and the time left',
  positionals: [{ name: 'id', about: 'only this grant or request', takes: 'at most one', offers: 'grants' }],
  flags: [],
  examples: [
    { about: 'what is live here', line: 'jit status' },
    { about: 'seconds left, for a prompt', line: "jit status --json | jq '.grants[0].remainingMs / 1000'" },
  ],
  parse: parseStatus,
  run: runStatus,
});

function parseStatus({ words, format }: Input): StatusOptions {
  const [word, more] = words;
  if (more !== undefined) throw usage('one id at a time', 'see: jit status --help');
  return { id: word === undefined ? null : parseId(word.trim()), format };
}

async function runStatus(context: Context, { id, format }: StatusOptions): Promise<number> {
  const held = await heldHere(context);
  if (id !== null) {
    const found = held?.filter(({ grant }) => grant === id) ?? [];
    if (found.length === 0 || isRequestId(id)) {
      const { showOutcome } = await import('./show.ts');
      return await showOutcome(context, id, format);
    }
    return await print(context, found, format);
  }
  if (held !== null) return await print(context, held, format);
  if (await nothingCanBeLive(context)) return await print(context, [], format);
  const { client, ref } = await context.broker();
  const { items } = await client.grants({ live: true });
  const { heldFrom } = await import('../held.ts');
  const message = 'no keeper runs on this machine; this is what the broker says';
  await context.out.note(worded({ broker: namedIn(ref), message }));
  return await print(
    context,
    items.flatMap((item) => heldFrom(item, ref, context.now())),
    format,
  );
}

/** Null when no keeper runs. */
async function heldHere(context: Context): Promise<readonly HeldGrant[] | null> {
  const keeper = await context.peekKeeper();
  return keeper === null ? null : await keeper.list();
}

/** An embedded broker takes its socket away when it ends, which it does only without a live grant. */
async function nothingCanBeLive(context: Context): Promise<boolean> {
  const ref = await context.brokerRef();
  return ref.kind === 'embedded' && !existsSync(ref.socket);
}

async function print(context: Context, held: readonly HeldGrant[], format: Format): Promise<number> {
  const { out } = context;
  if (format === 'json') out.document('status', { grants: held });
  else if (held.length === 0) await out.note('no live grants on this machine');
  else await (await import('../held.ts')).printHeld(context, held);
  return held.some(({ state, problem }) => state === 'wiping' && problem !== null) ? NOT_WIPED : 0;
}

/** The status of a local file problem: something that should be gone is still there. */
const NOT_WIPED = 11;
