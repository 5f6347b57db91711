/**
 * `jit-broker keys`: shows the keys with which a broker signs for clouds, and has another take over.
 * @module
 */
import { lstat, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseBrokerConfig } from '../broker/config/config.ts';
import { jwksUri } from '../broker/issuer/issuer.ts';
import type { StoredKey } from '../broker/issuer/key-file.ts';
import { type Algorithm, ALGORITHMS, type KeyState, publishedKeys, stateOf } from '../broker/issuer/key-ring.ts';
import { lookAtKeyFile, rotateKeys, type RotationStyle } from '../broker/issuer/rotate.ts';
import { display } from '../core/display.ts';
import { formatDuration, parseDuration } from '../core/duration.ts';
import { JitError } from '../core/errors.ts';
import { errnoOf, localFault } from '../local/fault.ts';
import { holdLock } from '../local/lock.ts';
import { localPaths } from '../local/paths.ts';
import { ownUid } from '../local/private-dir.ts';
import { afterRotation } from './keys-advice.ts';
import type { Output } from './output.ts';
import type { Terminal } from './terminal.ts';

/** Which broker: both for a shared one, neither for this user's embedded one. */
export interface BrokerFlags {
  readonly config?: string;
  readonly state?: string;
}

export interface RotateFlags extends BrokerFlags {
  readonly algorithm?: string;
  readonly overlap?: string;
  readonly now?: true;
  readonly yes?: true;
}

export interface KeysWorld {
  readonly env: NodeJS.ProcessEnv;
  readonly now: () => number;
  readonly out: Output;
  readonly terminal: Terminal;
}

const CONFIG_BYTES = 1_048_576;
const USUAL_OVERLAP = '24h';
/** As every state folder has it. */
const KEY_FILE = 'issuer.json';

interface Place {
  readonly kind: 'embedded' | 'shared';
  readonly state: string;
  readonly file: string;
  /** Null where only the sandbox knows this broker. */
  readonly issuer: string | null;
}

/** Prints the published keys. Throws `ERR_NOT_FOUND` where the broker has none yet, and as `rotateKeys` does. */
export async function showKeys(flags: BrokerFlags, world: KeysWorld): Promise<void> {
  const place = await findPlace(flags, world.env);
  const { stored } = await lookAtKeyFile(place.file);
  print('broker-keys', place, stored, world, []);
}

/** Lets another key take over, with an overlap or at once, and prints what there is now and what clouds need. */
export async function rotate(flags: RotateFlags, world: KeysWorld): Promise<void> {
  if (flags.now === true && flags.overlap !== undefined) {
    throw new JitError({
      code: 'ERR_USAGE',
      message: '--now has no overlap',
      hint: 'leave out one of --now and --overlap',
    });
  }
  const seconds = parseDuration(flags.overlap ?? USUAL_OVERLAP);
  const place = await findPlace(flags, world.env);
  const { stored: before } = await lookAtKeyFile(place.file);
  if (flags.now === true && flags.yes !== true) await confirm(before, world);
  const algorithm = readAlgorithm(flags.algorithm);
  const style: RotationStyle =
    flags.now === true ? { kind: 'at-once', algorithm } : { kind: 'overlap', seconds, algorithm };
  const { stored } = await withoutEmbedded(place, async () => rotateKeys(place.file, style, world.now));
  const fresh = stored.at(-1);
  const jwks = place.issuer === null ? null : jwksUri(place.issuer);
  const advice = fresh === undefined || jwks === null ? [] : afterRotation(style, time(fresh.signsFrom), jwks);
  print('broker-keys-rotated', place, stored, world, advice);
}

function readAlgorithm(text: string | undefined): Algorithm | undefined {
  const known = ALGORITHMS.find((algorithm) => algorithm === text);
  if (text === undefined || known !== undefined) return known;
  const hint = `one of: ${ALGORITHMS.join(', ')}`;
  throw new JitError({
    code: 'ERR_USAGE',
    message: `--algorithm: ${display(text, 40)} is none that jit signs with`,
    hint,
  });
}

async function confirm(keys: readonly StoredKey[], { now, out, terminal }: KeysWorld): Promise<void> {
  const count = publishedKeys(keys, now()).length;
  const dropped = count === 1 ? 'the key' : `all ${count} keys`;
  if (!terminal.interactive || out.format === 'json') {
    throw new JitError({
      code: 'ERR_MISSING_INPUT',
      message: `--now drops ${dropped} at once, and clouds refuse the new one until they fetch it`,
      hint: 'confirm it with: --yes',
    });
  }
  out.note(`this drops ${dropped} at once; clouds refuse the new one until they fetch it`);
  await terminal.ask({
    text: 'type yes to go on, or press Ctrl-C:',
    usual: null,
    problem: (answer) => (answer === 'yes' ? null : 'that is not yes'),
  });
}

