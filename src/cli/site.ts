/**
 * The broker that a command talks to, as its lines name it: nothing is said of the embedded one, which is the only one of its kind.
 * @module
 */
import { namedIn, plainName } from '../client/ref.ts';
import { shellWord } from '../local/fault.ts';
import type { Context } from './context.ts';
import { type Fact, fact } from './table.ts';

export interface Site {
  /** What errors and lines about it begin with; undefined for the embedded broker. */
  readonly broker: string | undefined;
  /** For documents: its name, or `embedded`. */
  readonly name: string;
  /** A command to paste that goes to the same broker: where JIT_BROKER chose it, the line says so again. */
  line(command: string): string;
}

/** Contacts and starts nothing. */
export async function siteOf({ brokerRef, env }: Pick<Context, 'brokerRef' | 'env'>): Promise<Site> {
  const ref = await brokerRef();
  const chosen = env['JIT_BROKER'] ?? '';
  return {
    broker: namedIn(ref),
    name: plainName(ref),
    line: (command) => (chosen === '' ? command : `JIT_BROKER=${shellWord(chosen)} ${command}`),
  };
}

/** A row of a record; none for the embedded broker. */
export function brokerFact({ broker }: Pick<Site, 'broker'>): readonly Fact[] {
  return broker === undefined ? [] : [fact('broker', broker)];
}
