/**
 * `jit status`: the live grants on this machine, with the time that is left.
 * @module
 */
import { existsSync } from 'node:fs';
import { type GrantId, isRequestId, parseId, type RequestId } from '../../core/ids.ts';
import type { HeldGrant } from '../../keeper/protocol.ts';
import { command, type Input, usage } from '../command.ts';
import type { Context } from '../context.ts';
import { HELD_COLUMNS, heldRow } from '../held.ts';
import type { Format } from '../output.ts';
import { table } from '../table.ts';

export interface StatusOptions {
  readonly id: GrantId | RequestId | null;
  readonly format: Format;
}

export const status = command<StatusOptions>({
  name: 'status',
  group: 'everyday',
  summary: 'show the live grants on this machine and the time that is left',
  positionals: [{ name: 'id', about: 'only this grant or request', takes: 'at most one', offers: 'grants' }],
  flags: [],
  examples: [
    { about: 'what is live here', line: 'jit status' },
    { about: 'seconds left, for a prompt', line: "jit status --json | jq '.grants[0].remainingMs / 1000'" },
  ],
  parse: parseStatus,
  run: runStatus,
});

/** Also the quick way in, for `jit status` and `jit status --json` without the rest of the program. */
export function parseStatus({ words, format }: Pick<Input, 'words' | 'format'>): StatusOptions {
  const [word, more] = words;
  if (more !== undefined) throw usage('one id at a time', 'see: jit status --help');
  return { id: word === undefined ? null : parseId(word.trim()), format };
}

export async function runStatus(context: Context, { id, format }: StatusOptions): Promise<number> {
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
  const { listLive } = await import('./list.ts');
  return await listLive(context, format);
}

async function heldHere(context: Context): Promise<readonly HeldGrant[] | null> {
  const keeper = await context.peekKeeper();
  return keeper === null ? null : await keeper.list();
}

/** An embedded broker takes its socket away when it ends, which it does only without a live grant. */
async function nothingCanBeLive(context: Context): Promise<boolean> {
  const ref = await context.brokerRef();
  return ref.kind === 'embedded' && !existsSync(ref.socket);
}

async function print({ out, now }: Context, held: readonly HeldGrant[], format: Format): Promise<number> {
  if (format === 'json') {
    out.document('status', { grants: held });
  } else if (held.length === 0) {
    await out.note('no live grants on this machine');
  } else {
    await out.print(
      table(
        HELD_COLUMNS,
        held.map((each) => heldRow(each, now())),
        out.width,
      ),
    );
    for (const { grant, problem, clockDriftSeconds } of held) {
      if (problem !== null) await out.note(`${grant}: ${problem}`);
      if (Math.abs(clockDriftSeconds) >= DRIFT_SECONDS) {
        await out.note(
          `${grant}: the clock of this machine was set ${Math.abs(clockDriftSeconds)}s ${clockDriftSeconds > 0 ? 'forward' : 'back'}`,
        );
      }
    }
  }
  return held.some(({ problem, state }) => problem !== null && state === 'wiping') ? NOT_WIPED : 0;
}

const DRIFT_SECONDS = 5;
/** The status of a local file problem: something that should be gone is still there. */
const NOT_WIPED = 11;
