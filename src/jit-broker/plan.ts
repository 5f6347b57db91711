/**
 * What a broker is to be made of, for the two ways in which one runs.
 * @module
 */
import { lstat, readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { type BrokerConfig, parseBrokerConfig } from '../broker/config/config.ts';
import { loadPolicySources } from '../broker/config/policy-sources.ts';
import type { Address } from '../broker/http/listen.ts';
import { JitError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { readOwnFile } from '../local/atomic.ts';
import { homeFolder, localPaths, refuseForeignHome } from '../local/paths.ts';
import { ensurePrivateDir, ownerOf, ownUid } from '../local/private-dir.ts';
import type { PolicySource } from '../policy/read.ts';
import { starterPolicy } from '../policy/starter.ts';

export type Mode =
  | { readonly kind: 'embedded'; readonly idleSeconds: number }
  | { readonly kind: 'shared'; readonly config: string; readonly state: string };

export interface BrokerPlan {
  readonly config: BrokerConfig;
  /** Makes a path of the configuration absolute. */
  readonly beside: (file: string) => string;
  /** Reads the policies as they are now. Throws `ERR_CONFIG`. */
  readonly readPolicies: () => Promise<readonly PolicySource[]>;
  /** A private folder that exists. */
  readonly state: string;
  readonly locks: string;
  readonly address: Address;
  readonly issuer: string;
  /** Everybody who can reach the socket is this user; null where the network says nothing about the caller. */
  readonly user: Principal | null;
  /** Host names served over TCP. */
  readonly hosts: ReadonlySet<string> | null;
  readonly sandbox: 'with sandbox' | 'without';
  /** Seconds without work after which the broker ends by itself, or null. */
  readonly idleSeconds: number | null;
}

const CONFIG_BYTES = 1_048_576;
/** Never resolvable (RFC 2606): only the sandbox is told to trust it, and it is handed the key itself. */
const EMBEDDED_ISSUER = 'https://embedded.jit.invalid';

/** Reads configuration and policies, and makes sure that the state folder is private. */
export async function planBroker(mode: Mode, env: NodeJS.ProcessEnv): Promise<BrokerPlan> {
  return mode.kind === 'embedded' ? planEmbedded(mode.idleSeconds, env) : planShared(mode.config, mode.state);
}

async function planEmbedded(idleSeconds: number, env: NodeJS.ProcessEnv): Promise<BrokerPlan> {
  const uid = ownUid() ?? 0;
  refuseForeignHome(env, uid, ownerOf);
  const paths = localPaths(env, process.platform, uid);
  for (const folder of [paths.state, paths.brokerState, paths.run]) await ensurePrivateDir(folder);
  const bytes = await readOwnFile(paths.brokerConfig, CONFIG_BYTES);
  const config = parseBrokerConfig(bytes === null ? '{}' : Buffer.from(bytes).toString('utf8'), paths.brokerConfig);
  if (config.targets.has('sandbox')) {
    throw new JitError({
      code: 'ERR_CONFIG',
      message: 'the name sandbox is taken by the sandbox',
      hint: `rename that target in ${paths.brokerConfig}`,
    });
  }
  const folder = config.policies === null ? paths.policies : resolve(dirname(paths.brokerConfig), config.policies);
  return {
    config,
    beside: (file) => resolve(dirname(paths.brokerConfig), file),
    readPolicies: async () => {
      const own = config.policies !== null || (await exists(folder)) ? await loadPolicySources(folder) : [];
      return own.length > 0 ? own : [await starterPolicy()];
    },
    state: paths.brokerState,
    locks: paths.locks,
    address: { kind: 'socket', path: paths.brokerSocket },
    issuer: config.issuer ?? EMBEDDED_ISSUER,
    user: osUser(uid, env),
    hosts: null,
    sandbox: 'with sandbox',
    idleSeconds,
  };
}

async function planShared(configFile: string, stateFolder: string): Promise<BrokerPlan> {
  const state = resolve(stateFolder);
  await ensurePrivateDir(state);
  const config = parseBrokerConfig(await readFile(configFile, 'utf8').catch(refuse(configFile)), configFile);
  const { listen, issuer, policies } = config;
  if (listen === null || issuer === null || policies === null) {
    const message = `${configFile}: a shared broker needs listen, issuer and policies`;
    throw new JitError({ code: 'ERR_CONFIG', message });
  }
  const publicUrl = new URL(issuer);
  const beside = (file: string): string => resolve(dirname(configFile), file);
  const tls =
    listen.tls === null
      ? null
      : { cert: beside(listen.tls.cert), key: beside(listen.tls.key), host: publicUrl.hostname };
  return {
    config,
    beside,
    readPolicies: async () => loadPolicySources(beside(policies)),
    state,
    locks: join(state, 'locks'),
    address: { kind: 'tcp', host: listen.host, port: listen.port, tls },
    issuer,
    user: null,
    // Whoever reaches a listener without TLS directly is on this machine, as a probe of its health is.
    hosts: new Set([
      publicUrl.host,
      ...(tls === null ? [`${bracketed(listen.host)}:${listen.port}`, `localhost:${listen.port}`] : []),
    ]),
    sandbox: 'without',
    idleSeconds: null,
  };
}

/** A host as it stands in a URL (RFC 3986, section 3.2.2). */
const bracketed = (host: string): string => (isIPv6(host) ? `[${host}]` : host);

/** The socket's folder is open to one user only, so whoever connects is that user. */
function osUser(uid: number, env: NodeJS.ProcessEnv): Principal {
  // Only a name for people and for the cloud's records: the subject is what identifies.
  const name = (env['USER'] ?? env['USERNAME'] ?? '').trim();
  const fallback = homeFolder(env, process.platform).split(/[/\\]/).at(-1) ?? '';
  const shown = [name, fallback, `uid-${uid}`].find((each) => /^[\w+=,.@-]{2,64}$/.test(each)) ?? `uid-${uid}`;
  return { kind: 'user', issuer: 'os', subject: String(uid), name: shown, groups: [] };
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function refuse(file: string): (cause: unknown) => never {
  return (cause) => {
    throw new JitError({ code: 'ERR_CONFIG', message: `cannot read ${file}`, cause });
  };
}
