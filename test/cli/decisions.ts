/**
 * A broker for tests of waiting: a real HTTP server on a Unix socket that decides as it is told to.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { JitError } from '../../src/core/errors.ts';
import { grantId, requestId } from '../../src/core/ids.ts';
import { requestBodySchema } from '../../src/wire/bodies.ts';
import { PROBLEM_TYPE, toProblem } from '../../src/wire/problem.ts';
import type { GrantView, Outcome, RequestView } from '../../src/wire/views.ts';

export interface Decider {
  readonly calls: readonly { readonly method: string; readonly path: string; readonly key: string | undefined }[];
  /** What every further look at the request finds; those who wait are answered. */
  decide(change: Change): void;
  stop(): Promise<void>;
}

export interface Change {
  readonly request?: Partial<RequestView>;
  /** Null: no grant yet. */
  readonly grant?: Partial<GrantView> | null;
}

/** @param at a path for a Unix socket, or a port of this machine. @param first how the request stands right after it was made. */
export async function decider(
  at: string | number,
  first: Change,
  options: { readonly answerAfterMs?: number } = {},
): Promise<Decider> {
  const calls: { method: string; path: string; key: string | undefined }[] = [];
  let outcome = changed(blank(), first);
  let waiting: (() => void)[] = [];
  const server = createServer((request, response) => {
    const key = request.headers['idempotency-key'];
    calls.push({
      method: request.method ?? '',
      path: request.url ?? '',
      key: typeof key === 'string' ? key : undefined,
    });
    answer(request).then(
      (body) => reply(response, 200, body, 'application/json'),
      (thrown: unknown) => {
        const error = thrown instanceof JitError ? thrown : new JitError({ code: 'ERR_BODY', message: String(thrown) });
        reply(response, error.facts.http, toProblem(error), PROBLEM_TYPE);
      },
    );
  });

  async function answer(request: IncomingMessage): Promise<unknown> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const body = await read(request);
    if (url.pathname === '/healthz') return { status: 'ok', version: '0.0.0', sandbox: true };
    if (request.method === 'POST' && url.pathname === '/v1/requests') {
      const { reason, seconds } = requestBodySchema.parse(JSON.parse(body));
      outcome = changed(outcome, { request: { reason, seconds } });
      await new Promise((resolve) => setTimeout(resolve, options.answerAfterMs ?? 0));
      return outcome;
    }
    if (/^\/v1\/(requests|grants)\/\w+$/.test(url.pathname)) {
      if (url.searchParams.has('wait') && outcome.request.state === 'pending') {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          setTimeout(resolve, 1_000 * Number.parseInt(url.searchParams.get('wait') ?? '0', 10)).unref();
        });
      }
      return outcome;
    }
    throw new JitError({ code: 'ERR_NOT_FOUND', message: 'no such thing' });
  }

  server.listen(typeof at === 'number' ? { host: '127.0.0.1', port: at } : { path: at });
  await once(server, 'listening');
  return {
    calls,
    decide: (change) => {
      outcome = changed(outcome, change);
      for (const wake of waiting) wake();
      waiting = [];
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function blank(): Outcome {
  const request = requestId(randomBytes(16));
  const at = new Date().toISOString();
  return {
    request: {
      id: request,
      hash: '0'.repeat(64),
      state: 'pending',
      tier: 'manual',
      why: 'somebody has to look at it',
      requester: { kind: 'user', issuer: 'os', subject: '0', name: 'root' },
      asks: [{ operation: 's3:GetObject', resources: ['arn:aws:s3:::b/*'] }],
      permissions: [
        { target: 'prod', operation: 's3:GetObject', actions: ['s3:GetObject'], resources: ['arn:aws:s3:::b/*'] },
      ],
      seconds: 60,
      reason: 'x',
      ticket: null,
      incident: null,
      policy: 'none',
      createdAt: at,
      grant: null,
      version: 1,
      deadline: null,
      quorum: [],
      votes: [],
      can: ['cancel'],
    },
    grant: null,
  };
}

function changed(outcome: Outcome, { request, grant }: Change): Outcome {
  const next = { ...outcome.request, ...request };
  if (grant === undefined) return { ...outcome, request: next };
  if (grant === null) return { request: next, grant: null };
  const now = Date.now();
  const full: GrantView = {
    id: grantId(randomBytes(16)),
    request: next.id,
    state: 'active',
    reason: null,
    seconds: next.seconds,
    renewals: 0,
    idleSeconds: null,
    version: 1,
    createdAt: new Date(now).toISOString(),
    issuedAt: new Date(now).toISOString(),
    expiresAt: new Date(now + next.seconds * 1_000).toISOString(),
    endedAt: null,
    closedAt: null,
    legs: [],
    ...outcome.grant,
    ...grant,
  };
  return { request: { ...next, grant: full.id }, grant: full };
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function reply(response: ServerResponse, status: number, body: unknown, type: string): void {
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}
