/**
 * Incidents that stand in a file of the operator. Whoever can write it can open and close them, so it has to be theirs alone.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { JitError } from '../../core/errors.ts';
import type { Heard, Incident, IncidentSignal, OpenSource } from '../../core/incident.ts';
import { type PrivateFile, readPrivateFile } from '../../local/private-file.ts';
import { untrusted } from '../untrusted.ts';
import { FILE_ID, readIncidents } from './form.ts';

export interface FileParts {
  readonly name: string;
  /** Absolute. */
  readonly file: string;
  readonly tiers: ReadonlySet<number>;
  /** How often the file is looked at without a question; each second if left out. */
  readonly everyMs?: number;
}

const LARGEST = 262_144;
const EVERY_MS = 1_000;
/** How far apart two reads are that have to agree: no editor pauses that long in the middle of writing. */
const SETTLE_MS = 20;
const TRIES = 10;

/**
 * Reads the file at each question. From the first question on it is looked at each second as well, and what has changed since is
 * told, if anybody listens. A file that is missing, open to others or broken in any place makes every question fail.
 */
export function openIncidentFile(parts: FileParts): OpenSource {
  const { name, everyMs = EVERY_MS } = parts;
  let told: ReadonlyMap<string, Incident> | null = null;
  const watch = new AbortController();

  async function incidents(): Promise<ReadonlyMap<string, Incident>> {
    const found = new Map((await readFile(parts)).map((each) => [each.id, each]));
    told ??= found;
    return found;
  }
  async function byId(text: string): Promise<Incident | null> {
    const found = await incidents();
    return FILE_ID.test(text) ? (found.get(text) ?? null) : null;
  }
  async function tell(heard: Heard): Promise<void> {
    if (told === null) return;
    const found = new Map((await readFile(parts)).map((each) => [each.id, each]));
    const signals = changes(told, found);
    if (signals.length > 0) await heard(name, signals);
    told = found;
  }

  return {
    source: {
      name,
      find: byId,
      look: byId,
      open: async () => {
        const open = [...(await incidents()).values()].filter(({ state }) => state === 'open');
        return open.toSorted((a, b) => b.openedAt - a.openedAt);
      },
    },
    hook: (heard) => {
      void every(everyMs, watch.signal, () => tell(heard));
      return async () => {
        throw new JitError({ code: 'ERR_NOT_SIGNED_IN', message: 'nobody calls about incidents that stand in a file' });
      };
    },
    stop: () => watch.abort(),
  };
}

/** Until `signal` is aborted, and never two at a time. What fails is tried again: those who ask meanwhile are told why. */
async function every(ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await pause(ms, undefined, { signal, ref: false }).catch(() => undefined);
    if (!signal.aborted) await work().catch(() => undefined);
  }
}

/** A file that changes between two reads is being written, and half of it would be fewer incidents than there are. */
async function readFile(parts: FileParts): Promise<readonly Incident[]> {
  const { name, file, tiers } = parts;
  const read = async (): Promise<PrivateFile> =>
    readPrivateFile(file, { maxBytes: LARGEST, closed: 'write' }).catch(refuse(parts));
  let before = await read();
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    await pause(SETTLE_MS);
    const { bytes, mtimeMs } = await read();
    if (before.bytes.equals(bytes)) {
      return readIncidents(decoded(name, bytes), { source: name, tiers, writtenAt: Math.floor(mtimeMs) });
    }
    before = { bytes, mtimeMs };
  }
  throw untrusted(name, 'their file keeps changing');
}

function refuse({ name, file }: FileParts): (cause: unknown) => never {
  return (cause) => {
    // Without the path, which is nothing to whoever asks for access.
    const why = cause instanceof JitError ? cause.message.replace(`${file}: `, '') : 'it cannot be read';
    throw untrusted(name, `their file is of no use: ${why}`, { cause });
  };
}

function decoded(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw untrusted(name, 'their file is not UTF-8', { cause });
  }
}

function changes(
  before: ReadonlyMap<string, Incident>,
  after: ReadonlyMap<string, Incident>,
): readonly IncidentSignal[] {
  const ids = new Set([...before.keys(), ...after.keys()]);
  return [...ids].flatMap((id) => {
    const [old, now] = [before.get(id), after.get(id)];
    if (same(old, now)) return [];
    // One that is gone from the file is over.
    const says = now?.state !== 'open' ? 'closed' : old?.state === 'open' ? 'changed' : 'opened';
    return [{ event: randomUUID(), id, says }];
  });
}

/** The time of opening follows from when the file was written where the file does not say it. */
function same(a: Incident | undefined, b: Incident | undefined): boolean {
  return JSON.stringify({ ...a, openedAt: 0 }) === JSON.stringify({ ...b, openedAt: 0 });
}
