/**
 * One question to the keeper, one answer, over its socket.
 * @module
 */
import { connect } from 'node:net';
import { isErrorCode, JitError } from '../core/errors.ts';
import { errnoOf } from '../local/fault.ts';
import { type Ask, LONGEST_LINE, PROTOCOL } from './protocol.ts';

const LONGEST_ANSWER = 1_048_576;

/** The members of a successful answer; each is checked before it is used. */
export type Answer = ReadonlyMap<string, unknown>;

/** Time for an answer. A cold credential takes a call to the broker, which may take its own 30 s. */
export const ANSWER_MS = 45_000;

/**
 * Asks and reads the answer. Throws what the keeper answered as an error, and `ERR_KEEPER` for anything else that is
 * wrong with it; null when nobody listens there, or when the keeper went away before it answered.
 */
export async function converse(socketPath: string, ask: Ask, waitMs = ANSWER_MS): Promise<Answer | null> {
  const line = `${JSON.stringify({ v: PROTOCOL, ...ask })}\n`;
  if (Buffer.byteLength(line) > LONGEST_LINE) throw fault('the question is too long');
  const text = await exchangeLine(socketPath, line, waitMs);
  return text === null ? null : read(text);
}

function exchangeLine(socketPath: string, line: string, waitMs: number): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let received = '';
    socket.setEncoding('utf8');
    const timer = setTimeout(() => {
      reject(fault(`it did not answer within ${Math.round(waitMs / 1_000)}s`));
      socket.destroy();
    }, waitMs);
    socket.on('connect', () => socket.write(line));
    socket.on('data', (chunk: string) => {
      received += chunk;
      const end = received.indexOf('\n');
      if (end >= 0) resolve(received.slice(0, end));
      else if (received.length <= LONGEST_ANSWER) return;
      else reject(fault('its answer is too long'));
      socket.destroy();
    });
    socket.on('error', (error) => {
      const code = errnoOf(error);
      if (code === 'EACCES' || code === 'EPERM') reject(fault('its socket belongs to another user'));
      // Gone, never there, or on its way out: all the same to whoever wants it to be there.
      else resolve(null);
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(null);
    });
  });
}

function read(text: string): Answer {
  const members = asMembers(parse(text));
  if (members?.get('ok') === true) return members;
  const error = asMembers(members?.get('error'));
  const code: unknown = error?.get('code');
  const message = error?.get('message');
  const hint = error?.get('hint');
  const broker = error?.get('broker');
  if (!isErrorCode(code) || typeof message !== 'string') throw fault('its answer makes no sense');
  throw new JitError({ code, message, hint: textOr(hint), broker: textOr(broker) });
}

function textOr(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The members of a JSON object, or null for anything else. */
export function asMembers(value: unknown): Answer | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)) : null;
}

/** `ERR_KEEPER` about the background process itself. */
export function fault(what: string): JitError {
  return new JitError({
    code: 'ERR_KEEPER',
    message: `the keeper, jit's background process, cannot be used: ${what}`,
    hint: 'if it does not recover by itself, end the process "jit keeper": live grants go on working with a new one',
  });
}