/** The sandbox learns keys when the embedded broker starts, and then never again. */
async function withoutEmbedded<T>({ kind, state }: Place, work: () => Promise<T>): Promise<T> {
  if (kind === 'shared') return await work();
  const lock = await holdLock('broker', state);
  if (lock === null) {
    throw new JitError({
      code: 'ERR_CONFLICT',
      message: 'the embedded broker is running, and its sandbox would not know the new key',
      hint: 'try again when it has ended, which it does 5m after its last use',
    });
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

async function findPlace({ config, state }: BrokerFlags, env: NodeJS.ProcessEnv): Promise<Place> {
  if (config !== undefined && state !== undefined) {
    const issuer = (await readConfig(config)).issuer;
    if (issuer === null)
      throw new JitError({ code: 'ERR_CONFIG', message: `${config}: a shared broker needs an issuer` });
    return await placeIn('shared', resolve(state), issuer);
  }
  if (config !== undefined || state !== undefined) {
    throw new JitError({
      code: 'ERR_MISSING_INPUT',
      message: `${config === undefined ? '--config' : '--state'} is missing`,
      hint: 'name a shared broker with --config FILE --state FOLDER; without both, the embedded one is meant',
    });
  }
  const paths = localPaths(env, process.platform, ownUid() ?? 0);
  const { issuer } = await readConfig(paths.brokerConfig, '');
  return await placeIn('embedded', paths.brokerState, issuer);
}

async function placeIn(kind: Place['kind'], state: string, issuer: string | null): Promise<Place> {
  const owner = await lstat(state).then(
    ({ uid }) => uid,
    () => null,
  );
  const own = ownUid();
  if (owner !== null && own !== null && owner !== own) {
    const hint = `run this as the user of the broker: sudo -u '#${owner}' jit-broker keys …`;
    throw localFault(state, 'belongs to another user', hint);
  }
  return { kind, state, file: join(state, KEY_FILE), issuer };
}

async function readConfig(file: string, absent?: string) {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    if (absent !== undefined && errnoOf(cause) === 'ENOENT') return absent;
    throw new JitError({ code: 'ERR_CONFIG', message: `cannot read ${file}`, cause });
  });
  if (text.length > CONFIG_BYTES) throw new JitError({ code: 'ERR_CONFIG', message: `${file} is too large` });
  return parseBrokerConfig(text, file);
}

function print(
  kind: string,
  { issuer }: Place,
  stored: readonly StoredKey[],
  { now, out }: KeysWorld,
  advice: readonly { readonly where: string; readonly needs: string }[],
): void {
  const at = now();
  const keys = publishedKeys(stored, at);
  const jwks = issuer === null ? null : jwksUri(issuer);
  const views = keys.map((key, index) => ({
    kid: key.kid,
    /** RFC 7638 with SHA-256. */
    thumbprint: key.kid,
    algorithm: algorithmOf(key),
    state: stateOf(key, keys, at),
    createdAt: time(key.createdAt),
    signsFrom: time(key.signsFrom),
    signsUntil: optionalTime(keys[index + 1]?.signsFrom ?? null),
    publishedUntil: optionalTime(key.retiresAt),
  }));
  const lines = [
    `issuer  ${issuer ?? 'only the sandbox knows this broker'}`,
    ...(jwks === null ? [] : [`jwks    ${jwks}`]),
    '',
    'key (its RFC 7638 thumbprint)                signs  state',
    ...keys.map(
      (key, index) =>
        `${key.kid}  ${algorithmOf(key)}  ${describe(key, keys[index + 1] ?? null, stateOf(key, keys, at), at)}`,
    ),
    ...(advice.length === 0 ? [] : ['', 'what clouds need:']),
    ...advice.map(({ where, needs }) => `  ${where}: ${needs}`),
  ];
  out.data(kind, { issuer, jwksUri: jwks, keys: views, ...(advice.length === 0 ? {} : { clouds: advice }) }, lines);
}

const algorithmOf = ({ jwk }: StoredKey): Algorithm => (jwk.kty === 'RSA' ? 'RS256' : 'ES256');

function describe(key: StoredKey, next: StoredKey | null, state: KeyState, at: number): string {
  const when = (moment: number): string => `${time(moment)} (in ${formatDuration(Math.ceil((moment - at) / 1_000))})`;
  switch (state) {
    case 'signing':
      return next === null ? `signing since ${time(key.signsFrom)}` : `signing until ${when(next.signsFrom)}`;
    case 'next':
      return `next, signs from ${when(key.signsFrom)}`;
    case 'published':
    case 'retired':
      return key.retiresAt === null ? 'published' : `published until ${when(key.retiresAt)}, signs no more`;
  }
}

const time = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
const optionalTime = (at: number | null): string | null => (at === null ? null : time(at));
