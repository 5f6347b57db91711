/**
 * The keeper: holds live grants, hands out their credentials, and leaves nothing of them behind at their end.
 * @module
 */
import type { Authorizer } from '../client/authorizer.ts';
import { openClient } from '../client/client.ts';
import { ensureEmbedded } from '../client/embedded.ts';
import type { BrokerRef } from '../client/ref.ts';
import { asJitError } from '../core/errors.ts';
import { type Clocks, pause } from '../local/clock.ts';
import { holdLock } from '../local/lock.ts';
import type { LocalPaths } from '../local/paths.ts';
import { notifyDesktop } from '../local/desktop.ts';
import {
  extendSecretFiles,
  removeSecretFiles,
  secretFile,
  sweepSecretFiles,
  writeSecretFile,
} from '../local/secret-files.ts';
import { profilesOf, spotsOf } from '../profiles/all.ts';
import { parseAsk } from './asks.ts';
import { adoptOrphans, type Orphans } from './orphans.ts';
import { type LoopbackEndpoint, openEndpoint, sweepTokens } from './endpoint.ts';
import { fileForm, formatContainer, formatCredential } from './format.ts';
import { hold, type Holding } from './holding.ts';
import { type Adoption, type Ask, PROTOCOL, refOf } from './protocol.ts';
import { openShelf, type Shelf } from './shelf.ts';
import { listenAt } from './socket.ts';
import { answerFromVault, isSecretAsk, openVault, type SecretAsk } from './vault.ts';
import { wipeProfile, wipeStaticKeys } from './wipe.ts';

export interface KeeperRun {
  readonly paths: LocalPaths;
  /** Absolute path of bin/jit-broker, to bring the embedded broker back while one of its grants is live. */
  readonly brokerLauncher: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly userAgent: string;
  /** Proves to a broker for whom the keeper calls; undefined where nothing has to be proven. */
  readonly authorizer?: (ref: BrokerRef) => Authorizer | undefined;
  readonly read: () => Clocks;
  readonly random: () => number;
  /** One line, without a secret in it. */
  readonly log: (line: string) => void;
  /** How long to stay without a grant or a secret; 60 s if left out. */
  readonly idleMs?: number;
  /** Ends the keeper; profiles stay. */
  readonly signal: AbortSignal;
}

const IDLE_MS = 60_000;
/** Whoever ends a session waits about this long before it kills. */
const LEAVE_MS = 3_000;

/**
 * Runs until `signal` aborts, somebody asks it to stop, or neither grant nor secret has been held for a while.
 * @returns `busy` at once if another keeper runs, else `done`. Throws `ERR_LOCAL_FILE` when it cannot listen.
 */
export async function runKeeper(run: KeeperRun): Promise<'busy' | 'done'> {
  const { paths, log } = run;
  const lock = await holdLock('keeper', paths.run);
  if (lock === null) return 'busy';
  const stop = new AbortController();
  run.signal.addEventListener('abort', () => stop.abort());
  let orphans: Orphans | null = null;
  const idle = countdown(run.idleMs ?? IDLE_MS, async () => {
    const pending = (await orphans?.pending()) === true;
    // Something may have been handed over while that was found out.
    if (pending || heldNow() > 0) countAnew();
    else stop.abort();
  });
  const shelf: Shelf = openShelf(
    (adoption) => holdGrant(run, adoption, endpoint),
    () => countAnew(),
  );
  const vault = openVault(run.read, () => countAnew());
  const heldNow = (): number => shelf.list().length + vault.size();
  const countAnew = (): void => idle.reset(heldNow());
  const endpoint = openEndpoint(paths.run, async ({ grant, target, form }) => {
    const { issued, notAfter } = await shelf.credential(grant, target, 'endpoint');
    if (form === 'container') return formatContainer(issued, notAfter);
    return formatCredential(issued, 'gcp', notAfter, run.read().wallMs);
  });
  try {
    await sweepTokens(paths.run);
    await sweepSecretFiles(paths.run);
    const server = await listenAt(paths.keeperSocket, async (text) => {
      const ask = parseAsk(text);
      return isSecretAsk(ask)
        ? answerFromVault(ask, vault)
        : answer(ask, { shelf, endpoint, stop, now: () => run.read().wallMs });
    });
    log('ready');
    // Where the tools look without special variables; a grant that is handed over names its own files.
    orphans = await adoptOrphans(spotsOf(homeOf(run.env), process.platform), {
      locks: paths.locks,
      read: run.read,
      log,
      signal: stop.signal,
    });
    await new Promise<void>((resolve) => {
      if (stop.signal.aborted) resolve();
      else stop.signal.addEventListener('abort', () => resolve());
    });
    log('stopping');
    // Connections that have an answer coming get it; the socket's name goes at once.
    await Promise.race([new Promise((resolve) => server.close(resolve)), pause(500)]);
    await endpoint.stop();
    await Promise.race([shelf.leaveAll(), pause(LEAVE_MS)]);
    return 'done';
  } finally {
    idle.cancel();
    vault.clear();
    lock.release();
  }
}

