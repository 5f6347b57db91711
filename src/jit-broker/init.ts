/**
 * `jit-broker init`: writes the commented configuration of a shared broker, and says what is left to do.
 * @module
 */
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { parseBrokerConfig } from '../broker/config/config.ts';
import { readTlsPair } from '../broker/http/tls.ts';
import { JitError } from '../core/errors.ts';
import { ownUid } from '../local/private-dir.ts';
import { brokerYaml, type Settings } from './init-config.ts';
import { STARTER_POLICY } from './init-policy.ts';
import { type Service, systemdUnit } from './init-service.ts';
import { nextSteps } from './init-steps.ts';
import { refuseExisting, writeNewFiles } from './new-files.ts';
import type { Output } from './output.ts';
import type { Question, Terminal } from './terminal.ts';

export interface InitFlags {
  readonly issuer?: string;
  readonly idpIssuer?: string;
  readonly clientId?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly behindProxy?: true;
  readonly host?: string;
  readonly port?: string;
  readonly state?: string;
}

export interface InitWorld {
  readonly out: Output;
  readonly terminal: Terminal;
  /** How this program was started, for the unit. */
  readonly program: readonly string[];
}

const ROOT_FOLDER = '/etc/jit';
const ROOT_STATE = '/var/lib/jit';
const NAMES = ['broker.yaml', 'policies/start.cedar', 'jit-broker.service'] as const;

/**
 * Throws `ERR_MISSING_INPUT`, naming the flags, where something is missing and nobody can be asked; `ERR_USAGE` for a file
 * that is there already; `ERR_CONFIG` for a value that a broker would refuse. Whatever it throws, nothing was written.
 */
export async function init(folderFlag: string | undefined, flags: InitFlags, world: InitWorld): Promise<void> {
  const { out, program } = world;
  checkFlags(flags);
  const known = folderFlag ?? (ownUid() === 0 ? ROOT_FOLDER : undefined);
  if (known !== undefined) await refuseExisting(resolve(known), new Set(NAMES));
  const settings = await complete(known, flags, world);
  const service: Service =
    ownUid() === 0
      ? { program, user: 'jit', userKind: 'new' }
      : { program, user: userInfo().username, userKind: 'own' };
  const yaml = brokerYaml(settings);
  const file = join(settings.folder, NAMES[0]);
  // A broker that would not start is better not written down.
  parseBrokerConfig(yaml, file);
  const contents = [yaml, STARTER_POLICY, systemdUnit(settings, service)];
  await writeNewFiles(settings.folder, new Map(NAMES.map((name, index) => [name, contents[index] ?? ''])));
  await warnOfTls(settings, out);
  const steps = nextSteps(settings, service);
  const files = NAMES.map((name) => join(settings.folder, name));
  for (const each of files) out.note(`wrote ${each}`);
  out.data('broker-init', { folder: settings.folder, files, state: settings.state, next: steps }, [
    'next:',
    ...steps.map(
      (step, index) => `  ${index + 1}. ${step.what}${step.command === null ? '' : `\n     ${step.command}`}`,
    ),
  ]);
}

function checkFlags({ tlsCert, tlsKey, behindProxy, host, port }: InitFlags): void {
  if (behindProxy === true && (tlsCert ?? tlsKey) !== undefined) {
    throw new JitError({
      code: 'ERR_USAGE',
      message: '--behind-proxy and --tls-cert exclude each other',
      hint: 'behind a proxy, TLS is its business',
    });
  }
  const numbered = port === undefined || (/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535);
  if (!numbered) throw new JitError({ code: 'ERR_USAGE', message: '--port is a number from 1 to 65535' });
  if (host === '') throw new JitError({ code: 'ERR_USAGE', message: '--host is empty' });
}

