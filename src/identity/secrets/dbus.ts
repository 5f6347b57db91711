/**
 * A short conversation on the session bus of this user's desktop.
 * @module
 */
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { errnoOf } from '../../local/fault.ts';
import { type Body, type Call, decodeMessage, encodeCall, type Reader } from './dbus-wire.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** What a call failed with; not an error of jit, because the caller knows better what it means. */
export type BusFault =
  /** Nobody listens at the address, or it is of a kind that jit does not speak. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** The bus or the service took longer than it may. */
  | { readonly kind: 'silent' }
  /** It answered nonsense or went away. */
  | { readonly kind: 'broken' }
  /** The service, or the bus for it, refused. */
  | { readonly kind: 'refused'; readonly name: string };

export type Answer = { readonly kind: 'answer'; readonly types: string; readonly body: Reader } | BusFault;

/** A connection. Calls may be made side by side; none of them rejects. */
export interface Bus {
  call(call: Call, body?: Body): Promise<Answer>;
  close(): void;
}

const NOTHING: Body = { types: '', bytes: Buffer.alloc(0) };
const HELLO: Call = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
  member: 'Hello',
};
const LONGEST_GREETING = 512;

/**
 * The socket of the session bus, as libdbus and GLib find it, without their last resort of starting a bus: a secret
 * kept by a service on a bus of its own would be lost with it. An abstract socket begins with NUL.
 */
export function sessionBus(env: Env): { readonly socket: string } | { readonly missing: string } {
  const address = env['DBUS_SESSION_BUS_ADDRESS'] ?? '';
  if (address !== '') {
    const socket = address
      .split(';')
      .map(socketOf)
      .find((path) => path !== null);
    return socket === undefined || socket === null
      ? { missing: 'there is no session bus: DBUS_SESSION_BUS_ADDRESS names no unix socket' }
      : { socket };
  }
  const runtime = env['XDG_RUNTIME_DIR'] ?? '';
  return runtime.startsWith('/')
    ? { socket: join(runtime, 'bus') }
    : { missing: 'there is no session bus: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set' };
}

/** D-Bus Specification, "Server Addresses": `unix:key=value,…` with values escaped by percent signs. */
function socketOf(address: string): string | null {
  if (!address.startsWith('unix:')) return null;
  const pairs = new Map(address.slice('unix:'.length).split(',').map(keyAndValue));
  const path = pairs.get('path');
  if (path !== undefined) return path;
  const abstract = pairs.get('abstract');
  return abstract === undefined ? null : `\0${abstract}`;
}

function keyAndValue(pair: string): readonly [string, string] {
  const at = pair.indexOf('=');
  const value = pair
    .slice(at + 1)
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return [pair.slice(0, at), value];
}

/**
 * Connects and says who we are, all in one go with the first call.
 * @param limitMs for the whole conversation: after it every call is answered with `silent`.
 * @param uid the effective user id, which the bus compares with what the kernel says about the socket's other end.
 */
export function openBus(path: string, { uid, limitMs }: { readonly uid: number; readonly limitMs: number }): Bus {
  const socket = connect(path);
  const waiting = new Map<number, (answer: Answer) => void>();
  let serial = 0;
  let over: BusFault | null = null;

  const finish = (why: BusFault): void => {
    over ??= why;
    clearTimeout(timer);
    socket.destroy();
    for (const settle of waiting.values()) settle(over);
    waiting.clear();
  };
  // What has come in while this process was busy is read first: its own lateness is not the keychain's.
  const timer = setTimeout(() => setImmediate(() => setImmediate(() => finish({ kind: 'silent' }))), limitMs);
  const call = (what: Call, body = NOTHING): Promise<Answer> =>
    new Promise((resolve) => {
      if (over !== null) {
        resolve(over);
        return;
      }
      serial += 1;
      waiting.set(serial, resolve);
      socket.write(encodeCall(what, serial, body));
    });

  socket.on('error', (error) => {
    const code = errnoOf(error);
    const absent = code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'EACCES' || code === 'EPERM';
    finish(absent ? { kind: 'unreachable', reason: code } : { kind: 'broken' });
  });
  socket.on('close', () => finish({ kind: 'broken' }));
  receive(socket, finish, (answers, answer) => {
    waiting.get(answers)?.(answer);
    waiting.delete(answers);
  });
  // The authentication protocol allows to send on without waiting for the agreement.
  socket.write(`\0AUTH EXTERNAL ${Buffer.from(String(uid)).toString('hex')}\r\nBEGIN\r\n`);
  void call(HELLO);
  return { call, close: () => finish({ kind: 'broken' }) };
}

function receive(
  socket: Socket,
  finish: (why: BusFault) => void,
  settle: (answers: number, answer: Answer) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  let agreed: 'yes' | 'not yet' = 'not yet';
  socket.on('data', (part: Buffer) => {
    bytes = Buffer.concat([bytes, part]);
    try {
      if (agreed === 'not yet') {
        const end = bytes.indexOf('\r\n');
        if (end < 0 && bytes.length < LONGEST_GREETING) return;
        if (!bytes.subarray(0, 3).equals(Buffer.from('OK '))) {
          finish({ kind: 'unreachable', reason: 'it refuses this user' });
          return;
        }
        agreed = 'yes';
        bytes = bytes.subarray(end + 2);
      }
      for (let next = decodeMessage(bytes); next !== null; next = decodeMessage(bytes)) {
        bytes = next.rest;
        const { kind, answers, errorName, types, body } = next.message;
        if (kind === 'return') settle(answers, { kind: 'answer', types, body });
        else if (kind === 'error') settle(answers, { kind: 'refused', name: errorName });
      }
    } catch {
      finish({ kind: 'broken' });
    }
  });
}
