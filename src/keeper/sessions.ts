/**
 * How the keeper proves to shared brokers for whom it calls: with the session of its user, which it renews as any command does.
 * @module
 */
import type { Authorizer } from '../client/authorizer.ts';
import type { BrokerRef } from '../client/ref.ts';
import type { Clock, Random } from '../core/ports.ts';
import { JitError } from '../core/errors.ts';
import { type Here, sessionPartsAt } from '../identity/session/here.ts';
import type { RecordStore } from '../identity/session/record.ts';
import { openSession } from '../identity/session/session.ts';
import type { LocalPaths } from '../local/paths.ts';
import { peekKeeper } from './connect.ts';

export interface KeeperSessions {
  readonly env: Here['env'];
  readonly platform: NodeJS.Platform;
  readonly paths: Pick<LocalPaths, 'state' | 'locks' | 'keeperSocket'>;
  readonly userAgent: string;
  readonly now: Clock;
  readonly random: Random;
  readonly log: (line: string) => void;
}

/** @returns one for all grants of a broker; undefined for an embedded one, whose socket proves who calls. */
export function openSessions(world: KeeperSessions): (ref: BrokerRef) => Authorizer | undefined {
  const { log, paths, ...rest } = world;
  const opened = new Map<string, Authorizer>();
  // Nobody is asked for a passphrase here, and the choice of the store has come with the environment.
  const here: Here = {
    ...rest,
    paths,
    note: log,
    ask: null,
    choice: async () => null,
    memory: async () => ownMemory(paths),
  };
  return (ref) => {
    if (ref.kind === 'embedded') return undefined;
    const authorizer = opened.get(ref.url.href) ?? openSession(sessionPartsAt(here, ref));
    opened.set(ref.url.href, authorizer);
    return authorizer;
  };
}

/** Through its own socket, as others do; but it starts no other keeper when it is about to end. */
function ownMemory(paths: Pick<LocalPaths, 'keeperSocket'>): RecordStore {
  return {
    label: "the memory of jit's background process",
    get: async (name) => (await (await peekKeeper(paths))?.getSecret(name)) ?? null,
    set: async (name, secret, until) => {
      const keeper = await peekKeeper(paths);
      if (keeper === null) throw new JitError({ code: 'ERR_KEYCHAIN', message: 'the keeper is ending' });
      await keeper.setSecret(name, secret, until);
    },
    delete: async (name) => {
      await (await peekKeeper(paths))?.deleteSecret(name);
    },
  };
}
