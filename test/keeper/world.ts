/**
 * A home, a broker and a keeper for the tests in this folder: real processes, real sockets, real files.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import type { BrokerRef } from '../../src/client/ref.ts';
import type { GrantId } from '../../src/core/ids.ts';
import { adoptionOf, type Keeper, openKeeper, peekKeeper } from '../../src/keeper/connect.ts';
import type { Delivery, Endpoint, HeldProfile } from '../../src/keeper/protocol.ts';
import { type LocalPaths, localPaths } from '../../src/local/paths.ts';
import { ensurePrivateDir } from '../../src/local/private-dir.ts';
import { awsFiles } from '../../src/profiles/aws/names.ts';
import { writeProfile } from '../../src/profiles/aws/write.ts';
import type { Outcome } from '../../src/wire/views.ts';
import { type FakeBroker, fakeBroker, type GrantOptions } from '../fakes/broker.ts';
import { eventually } from '../support/eventually.ts';
import { type Home, processesOf, tempHome } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';

export const JIT = resolve('bin/jit');

export interface World {
  readonly home: Home;
  readonly paths: LocalPaths;
  readonly broker: FakeBroker;
  readonly ref: BrokerRef;
  /** The broker's grant, handed to the keeper; with a profile in ~/.aws/config for the delivery `process`. */
  adopt(options: GrantOptions, delivery?: Delivery): Promise<Adopted>;
  keeper(): Promise<Keeper>;
  /** The keeper's process id. Throws where none runs. */
  pid(): Promise<number>;
  credential(grant: GrantId): Promise<Ended>;
}

/** A profile of the aws tools. */
interface Held extends HeldProfile {
  readonly tool: 'aws';
  readonly places: Readonly<Record<'config' | 'credentials', string>>;
}

export interface Adopted {
  readonly grant: GrantId;
  readonly outcome: Outcome;
  readonly profile: Held | null;
  readonly endpoint: Endpoint | null;
}

export async function world(t: TestContext): Promise<World> {
  const home = tempHome(t);
  const paths = localPaths(home.env, process.platform, process.geteuid?.() ?? 0);
  await ensurePrivateDir(paths.run);
  // Not the socket of the real embedded broker: the keeper must not start one here.
  const socket = join(paths.run, 'fake.sock');
  const broker = await fakeBroker(socket);
  t.after(() => broker.stop().catch(() => undefined));
  const ref = { kind: 'embedded', socket } as const;
  const keeper = (): Promise<Keeper> => openKeeper({ paths, launcher: JIT, env: home.env });
  return {
    home,
    paths,
    broker,
    ref,
    keeper,
    adopt: async (options, delivery = 'process') => {
      // First the process, then the grant, whose seconds are counted from its making.
      const holder = await keeper();
      const outcome = broker.grant(options);
      const { grant } = outcome;
      if (grant === null || grant.expiresAt === null) throw new Error('no grant');
      const files = awsFiles(home.env);
      const profile: Held = { tool: 'aws', name: `jit-${grant.id.slice(-6)}`, places: { ...files } };
      if (delivery === 'process') {
        const command = { runtime: process.execPath, script: JIT };
        const entry = { name: profile.name, grant: grant.id, expiresAt: Date.parse(grant.expiresAt), command };
        await writeProfile(files, entry, { locks: paths.locks, now: Date.now });
      }
      const held = delivery === 'process' ? profile : null;
      const adoption = adoptionOf(outcome, { broker: ref, profiles: held === null ? [] : [held], delivery });
      return { grant: grant.id, outcome, profile: held, endpoint: await holder.adopt(adoption) };
    },
    pid: () => pidOf(home),
    credential: (grant) => run(process.execPath, [JIT, 'credential', grant, '--format', 'aws'], { env: home.env }),
  };
}

/** The keeper of this home, by its name in the process table. */
async function pidOf(home: Home): Promise<number> {
  const found = await run('pgrep', ['-f', '^jit keeper']);
  const own = new Set(processesOf(home.path));
  const pid = found.stdout
    .split('\n')
    .map(Number)
    .find((candidate) => own.has(candidate));
  if (pid === undefined) throw new Error('no keeper runs');
  return pid;
}

/** Starts a keeper directly, for tests that need to wrap it. Ready when it answers. */
export async function startKeeper(
  home: Home,
  paths: LocalPaths,
  wrap: readonly string[] = [],
  env = {},
): Promise<ChildProcess> {
  const [file, ...args] = [...wrap, process.execPath, JIT, 'keeper'];
  const child = spawn(file, args, { env: { ...home.env, ...env }, stdio: 'ignore' });
  await eventually(() => peekKeeper(paths));
  return child;
}
