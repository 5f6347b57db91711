/**
 * A program of an operator's own that keeps incidents: over real HTTP it answers about one at a time to whoever has the token, and
 * it signs its calls as Standard Webhooks has it.
 * @module
 */
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HookCall } from '../../../src/core/hook.ts';

export interface ProgramIncident {
  readonly id: string;
  readonly [member: string]: unknown;
}

export interface IncidentProgram {
  /** Up to the id of an incident. */
  readonly before: string;
  readonly token: string;
  /** `whsec_…`. */
  readonly secret: string;
  readonly incidents: Map<string, ProgramIncident>;
  /** The paths that were asked for. */
  readonly asked: string[];
  /** The next answers instead of true ones. `hang`: none at all. */
  readonly next: ({ readonly status: number; readonly type?: string; readonly body?: string } | 'hang')[];
  end(): Promise<void>;
}

export async function startIncidentProgram(): Promise<IncidentProgram> {
  const token = 'canary-lookup-token';
  const incidents: IncidentProgram['incidents'] = new Map();
  const asked: string[] = [];
  const next: IncidentProgram['next'] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const reply = (status: number, body: string, type = 'application/json'): void => {
      response.writeHead(status, { 'content-type': type }).end(body);
    };
    const order = next.shift();
    if (order === 'hang') return;
    if (order !== undefined) return reply(order.status, order.body ?? '{}', order.type);
    if (request.method !== 'GET') return reply(405, '{}');
    if (request.headers.authorization !== `Bearer ${token}`) return reply(401, '{}');
    const [, text] = /^\/incidents\/([^/?]+)$/.exec(path) ?? [];
    const name = text === undefined ? null : decodeURIComponent(text);
    const found = [...incidents.values()].find((each) => each.id === name || each['reference'] === name);
    return found === undefined ? reply(404, '{}') : reply(200, JSON.stringify(found));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Safe: a listening TCP server has an address of this form.
  const { port } = server.address() as AddressInfo;
  return {
    before: `http://127.0.0.1:${port}/incidents/`,
    token,
    secret: `whsec_${Buffer.from('canary-hook-secret-0123456789abc').toString('base64')}`,
    incidents,
    asked,
    next,
    end: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** @param at epoch ms of the signature. */
export function signedCall(secret: string, id: string, body: string | Uint8Array, at: number): HookCall {
  const timestamp = String(Math.floor(at / 1_000));
  const mac = createHmac('sha256', Buffer.from(secret.replace('whsec_', ''), 'base64'));
  const signature = mac.update(`${id}.${timestamp}.`).update(body).digest('base64');
  return withHeaders(
    { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` },
    body,
  );
}

export function withHeaders(headers: Readonly<Record<string, string>>, body: string | Uint8Array): HookCall {
  return { header: (name) => headers[name] ?? null, body: Buffer.from(body) };
}