async function answer(
  ask: Exclude<Ask, SecretAsk>,
  {
    shelf,
    endpoint,
    stop,
    now,
  }: {
    readonly shelf: Shelf;
    readonly endpoint: LoopbackEndpoint;
    readonly stop: AbortController;
    readonly now: () => number;
  },
): Promise<Readonly<Record<string, unknown>>> {
  switch (ask.op) {
    case 'hello':
      return { v: PROTOCOL, pid: process.pid };
    case 'adopt': {
      const { op: _, ...adoption } = ask;
      await shelf.adopt(adoption);
      return { endpoint: ask.delivery === 'endpoint' ? await endpoint.open(ask.grant) : null };
    }
    case 'credential': {
      const { issued, notAfter } = await shelf.credential(ask.grant, ask.target, 'process');
      return { output: formatCredential(issued, ask.format, notAfter, now()), notAfter };
    }
    case 'list':
      return { grants: shelf.list() };
    case 'release':
      await shelf.release(ask.grant);
      return {};
    case 'wipe':
      await shelf.releaseAll();
      return {};
    case 'stop':
      setImmediate(() => stop.abort());
      return {};
  }
}

function holdGrant(run: KeeperRun, adoption: Adoption, endpoint: LoopbackEndpoint): Holding {
  const { paths, brokerLauncher: launcher, env, userAgent, log } = run;
  const ref = refOf(adoption.broker);
  return hold(adoption, {
    openClient: (signal) => openClient(ref, { userAgent, signal, authorizer: run.authorizer?.(ref) }),
    read: run.read,
    random: run.random,
    reviveBroker: async () => {
      // Another socket is another user's setting, or a test's: this keeper does not know how to start that one.
      if (ref.kind !== 'embedded' || ref.socket !== paths.brokerSocket) return;
      await ensureEmbedded({ paths, launcher, env }).catch((thrown: unknown) => {
        log(`the embedded broker cannot be started: ${asJitError(thrown).message}`);
      });
    },
    wipeProfile: (profile) => wipeProfile(profile, adoption.grant, { locks: paths.locks }),
    markProfile: async (profile, expiresAt) =>
      profilesOf(profile.tool)?.extend(profile.places, adoption.grant, expiresAt, { locks: paths.locks }),
    writeSecrets: async ({ credentials, expiresAt }) => {
      let written: 'none' | 'written' = 'none';
      for (const issued of credentials) {
        const content = fileForm(issued);
        if (content === null) continue;
        await writeSecretFile(secretFile(paths.run, adoption.grant, issued.target), content, Date.parse(expiresAt));
        written = 'written';
      }
      return written;
    },
    markSecrets: (expiresAt) => extendSecretFiles(paths.run, adoption.grant, expiresAt),
    removeSecrets: () => removeSecretFiles(paths.run, adoption.grant),
    wipeStaticKeys: (profile) => wipeStaticKeys(profile, adoption.grant, { locks: paths.locks }),
    closeEndpoint: () => endpoint.close(adoption.grant),
    tell: (sentence) => notifyDesktop({ platform: process.platform, env }, sentence),
    log,
  });
}

const homeOf = ({ HOME, USERPROFILE }: KeeperRun['env']): KeeperRun['env'] => ({ HOME, USERPROFILE });

interface Countdown {
  readonly reset: (held: number) => void;
  readonly cancel: () => void;
}

/** Calls `onZero` once nothing has been held for `ms`, counted from now and from each change to nothing held. */
function countdown(ms: number, onZero: () => Promise<void>): Countdown {
  const start = (): NodeJS.Timeout => setTimeout(() => void onZero(), ms);
  let timer = start();
  return {
    reset: (held) => {
      clearTimeout(timer);
      if (held === 0) timer = start();
    },
    cancel: () => clearTimeout(timer),
  };
}
