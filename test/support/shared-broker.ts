/**
 * A shared broker: the program `jit-broker` itself, over TCP, with a configuration of the test.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { DatabaseSync } from 'node:sqlite';
import { makeCertificate } from './certificate.ts';
import { eventually } from './eventually.ts';
import { type Home, tempHome } from './home.ts';
import type { Idp } from './idp.ts';
import { MOTO_KEYS } from './moto.ts';
import { freePort } from './port.ts';

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'jit-broker');

/** Whoever is in `eng` reads, on a cloud at `web`. */
export const ENGINEERS_READ = `@id("engineers") @tier("auto") @max("1h")
permit (principal in Jit::Group::"eng", action == Jit::Action::"Request", resource) when { context.access == "read" };
`;

export interface SharedBroker {
  /** Where it is reached: plain http on loopback, as from behind a proxy, or https. */
  readonly url: string;
  /** What a program needs to believe its certificate. */
  readonly trust: Readonly<Record<string, string>>;
  readonly home: Home;
  /** Its log so far. */
  log(): string;
  /** Audit entries of these types, oldest first. */
  entries(prefix: string): readonly Entry[];
  /** Puts other policies in the place of the present ones; the broker finds them by itself. */
  setPolicy(text: string): void;
  /** SIGTERM, then the same again. */
  restart(): Promise<void>;
  /** SIGTERM, or `how`; resolves when it has ended. */
  stop(how?: NodeJS.Signals): Promise<void>;
  /** After `stop`. */
  start(): Promise<void>;
  /** To the running program. */
  signal(name: NodeJS.Signals): void;
}

export interface Entry {
  readonly type: string;
  readonly actor: Readonly<Record<string, unknown>>;
  readonly grant: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface SharedBrokerParts {
  /** Entries of `identity`, as YAML flow or block text with two spaces of indentation. */
  readonly identity: string;
  /** Entries of `sessions`, such as `word: 5s`. */
  readonly sessions?: string;
  /** Of a cloud that speaks STS and IAM; without one nothing can be issued. */
  readonly cloud?: string;
  /** Instead of the target `web`: entries of `targets`, as text with two spaces of indentation. */
  readonly targets?: string;
  /** With a certificate of its own, on `localhost`, it is called by the name that it has; needs openssl. */
  readonly tls?: 'own certificate';
  /** Entries of `approvals`, such as `wait: 1m`. */
  readonly approvals?: string;
  /** Entries of `notify`, as text with two spaces of indentation. */
  readonly notify?: string;
  /** Entries of `incidents`, as text with two spaces of indentation. */
  readonly incidents?: string;
  /** Entries of `emergencies`, such as `poll: 5s`. */
  readonly emergencies?: string;
  /** Of the program, beside those of its home and the keys for moto. */
  readonly env?: Readonly<Record<string, string>>;
  readonly policy?: string;
}

/** An entry of `identity` for a test's own provider of people. */
export function people(idp: Idp, name = 'idp', device: 'device' | 'no device' = 'no device'): string {
  return `  ${name}:
    type: oidc
    issuer: ${idp.issuer}
    client_id: ${idp.clientId}
    scopes: [openid, profile, groups, offline_access]
    algorithms: [ES256]
    allow_private_addresses: true
    device: ${device === 'device'}
`;
}

/** Ready when it resolves; it ends with the test. */
export async function startSharedBroker(t: TestContext, parts: SharedBrokerParts): Promise<SharedBroker> {
  const home = tempHome(t);
  const port = await freePort();
  const cert = parts.tls === undefined ? null : (await makeCertificate(home.path, 'broker')).cert;
  const url = cert === null ? `http://127.0.0.1:${port}` : `https://localhost:${port}`;
  const [file, state, log] = ['broker.yaml', 'state', 'log'].map((name) => join(home.path, name));
  if (file === undefined || state === undefined || log === undefined) throw new Error('unreachable');
  mkdirSync(join(home.path, 'policies'), { mode: 0o700 });
  const policies = join(home.path, 'policies', 'all.cedar');
  writeFileSync(policies, parts.policy ?? ENGINEERS_READ, { mode: 0o600 });
  writeFileSync(file, configuration(port, parts), { mode: 0o600 });
  let child = await launch();
  async function launch(): Promise<ChildProcess> {
    const started = spawn(process.execPath, [LAUNCHER, 'serve', '--config', String(file), '--state', String(state)], {
      env: { ...home.env, ...MOTO_KEYS, ...parts.env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    started.stderr.on('data', (part: Buffer) => {
      // When the test is over its home goes first, and the program may still have something to say.
      if (existsSync(home.path)) writeFileSync(String(log), part, { flag: 'a' });
    });
    t.after(() => started.kill('SIGKILL'));
    let said = '';
    started.stderr.setEncoding('utf8').on('data', (part: string) => (said += part));
    await eventually(() => started.exitCode !== null || said.includes('"msg":"ready"'), { deadlineMs: 60_000 });
    if (started.exitCode !== null) throw new Error(`the broker did not start: ${readFileSync(String(log), 'utf8')}`);
    return started;
  }
  async function stop(how: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const gone = once(child, 'exit');
    child.kill(how);
    await gone;
  }
  const start = async (): Promise<void> => {
    child = await launch();
  };
  return {
    url,
    trust: cert === null ? {} : { NODE_EXTRA_CA_CERTS: cert },
    home,
    log: () => readFileSync(log, 'utf8'),
    entries: (prefix) => entriesIn(join(state, 'broker.db'), prefix),
    setPolicy: (text) => {
      // In one go, as whoever looks at the folder must never find half of a file.
      writeFileSync(`${policies}.new`, text, { mode: 0o600 });
      renameSync(`${policies}.new`, policies);
    },
    restart: async () => {
      await stop();
      await start();
    },
    stop,
    start,
    signal: (name) => void child.kill(name),
  };
}

function entriesIn(file: string, prefix: string): readonly Entry[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database
      .prepare('SELECT line FROM entries ORDER BY seq')
      .all()
      .map(({ line }): Entry => JSON.parse(String(line)))
      .filter(({ type }) => type.startsWith(prefix));
  } finally {
    database.close();
  }
}

function configuration(
  port: number,
  { identity, sessions, cloud, targets, approvals, notify, incidents, emergencies, tls }: SharedBrokerParts,
): string {
  const endpoint = cloud === undefined ? '' : `    endpoint: ${cloud}\n`;
  const place =
    tls === undefined
      ? `issuer: https://jit.example\nlisten: { host: 127.0.0.1, port: ${port} }`
      : `issuer: https://localhost:${port}\nlisten: { host: localhost, port: ${port}, tls: { cert: broker.crt, key: broker.key } }`;
  return `${place}
policies: ./policies
${approvals === undefined ? '' : `approvals: { ${approvals} }\n`}${sessions === undefined ? '' : `sessions: { ${sessions} }\n`}${notify === undefined ? '' : `notify:\n${notify}`}${incidents === undefined ? '' : `incidents:\n${incidents}`}${emergencies === undefined ? '' : `emergencies: { ${emergencies} }\n`}identity:
${identity}targets:
${targets ?? `${WEB}${endpoint}`}`;
}

const WEB = `  web:
    provider: aws
    environment: test
    role: arn:aws:iam::123456789012:role/jit-web
    region: us-east-1
    credentials: ambient
`;
