/**
 * The keeper as its clients see it. Loads neither schemas nor HTTP, so that `jit status` stays quick.
 * @module
 */
import { type BrokerRef, namedIn } from '../client/ref.ts';
import { JitError } from '../core/errors.ts';
import type { GrantId } from '../core/ids.ts';
import { Secret } from '../core/secret.ts';
import type { LocalPaths } from '../local/paths.ts';
import type { Outcome } from '../wire/views.ts';
import { type Answer, converse, fault } from './converse.ts';
import { overError, whyOver } from './ending.ts';
import {
  addressOf,
  type Adoption,
  type Ask,
  type Delivery,
  type Endpoint,
  type Format,
  type HandedOut,
  type HeldGrant,
  type HeldProfile,
} from './protocol.ts';
import { readEndpoint, readHandedOut, readHeld, readSecret } from './read-answer.ts';

export interface KeeperOptions {
  readonly paths: Pick<LocalPaths, 'run' | 'state' | 'keeperSocket'>;
  /** Absolute path of bin/jit. */
  readonly launcher: string;
  /** The caller's environment; only a short list of it reaches the keeper. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

/** A running keeper. Every call throws `JitError`, `ERR_KEEPER` when the keeper itself is the trouble. */
export interface Keeper {
  /**
   * Hands a grant over: from now on the keeper fetches its credentials, watches it, and wipes its profiles at the end.
   * Adopting the same grant again changes nothing but the profiles and the delivery, and its end if it is newly heard of.
   * @returns where an SDK finds the credentials, for the delivery `endpoint`; else null.
   */
  adopt(adoption: Adoption): Promise<Endpoint | null>;
  /**
   * A credential of a grant it holds, ready to print and without a final newline.
   * Throws `ERR_NOT_FOUND` for a grant that it does not hold (see `credentialThroughKeeper`), `ERR_GRANT_ENDED` after
   * the end, `ERR_TARGET` where a grant of several targets needs one to be named.
   */
  credential(
    grant: GrantId,
    ask: { readonly format: Format; readonly target?: string | undefined },
  ): Promise<Secret<HandedOut>>;
  /** Grants that it holds, those that are over and could not be wiped yet included; soonest end first. */
  list(): Promise<readonly HeldGrant[]>;
  /**
   * Wipes one grant's profiles, credentials and endpoint now, and forgets it. A grant that it does not hold is no error.
   * Throws `ERR_LOCAL_FILE` when the profile could not be removed; the keeper goes on trying.
   */
  release(grant: GrantId): Promise<void>;
  /** `release` for every grant. The grants themselves go on at the broker. */
  wipe(): Promise<void>;
  /** A secret in its memory, or null where it holds none of that name, or none any more. */
  getSecret(name: string): Promise<Secret<string> | null>;
  /**
   * Holds a secret in memory, and nowhere else, until a moment in epoch milliseconds; replaces one of the same name.
   * Throws `ERR_KEYCHAIN` for more than 20 secrets, one above 64 KiB, and a moment that is over or over 30 days away.
   */
  setSecret(name: string, secret: Secret<string>, until: number): Promise<void>;
  /** One that it does not hold is no error. */
  deleteSecret(name: string): Promise<void>;
  /** Ends the process after its answer. Profiles stay and start it again; endpoints are gone. */
  stop(): Promise<void>;
}

/** Connects to the keeper, starting it if need be. Throws `ERR_KEEPER` with the end of its log as hint if it does not come up. */
export async function openKeeper(options: KeeperOptions): Promise<Keeper> {
  await start(options);
  return speakWith(options.paths.keeperSocket, () => start(options));
}

/** The keeper if it runs, else null. Starts nothing, waits at most 2 s. */
export async function peekKeeper(paths: Pick<LocalPaths, 'keeperSocket'>): Promise<Keeper | null> {
  const answer = await converse(paths.keeperSocket, { op: 'hello' }, 2_000);
  return answer === null ? null : speakWith(paths.keeperSocket, () => Promise.resolve());
}

const SHOWN_RESOURCES = 5;

/** What to hand over for a grant that the broker reports as active. Throws `ERR_PENDING` before that, `ERR_GRANT_ENDED` after. */
export function adoptionOf(
  outcome: Outcome,
  ways: { readonly broker: BrokerRef; readonly profiles: readonly HeldProfile[]; readonly delivery: Delivery },
): Adoption {
  const { request, grant } = outcome;
  const broker = namedIn(ways.broker);
  if (grant === null || grant.state === 'issuing') {
    throw new JitError({
      code: 'ERR_PENDING',
      message: 'nothing is issued yet',
      hint: `wait with: jit wait ${request.id}`,
      broker,
    });
  }
  if (grant.state !== 'active' || grant.expiresAt === null) {
    throw overError(whyOver(grant.reason, request.incident?.reference ?? null), broker);
  }
  const [first] = grant.legs;
  return {
    grant: grant.id,
    broker: addressOf(ways.broker),
    profiles: ways.profiles,
    delivery: ways.delivery,
    expiresAt: grant.expiresAt,
    version: grant.version,
    about: {
      operation: request.asks.map(({ operation }) => operation).join(', '),
      // For display only, and the whole must fit into one message.
      resources: request.asks.flatMap(({ resources }) => resources).slice(0, SHOWN_RESOURCES),
      targets: grant.legs.map(({ target }) => target),
      environment: first?.environment ?? '',
      sandbox: grant.legs.some(({ sandbox }) => sandbox),
      reason: request.reason,
      incident: request.incident?.reference ?? null,
      seconds: grant.seconds,
      idleSeconds: grant.idleSeconds,
    },
  };
}

/** Where its user's session rests and their desktop is, and where a workload of this machine is vouched for. Addresses and names, no secrets. */
const READ_BY_KEEPER =
  /^(?:DBUS_SESSION_BUS_ADDRESS|DISPLAY|WAYLAND_DISPLAY|JIT_SECRET_(?:STORE|PASSPHRASE_FILE)|SPIFFE_ENDPOINT_SOCKET|AWS_(?:DEFAULT_)?REGION|AWS_CONTAINER_CREDENTIALS_RELATIVE_URI|AWS_WEB_IDENTITY_TOKEN_FILE|AWS_ROLE_ARN|AZURE_(?:CLIENT_ID|TENANT_ID|AUTHORITY_HOST|FEDERATED_TOKEN_FILE)|GCE_METADATA_(?:HOST|IP))$/;

async function start({ paths, launcher, env, signal }: KeeperOptions): Promise<void> {
  // Imported late: usually the keeper is there already.
  const probe = async (): Promise<boolean> => (await converse(paths.keeperSocket, { op: 'hello' }, 5_000)) !== null;
  if (await probe()) return;
  const { awaitReady, startDaemon } = await import('../client/daemon.ts');
  await awaitReady({
    what: 'the keeper',
    code: 'ERR_KEEPER',
    probe,
    start: () =>
      startDaemon({
        script: launcher,
        args: ['keeper'],
        env,
        keep: READ_BY_KEEPER,
        log: { folder: paths.state, name: 'keeper.log' },
      }),
    signal,
  });
}

function speakWith(socketPath: string, restart: () => Promise<void>): Keeper {
  async function ask(question: Ask): Promise<Answer> {
    const answer = await converse(socketPath, question);
    if (answer !== null) return answer;
    // It ended between two calls, as an idle keeper does.
    await restart();
    const again = await converse(socketPath, question);
    if (again !== null) return again;
    throw fault('it went away');
  }

  return {
    adopt: async (adoption) => readEndpoint((await ask({ op: 'adopt', ...adoption })).get('endpoint')),
    credential: async (grant, { format, target }) =>
      new Secret(readHandedOut(await ask({ op: 'credential', grant, format, target }))),
    list: async () => readHeld((await ask({ op: 'list' })).get('grants')),
    release: async (grant) => {
      await ask({ op: 'release', grant });
    },
    wipe: async () => {
      await ask({ op: 'wipe' });
    },
    getSecret: async (name) => readSecret(await ask({ op: 'secret-get', name })),
    setSecret: async (name, secret, until) => {
      const encoded = Buffer.from(secret.expose()).toString('base64');
      await ask({ op: 'secret-set', name, secret: encoded, until });
    },
    deleteSecret: async (name) => {
      await ask({ op: 'secret-delete', name });
    },
    stop: async () => {
      await converse(socketPath, { op: 'stop' });
    },
  };
}
