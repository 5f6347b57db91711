/**
 * A real PostgreSQL server for tests: its own folder, a port of loopback and a Unix socket, stopped and removed afterwards.
 * @module
 */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { eventually } from './eventually.ts';
import { freePort } from './port.ts';

export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  /** Folder of the Unix socket. */
  readonly socket: string;
  /** Such as 15. */
  readonly major: number;
  /** Of the superuser `postgres`. */
  readonly password: string;
  /** As the superuser. Several statements only without values. @returns the rows of the last one, each an array of texts. */
  sql(text: string, values?: readonly unknown[], database?: string): Promise<readonly (readonly (string | null)[])[]>;
  /** What a client needs to connect as somebody. */
  login(user: string, password: string, database?: string): PostgresClientConfig;
  /** All that it has logged, every statement included. */
  log(): string;
  /** `fast` ends sessions and stops; `kill` is SIGKILL for the whole server at once. */
  stop(how: 'fast' | 'kill'): Promise<void>;
  start(): Promise<void>;
  /** Serves TLS with this certificate from now on. */
  secure(cert: string, key: string): Promise<void>;
  /** How everybody proves who they are from now on: a method of `pg_hba.conf`. */
  authenticate(method: string): Promise<void>;
  close(): Promise<void>;
}

export interface PostgresClientConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** Where servers and their tools are, newest last. `JIT_POSTGRES_BIN` names another one. */
function binFolders(): readonly string[] {
  const own = process.env['JIT_POSTGRES_BIN'];
  if (own !== undefined && own !== '') return [own];
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .toSorted((a, b) => Number(a) - Number(b))
    .map((version) => join(root, version, 'bin'))
    .filter((folder) => existsSync(join(folder, 'initdb')));
}

/** Why no server can be started here, or false. For the `skip` of tests. */
export const NO_POSTGRES: string | false =
  binFolders().length === 0 ? 'needs a PostgreSQL server below /usr/lib/postgresql' : false;

/** @param settings of `postgresql.conf`, beside those that make a throw-away server fast. */
export async function openPostgres(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
  const bin = binFolders().at(-1);
  if (bin === undefined) throw new Error('there is no PostgreSQL server here');
  const folder = mkdtempSync(join(tmpdir(), 'jit-pg-'));
  const data = join(folder, 'data');
  const logFile = join(folder, 'log');
  const password = randomBytes(12).toString('hex');
  const port = await freePort();
  const owner = serverUser();
  writeFileSync(join(folder, 'password'), password);
  writeFileSync(logFile, '');
  for (const path of [folder, join(folder, 'password'), logFile])
    if (owner !== null) chownSync(path, owner.uid, owner.gid);
  chmodSync(folder, 0o700);
  const as = { ...owner, cwd: folder, env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', TZ: 'UTC' } };
  const initdb = ['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', '--pwfile', join(folder, 'password')];
  execFileSync(join(bin, 'initdb'), [...initdb, '-E', 'UTF8', '--locale=C', '-N'], { ...as, stdio: 'pipe' });
  const lines = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: folder,
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    shared_buffers: '16MB',
    max_connections: '60',
    max_prepared_transactions: '5',
    password_encryption: 'scram-sha-256',
    log_statement: 'all',
    ...settings,
  };
  const conf = Object.entries(lines).map(([name, value]) => `${name} = '${value}'\n`);
  appendFileSync(join(data, 'postgresql.conf'), conf.join(''));
  const major = Number(readFileSync(join(data, 'PG_VERSION'), 'utf8').trim());

  let running: ChildProcess | null = null;
  const clients = new Map<string, Client>();
  const login = (user: string, secret: string, database = 'postgres'): PostgresClientConfig => ({
    host: '127.0.0.1',
    port,
    user,
    password: secret,
    database,
  });
  const superuser = async (database: string): Promise<Client> => {
    const known = clients.get(database);
    if (known !== undefined) return known;
    const client = new Client(login('postgres', password, database));
    client.on('error', () => clients.delete(database));
    await client.connect();
    clients.set(database, client);
    return client;
  };
  const forget = async (): Promise<void> => {
    const open = [...clients.values()];
    clients.clear();
    await Promise.allSettled(open.map(async (client) => await client.end()));
  };

  const server: PostgresServer = {
    host: '127.0.0.1',
    port,
    socket: folder,
    major,
    password,
    login,
    sql: async (text, values, database = 'postgres') => {
      const client = await superuser(database);
      // With several statements there are as many results, which the type of the library leaves out.
      const found: unknown = await client.query({
        text,
        ...(values === undefined ? {} : { values: [...values] }),
        rowMode: 'array',
        types: { getTypeParser: () => (raw: unknown) => raw },
      });
      const last: unknown = Array.isArray(found) ? found.at(-1) : found;
      // Every result has rows, in this mode arrays of what the server sent.
      return (last as { readonly rows: readonly (readonly (string | null)[])[] }).rows;
    },
    log: () => readFileSync(logFile, 'utf8'),
    stop: async (how) => {
      const child = running;
      if (child === null) return;
      running = null;
      await forget();
      const ended = once(child, 'exit');
      if (how === 'kill') for (const pid of childrenOf(child.pid)) killQuietly(pid);
      child.kill(how === 'kill' ? 'SIGKILL' : 'SIGINT');
      await ended;
    },
    start: async () => {
      // After SIGKILL the last of its processes may still hold the shared memory.
      await eventually(
        async () => {
          const child = spawn(join(bin, 'postgres'), ['-D', data], { ...as, stdio: ['ignore', 'pipe', 'pipe'] });
          running = child;
          for (const stream of [child.stdout, child.stderr])
            stream.on('data', (part: Buffer) => appendFileSync(logFile, part));
          await eventually(
            async () => {
              if (child.exitCode !== null) return true;
              return (await superuser('postgres')) !== null;
            },
            { deadlineMs: 30_000 },
          );
          return child.exitCode === null;
        },
        { deadlineMs: 60_000 },
      );
    },
    secure: async (cert, key) => {
      for (const [from, name] of [
        [cert, 'server.crt'],
        [key, 'server.key'],
      ] as const) {
        const to = join(data, name);
        copyFileSync(from, to);
        chmodSync(to, 0o600);
        if (owner !== null) chownSync(to, owner.uid, owner.gid);
      }
      await server.sql('ALTER SYSTEM SET ssl = on');
      await server.sql('SELECT pg_reload_conf()');
      await eventually(async () => (await server.sql('SHOW ssl'))[0]?.[0] === 'on');
    },
    authenticate: async (method) => {
      writeFileSync(join(data, 'pg_hba.conf'), `local all all ${method}\nhost all all 127.0.0.1/32 ${method}\n`);
      await server.sql('SELECT pg_reload_conf()');
      const rules = 'SELECT 1 FROM pg_hba_file_rules WHERE auth_method <> $1';
      await eventually(async () => (await server.sql(rules, [method])).length === 0);
    },
    close: async () => {
      await server.stop('fast');
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await server.start();
  return server;
}

/** A server refuses to run as root; then it runs as the account that is made for it, or as nobody. */
function serverUser(): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith('postgres:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  return { uid: Number(uid ?? 65_534), gid: Number(gid ?? 65_534) };
}

function childrenOf(parent: number | undefined): readonly number[] {
  if (parent === undefined) return [];
  return readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8')
    .split(' ')
    .filter((pid) => pid !== '')
    .map(Number);
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
