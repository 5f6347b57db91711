/**
 * One connection to a server as the broker's own role: opened in a known state, with a deadline, and closed when that passes.
 * @module
 */
import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Client } from 'pg';
import { z } from 'zod';
import { JitError, asJitError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { Reach } from './target.ts';

/** Reads a secret of the operator from its file, each time it is needed. */
export type ReadSecret = (path: string) => Promise<Secret<string>>;

export interface Link {
  /** `server_version_num`, such as 150018. */
  readonly version: number;
  /** Statements without results. They are one message, and outside a transaction one transaction. */
  run(text: string): Promise<void>;
  /** One statement with parameters. Throws `ERR_CLOUD` where the rows are not what was asked for. */
  rows<T>(shape: z.ZodType<T>, text: string, values?: readonly unknown[]): Promise<readonly T[]>;
  /** Quoted as an identifier. */
  name(text: string): string;
  /** Quoted as a literal, for the statements that take no parameters. */
  literal(text: string): string;
  /** Answers that have arrived since it was opened. */
  answers(): number;
  /** Cuts it when the signal says so, until `release`. */
  obey(signal: AbortSignal): { release(): void };
  /** Whether it can be used again. */
  isOpen(): boolean;
  /** An open connection that nobody uses keeps no process alive. */
  hold(how: 'in use' | 'idle'): void;
  close(): void;
}

/** What each conversation may take, ms. */
export const DEADLINE_MS = 10_000;

/** The caller's own signal, or the deadline of every conversation. */
export function deadline(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
}

/**
 * Settings of the start of a session, which outrank what is set for a database or a role (manual, "Setting Parameters"): owners
 * of databases could otherwise lead the broker to functions of their own (CVE-2018-1058), or make it read-only or slow.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  client_min_messages: 'error',
  default_transaction_deferrable: 'off',
  default_transaction_isolation: 'read\\ committed',
  default_transaction_read_only: 'off',
  idle_in_transaction_session_timeout: '15000',
  lock_timeout: '4000',
  search_path: 'pg_catalog,pg_temp',
  standard_conforming_strings: 'on',
  statement_timeout: '9000',
  // A crash of the server must not bring back what was called gone.
  synchronous_commit: 'on',
};

const VERSION = z.object({ version: z.int() });

/**
 * Opens a connection. Throws what node-postgres throws, or `ERR_CLOUD` for a password file that cannot be read.
 * @param signal stops the opening; later `obey` does.
 */
export async function openLink(
  reach: Reach,
  database: string,
  { readSecret, signal }: { readonly readSecret: ReadSecret; readonly signal: AbortSignal },
): Promise<Link> {
  const pg = await import('pg');
  // A socket that was destroyed before it connects would connect all the same.
  if (signal.aborted) throw stopped();
  const socket = new Socket();
  const client = new pg.Client({
    host: reach.host,
    port: reach.port,
    user: reach.user,
    database,
    // Always a function: without one, node-postgres would look in the environment and in the home of the broker.
    password: async () => await passwordOf(reach, readSecret),
    ssl: tlsOf(reach),
    stream: () => socket,
    enableChannelBinding: reach.tls !== 'disable',
    application_name: 'jit',
    client_encoding: 'UTF8',
    keepAlive: true,
    options: Object.entries(SETTINGS)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  });
  // A connection that breaks while nobody waits for it is noticed at its next use.
  client.on('error', () => undefined);
  if (reach.tls !== 'verify-full') refuseClearPasswords(client, socket);
  const link = linkOf(client, socket);
  const obeying = link.obey(signal);
  try {
    await Promise.race([client.connect(), closing(socket)]);
    const [found] = await link.rows(VERSION, "SELECT current_setting('server_version_num')::int AS version");
    return { ...link, version: found?.version ?? 0 };
  } catch (thrown) {
    link.close();
    throw signal.aborted ? stopped() : thrown;
  } finally {
    obeying.release();
  }
}

function linkOf(client: Client, socket: Socket): Link {
  let answers = 0;
  let open = true;
  socket.once('close', () => {
    open = false;
  });
  return {
    version: 0,
    run: async (text) => {
      await client.query(text);
      answers += 1;
    },
    rows: async (shape, text, values = []) => {
      const { rows } = await client.query<Record<string, unknown>>(text, [...values]);
      answers += 1;
      const parsed = z.array(shape).safeParse(rows);
      if (parsed.success) return parsed.data;
      throw new JitError({ code: 'ERR_CLOUD', message: 'postgres answered with rows that it should not have' });
    },
    name: (text) => client.escapeIdentifier(text),
    literal: (text) => client.escapeLiteral(text),
    answers: () => answers,
    obey: (signal) => {
      const cut = (): void => void socket.destroy();
      if (signal.aborted) cut();
      signal.addEventListener('abort', cut, { once: true });
      return { release: () => signal.removeEventListener('abort', cut) };
    },
    isOpen: () => open && !socket.destroyed,
    hold: (how) => void (how === 'idle' ? socket.unref() : socket.ref()),
    close: () => {
      // A server that does not answer any more would not answer a farewell either.
      client.end().catch(() => undefined);
      socket.destroySoon();
    },
  };
}

/** A socket that is cut while it connects may close without an error, which node-postgres does not tell. */
async function closing(socket: Socket): Promise<never> {
  await once(socket, 'close');
  throw stopped();
}

function stopped(): Error {
  return Object.assign(new Error('the connection was given up'), { code: 'ETIMEDOUT' });
}

async function passwordOf({ passwordFile }: Reach, readSecret: ReadSecret): Promise<string> {
  if (passwordFile === null) {
    throw new JitError({
      code: 'ERR_CLOUD',
      message: 'the server asks for the password of the broker, and the target has no password_file',
    });
  }
  try {
    return (await readSecret(passwordFile)).expose();
  } catch (thrown) {
    // The server has been told nothing yet, and `ERR_CLOUD` is how the port says so.
    const { message, hint } = asJitError(thrown);
    throw new JitError({ code: 'ERR_CLOUD', message, hint, cause: thrown });
  }
}

function tlsOf({ tls, authority }: Reach): false | { readonly rejectUnauthorized: boolean; readonly ca?: string } {
  switch (tls) {
    case 'disable':
      return false;
    case 'require':
      return { rejectUnauthorized: false };
    case 'verify-full':
      return { rejectUnauthorized: true, ...(authority === null ? {} : { ca: authority }) };
  }
}

/** Whoever sits between could ask for the password in clear, so only a server that has proven its name is given one. */
function refuseClearPasswords(client: Client, socket: Socket): void {
  // The protocol's own events are on a part of the client that its type does not mention.
  const { connection } = client as unknown as { readonly connection: NodeJS.EventEmitter };
  connection.prependListener('authenticationCleartextPassword', () => {
    socket.destroy(
      new JitError({
        code: 'ERR_CLOUD',
        message: 'the server asks for the password of the broker in clear, which takes tls: verify-full',
      }),
    );
  });
}
