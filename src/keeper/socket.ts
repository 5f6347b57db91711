/**
 * The keeper's own socket: one line in, one line out.
 * @module
 */
import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { asJitError } from '../core/errors.ts';
import { asLocalFault, errnoOf, localFault, shellWord } from '../local/fault.ts';
import { type ErrorReply, LONGEST_LINE } from './protocol.ts';

const PATIENCE_MS = 10_000;
const MOST_CONNECTIONS = 512;

/**
 * Listens at `path`, in place of whatever a killed keeper left there; the caller holds the single-instance lock.
 * @param answer from the text of a question to the members of its answer; what it throws becomes an error answer.
 */
export async function listenAt(
  path: string,
  answer: (text: string) => Promise<Readonly<Record<string, unknown>>>,
): Promise<Server> {
  await removeStale(path);
  const server = createServer({ allowHalfOpen: true }, (socket) => void converse(socket, answer));
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(asLocalFault(error, path))).listen(path, resolve);
  });
  if (process.platform !== 'win32') await chmod(path, 0o600);
  return server;
}

async function removeStale(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  try {
    if (!(await lstat(path)).isSocket()) {
      throw localFault(
        path,
        'something else is in the place of the socket',
        `move it away with: mv ${shellWord(path)} ${shellWord(`${path}.old`)}`,
      );
    }
    await unlink(path);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw asLocalFault(thrown, path);
  }
}

async function converse(
  socket: Socket,
  answer: (text: string) => Promise<Readonly<Record<string, unknown>>>,
): Promise<void> {
  // Whoever went away does not get an answer; that is no trouble of the keeper's.
  socket.on('error', () => socket.destroy());
  const text = await question(socket);
  if (text === null) {
    socket.destroy();
    return;
  }
  const reply = await answer(text).then(
    (members) => ({ ok: true, ...members }),
    (thrown: unknown) => refusal(thrown),
  );
  socket.end(`${JSON.stringify(reply)}\n`);
}

function question(socket: Socket): Promise<string | null> {
  return new Promise((resolve) => {
    let received = '';
    const timer = setTimeout(() => resolve(null), PATIENCE_MS);
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      received += chunk;
      const end = received.indexOf('\n');
      if (end >= 0) resolve(received.slice(0, end));
      else if (received.length > LONGEST_LINE) resolve(null);
    });
    for (const event of ['end', 'close']) socket.on(event, () => resolve(null));
    socket.on('close', () => clearTimeout(timer));
  });
}

function refusal(thrown: unknown): ErrorReply {
  const { code, message, hint, broker, facts } = asJitError(thrown);
  return { ok: false, error: { code, message, hint: hint ?? null, broker: broker ?? null, exit: facts.exit } };
}
