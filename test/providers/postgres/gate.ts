/**
 * A TCP server between the broker and PostgreSQL that understands just enough of the protocol to count calls and to break at one.
 * @module
 */
import { once } from 'node:events';
import { createServer, connect } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { OutageKind } from '../contract/rig.ts';

/** `denied` is not the network's business. */
export type GateOutage = Exclude<OutageKind, 'denied'>;

export interface Gate {
  readonly port: number;
  /** Logins that have begun and statements that were sent, whatever became of them. */
  calls(): number;
  /** Breaks at the call after `after` more of them, or at the next that is this very statement. */
  outage(kind: GateOutage, when: { readonly after: number } | { readonly at: string }): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

interface Present {
  readonly kind: GateOutage;
  readonly at: string | null;
  left: number;
}

/** Starts one on a free port of loopback. @param upstream port of the server. */
export async function openGate(upstream: number): Promise<Gate> {
  let present: Present | null = null;
  let calls = 0;
  const open = new Set<Socket>();

  const outageOf = (text: string): GateOutage | null => {
    calls += 1;
    if (present === null) return null;
    if (present.at !== null) return text === present.at ? present.kind : null;
    present.left -= 1;
    return present.left < 0 ? present.kind : null;
  };

  const server = createServer({ noDelay: true }, (client) => {
    const backend = connect({ port: upstream, host: '127.0.0.1', noDelay: true });
    const end = (): void => {
      client.destroy();
      backend.destroy();
    };
    for (const socket of [client, backend]) {
      open.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        open.delete(socket);
        end();
      });
    }
    let silent = false;
    let lost = false;
    backend.on('data', (part: Buffer) => {
      if (lost) end();
      else if (!silent) client.write(part);
    });
    const read = messagesOf((message, text) => {
      if (silent) return;
      const kind = text === null ? null : outageOf(text);
      switch (kind) {
        case 'down':
          return end();
        case 'black-hole':
          silent = true;
          return;
        case 'throttled':
          client.end(tooMany());
          return;
        case 'reply-lost':
          lost = true;
          backend.write(message);
          return;
        case null:
          backend.write(message);
      }
    });
    client.on('data', read);
  });
  const port = await listen(server, 0);

  const drop = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port,
    calls: () => calls,
    outage: async (kind, when) => {
      const shut = kind === 'down' && 'after' in when && when.after === 0;
      if (shut) await close(server, drop);
      else present = { kind, at: 'at' in when ? when.at : null, left: 'after' in when ? when.after : 0 };
      return async () => {
        present = null;
        if (shut) await listen(server, port);
        else if (kind === 'black-hole') drop();
      };
    },
    close: async () => await close(server, drop),
  };
}

/**
 * Cuts what a client sends into messages (manual, "Message Formats"). `text` is what a call is known by: the statement of a
 * simple query, `startup`, or `sync`, which ends a statement with parameters; null for every other message.
 */
function messagesOf(take: (message: Buffer, text: string | null) => void): (part: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let started = false;
  return (part) => {
    rest = Buffer.concat([rest, part]);
    for (;;) {
      const head = started ? 1 : 0;
      if (rest.length < head + 4) return;
      const length = head + rest.readUInt32BE(head);
      if (rest.length < length) return;
      const message = rest.subarray(0, length);
      rest = rest.subarray(length);
      const type = started ? String.fromCharCode(message[0] ?? 0) : 'startup';
      started = true;
      const simple = type === 'Q' ? message.subarray(5, -1).toString('utf8') : null;
      take(message, type === 'startup' ? type : type === 'S' ? 'sync' : simple);
    }
  };
}

function tooMany(): Buffer {
  const fields = ['SFATAL', 'VFATAL', 'C53300', 'Msorry, too many clients already', ''].join('\0');
  const body = Buffer.from(`${fields}\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  // `listen` on a TCP port gives an address object.
  return (server.address() as AddressInfo).port;
}

async function close(server: Server, drop: () => void): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  drop();
  await closed;
}
