/**
 * The client's settings: which broker, out of JIT_BROKER and config.yaml. Nothing is read from the current directory.
 * @module
 */
import { type BrokerRef, EMBEDDED, parseBrokerUrl } from '../client/ref.ts';
import { display } from '../core/display.ts';
import { JitError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';
import { SECRET_CHOICES, type SecretChoice } from '../identity/secrets/open.ts';
import { readOwnFile } from '../local/atomic.ts';
import type { LocalPaths } from '../local/paths.ts';
import type { Env } from './context.ts';

/** config.yaml, checked. */
export interface Settings {
  /** The name of a broker below, or `embedded`. */
  readonly broker: string | null;
  readonly brokers: ReadonlyMap<string, { readonly url: string }>;
  /** Where people's sessions rest; null where nothing is said. */
  readonly secrets: SecretChoice | null;
}

export const NO_SETTINGS: Settings = { broker: null, brokers: new Map(), secrets: null };
const BROKER_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
const LONGEST_FILE = 65_536;

/** Throws `ERR_CONFIG` naming the key that is wrong; a missing file is no settings. */
export async function readSettings(paths: Pick<LocalPaths, 'configFile'>): Promise<Settings> {
  const bytes = await readOwnFile(paths.configFile, LONGEST_FILE);
  return bytes === null ? NO_SETTINGS : await parseSettings(bytes.toString('utf8'), paths.configFile);
}

/** @param source what messages call the text. Throws `ERR_CONFIG`: an unknown key is never silently ignored. */
export async function parseSettings(text: string, source: string): Promise<Settings> {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { uniqueKeys: true });
  const [problem] = document.errors;
  if (problem !== undefined)
    throw wrong(source, `line ${problem.linePos?.[0].line ?? 1} is not YAML that jit can read`);
  let value: unknown;
  try {
    // Aliases can make a small file into a huge value, and settings need none.
    value = document.toJS({ maxAliasCount: 0 });
  } catch {
    throw wrong(source, 'aliases (*name) are not used in settings');
  }
  return value === null ? NO_SETTINGS : checkSettings(value, source);
}

function checkSettings(value: unknown, source: string): Settings {
  const root = members(value, source, 'the file');
  allowOnly(root, ['broker', 'brokers', 'secrets'], source, '');
  const brokers = new Map<string, { readonly url: string }>();
  for (const [name, entry] of members(root.get('brokers') ?? {}, source, 'brokers')) {
    checkBrokerName(name, source);
    const fields = members(entry, source, `brokers.${name}`);
    allowOnly(fields, ['url'], source, `brokers.${name}.`);
    const url = fields.get('url');
    if (typeof url !== 'string') throw wrong(source, `brokers.${name}.url is missing or not text`);
    brokers.set(name, { url: checkUrl(url, name, source) });
  }
  const broker = root.get('broker') ?? null;
  if (broker !== null && typeof broker !== 'string') throw wrong(source, 'broker is not text');
  if (broker !== null && broker !== EMBEDDED && !brokers.has(broker)) {
    throw wrong(
      source,
      `broker names ${display(broker, 80)}, which is not in brokers`,
      didYouMean(broker, [EMBEDDED, ...brokers.keys()]),
    );
  }
  return { broker, brokers, secrets: checkSecrets(root.get('secrets') ?? null, source) };
}

function checkSecrets(value: unknown, source: string): SecretChoice | null {
  const known = SECRET_CHOICES.find((each) => each === value) ?? null;
  if (known !== null || value === null) return known;
  throw wrong(source, 'secrets is not a place that jit knows', `one of: ${SECRET_CHOICES.join(', ')}`);
}

/** Throws `ERR_CONFIG`. `embedded` is taken, and a name must not look like an address. */
export function checkBrokerName(name: string, source: string): void {
  if (BROKER_NAME.test(name) && name !== EMBEDDED) return;
  throw wrong(
    source,
    `${display(name, 80)} cannot be the name of a broker`,
    'lower-case letters, digits and dashes, such as: work',
  );
}

function checkUrl(url: string, name: string, source: string): string {
  try {
    parseBrokerUrl(url, name);
    return url;
  } catch (thrown) {
    if (thrown instanceof JitError) throw wrong(source, `brokers.${name}.url: ${thrown.message}`, thrown.hint);
    throw thrown;
  }
}

/** The broker to use: JIT_BROKER (an address or a name), else the settings, else the embedded one. */
export async function chosenBroker(env: Env, paths: LocalPaths): Promise<BrokerRef> {
  const embedded: BrokerRef = { kind: 'embedded', socket: paths.brokerSocket };
  const wanted = env['JIT_BROKER'];
  if (wanted !== undefined && wanted.includes('://')) return await namedBroker(wanted, paths);
  const settings = await readSettings(paths);
  const name = wanted === undefined || wanted === '' ? (settings.broker ?? EMBEDDED) : wanted;
  if (name === EMBEDDED) return embedded;
  const found = settings.brokers.get(name);
  if (found !== undefined) return parseBrokerUrl(found.url, name);
  throw unknownBroker(`JIT_BROKER names ${display(name, 80)}`, name, settings, paths);
}

/** The broker that somebody names on the command line: an address, or a name in the settings. Throws `ERR_CONFIG`, `ERR_USAGE`. */
export async function namedBroker(word: string, paths: LocalPaths): Promise<BrokerRef> {
  if (word === EMBEDDED) return { kind: 'embedded', socket: paths.brokerSocket };
  const settings = await readSettings(paths);
  if (!word.includes('://')) {
    const found = settings.brokers.get(word);
    if (found !== undefined) return parseBrokerUrl(found.url, word);
    // A host without a scheme: what is meant is clear, but http and https are not the same.
    throw unknownBroker(`you named ${display(word, 80)}`, word, settings, paths);
  }
  const { url } = parseBrokerUrl(word);
  const [name] = [...settings.brokers].find(([, each]) => parseBrokerUrl(each.url).url.href === url.href) ?? [];
  return parseBrokerUrl(word, name);
}

function unknownBroker(who: string, name: string, settings: Settings, paths: Pick<LocalPaths, 'configFile'>): JitError {
  return new JitError({
    code: 'ERR_CONFIG',
    message: `${who}, which is no address and no broker in ${display(paths.configFile)}`,
    hint:
      didYouMean(name, [EMBEDDED, ...settings.brokers.keys()]) ??
      'an address begins with https://; add one and sign in with: jit login https://jit.example.com',
  });
}

function members(value: unknown, source: string, what: string): ReadonlyMap<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return new Map(Object.entries(value));
  throw wrong(source, `${what} is not a table of keys`);
}

function allowOnly(
  found: ReadonlyMap<string, unknown>,
  known: readonly string[],
  source: string,
  prefix: string,
): void {
  for (const key of found.keys()) {
    if (known.includes(key)) continue;
    const hint = didYouMean(key, known) ?? `known here: ${known.map((each) => prefix + each).join(', ')}`;
    throw wrong(source, `there is no setting ${display(prefix + key, 120)}`, hint);
  }
}

function wrong(source: string, what: string, hint?: string): JitError {
  return new JitError({ code: 'ERR_CONFIG', message: `${display(source)}: ${what}`, hint });
}