/** Everything that is needed, asked for where it is not given. */
async function complete(known: string | undefined, flags: InitFlags, { out, terminal }: InitWorld): Promise<Settings> {
  const asks = terminal.interactive && out.format === 'human';
  const tlsGiven = flags.behindProxy === true || (flags.tlsCert !== undefined && flags.tlsKey !== undefined);
  const missing = [
    ...(known === undefined ? ['FOLDER'] : []),
    ...(flags.issuer === undefined ? ['--issuer https://jit.example.com'] : []),
    ...(flags.idpIssuer === undefined ? ['--idp-issuer https://idp.example.com'] : []),
    ...(flags.clientId === undefined ? ['--client-id CLIENT'] : []),
    ...(tlsGiven ? [] : [missingTls(flags)]),
  ];
  if (missing.length > 0 && !asks) {
    const names = missing.map((flag) => flag.replace(/ [^-].*$/, ''));
    const message = `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} missing`;
    throw new JitError({ code: 'ERR_MISSING_INPUT', message, hint: `add: ${missing.join(' ')}` });
  }
  const answer = async (given: string | undefined, question: Question): Promise<string> =>
    given ?? (await terminal.ask(question));
  const folder = resolve(await answer(known, FOLDER));
  if (known === undefined) await refuseExisting(folder, new Set(NAMES));
  const issuer = await answer(flags.issuer, ISSUER);
  const idpIssuer = await answer(flags.idpIssuer, IDP_ISSUER);
  const clientId = await answer(flags.clientId, CLIENT_ID);
  const tls = await completeTls(flags, answer);
  const port = Number(flags.port ?? (tls === null ? 8_080 : portOf(issuer)));
  const state = resolve(flags.state ?? (folder === ROOT_FOLDER ? ROOT_STATE : join(folder, 'state')));
  return {
    folder,
    state,
    issuer,
    host: flags.host ?? (tls === null ? '127.0.0.1' : '0.0.0.0'),
    port,
    tls,
    idpIssuer,
    clientId,
  };
}

function missingTls({ tlsCert, tlsKey }: InitFlags): string {
  if (tlsCert !== undefined) return '--tls-key FILE';
  return tlsKey === undefined ? '--behind-proxy (or --tls-cert FILE --tls-key FILE)' : '--tls-cert FILE';
}

async function completeTls(
  flags: InitFlags,
  answer: (given: string | undefined, question: Question) => Promise<string>,
): Promise<Settings['tls']> {
  if (flags.behindProxy === true) return null;
  const cert = await answer(
    flags.tlsCert,
    flags.tlsKey === undefined ? CERT : { ...CERT, text: 'certificate file?', usual: null },
  );
  if (cert === PROXY) return null;
  const key = await answer(flags.tlsKey, KEY);
  return { cert: resolve(cert), key: resolve(key) };
}

const PROXY = 'proxy';
const some = (answer: string): string | null => (answer === '' ? 'an answer is needed' : null);

const FOLDER: Question = { text: 'folder for the configuration?', usual: './jit-broker', problem: some };
const ISSUER: Question = {
  text: 'address of this broker, as people and clouds reach it (https://jit.example.com)?',
  usual: null,
  problem: (answer) => problemOf(`issuer: ${JSON.stringify(answer)}`),
};
const IDP_ISSUER: Question = {
  text: 'issuer of your identity provider (https://idp.example.com)?',
  usual: null,
  problem: (answer) => problemOf(oneEntry(answer, 'x')),
};
const CLIENT_ID: Question = {
  text: 'client id of jit at the identity provider?',
  usual: null,
  problem: (answer) => problemOf(oneEntry('https://idp.example.com', answer)),
};
const CERT: Question = {
  text: 'certificate file, or proxy where one in front speaks TLS?',
  usual: PROXY,
  problem: some,
};
const KEY: Question = { text: 'private key file of the certificate?', usual: null, problem: some };

function oneEntry(issuer: string, clientId: string): string {
  const entry = { type: 'oidc', issuer, client_id: clientId, allow_private_addresses: true };
  return `identity: { people: ${JSON.stringify(entry)} }`;
}

/** What a broker would say about this configuration, or null. */
function problemOf(yaml: string): string | null {
  try {
    parseBrokerConfig(yaml, '');
    return null;
  } catch (thrown) {
    if (!(thrown instanceof JitError)) throw thrown;
    return thrown.message.replace(/^:\d+: (?:[\w.]+: )?/, '');
  }
}

/** A wrong issuer is told by the check of the whole configuration. */
function portOf(issuer: string): number {
  return URL.canParse(issuer) ? Number(new URL(issuer).port || 443) : 443;
}

/** Files that are not there yet, as before the first run of certbot, are no reason to write nothing. */
async function warnOfTls({ tls, issuer }: Settings, out: Output): Promise<void> {
  if (tls === null) return;
  await readTlsPair({ ...tls, host: new URL(issuer).hostname }).catch((thrown: unknown) => {
    if (!(thrown instanceof JitError)) throw thrown;
    out.note(
      `the broker will not start like this: ${thrown.message}${thrown.hint === undefined ? '' : ` (${thrown.hint})`}`,
    );
  });
}
