/**
 * A broker for tests of the client and the keeper: a real HTTP server on a Unix socket or a port, with real semantics for
 * the life of a grant (versions, long-polls, ends, credentials that expire) and without a policy or a cloud.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { ToolSettings } from '../../src/core/credential.ts';
import { JitError } from '../../src/core/errors.ts';
import { type GrantId, grantId, requestId } from '../../src/core/ids.ts';
import { useBodySchema, type UseBody } from '../../src/wire/bodies.ts';
import { PROBLEM_TYPE, toProblem } from '../../src/wire/problem.ts';
import type { CredentialsView, GrantView, Outcome } from '../../src/wire/views.ts';

export interface FakeBroker {
  /** `METHOD path` of every call, in order. */
  readonly calls: readonly string[];
  /** Use reports taken, per grant. */
  readonly uses: ReadonlyMap<string, readonly UseBody[]>;
  /** A live grant of one target, `seconds` from now. */
  grant(options: GrantOptions): Outcome;
  /** Puts the end off, to `seconds` from now, as its requester would elsewhere. @returns the new end, epoch ms. */
  renew(grant: GrantId, seconds: number): number;
  /** Moves the end up, to `seconds` from now, as the end of an incident does. @returns the new end, epoch ms. */
  cut(grant: GrantId, seconds: number): number;
  /** Ends a grant as a person elsewhere would. */
  end(grant: GrantId, reason: NonNullable<GrantView['reason']>): void;
  /** Drops every connection under way and takes no new ones. */
  stop(): Promise<void>;
}

export interface GrantOptions {
  readonly seconds: number;
  /** Life of each credential; as long as the grant if left out. */
  readonly credentialSeconds?: number;
  /** Before credentials are answered; shows who else asks meanwhile. */
  readonly credentialDelayMs?: number;
  readonly targets?: readonly string[];
  /** Those of the targets that are databases; what is named nowhere is at aws. */
  readonly databases?: readonly string[];
  /** Those that are projects of Google Cloud. */
  readonly projects?: readonly string[];
  readonly idleSeconds?: number;
  /** The incident that it is for. */
  readonly incident?: string;
}

/** The secret of every credential that this broker hands out: tests look for it where it must not be. */
export const CANARY = 'CANARY+secret/0123456789+DoNotLog+abcdef';

/** What the passwords of its databases begin with. */
export const PASSWORD = 'CANARYpassword-DoNotLog-';

/** What the tokens of its projects begin with. */
export const TOKEN = 'ya29.CANARYtoken-DoNotLog-';

interface Held {
  readonly options: GrantOptions;
  outcome: Outcome;
  endsAt: number;
  waiting: (() => void)[];
}

/** @param at a path for a Unix socket, or port 0 of the loopback interface. */
export async function fakeBroker(at: string | 0): Promise<FakeBroker & { readonly port: number }> {
  const grants = new Map<string, Held>();
  const calls: string[] = [];
  const uses = new Map<string, UseBody[]>();
  const server = createServer((request, response) => {
    calls.push(`${request.method ?? ''} ${request.url ?? ''}`);
    answer(request).then(
      (body) => send(response, body === null ? 204 : 200, body, 'application/json'),
      (thrown: unknown) => {
        if (!(thrown instanceof JitError)) throw thrown;
        send(response, thrown.facts.http, toProblem(thrown), PROBLEM_TYPE);
      },
    );
  });

  function change(held: Held, part: Partial<GrantView>): void {
    const { grant } = held.outcome;
    if (grant === null) return;
    held.outcome = { ...held.outcome, grant: { ...grant, ...part, version: grant.version + 1 } };
    for (const wake of held.waiting.splice(0)) wake();
  }

  function settle(held: Held): void {
    if (held.outcome.grant?.state === 'active' && Date.now() >= held.endsAt) {
      change(held, { state: 'closed', reason: 'expired', closedAt: iso(Date.now()) });
    }
  }

  async function answer(request: IncomingMessage): Promise<unknown> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/healthz') return { status: 'ok', version: '0.0.0', sandbox: true };
    const [, id = '', verb] = /^\/v1\/grants\/(gr_[0-9a-z]{26})(?:\/(\w+))?$/.exec(url.pathname) ?? [];
    const held = grants.get(id);
    if (held === undefined) throw new JitError({ code: 'ERR_NOT_FOUND', message: 'no such grant' });
    const body = await read(request);
    settle(held);
    switch (verb) {
      case 'credentials':
        await delay(held.options.credentialDelayMs ?? 0);
        settle(held);
        if (held.outcome.grant?.state !== 'active') throw new JitError({ code: 'ERR_GRANT_ENDED', message: 'ended' });
        return credentialsOf(held);
      case 'use':
        uses.set(id, [...(uses.get(id) ?? []), useBodySchema.parse(JSON.parse(body))]);
        return null;
      case 'revoke':
        change(held, { state: 'closed', reason: 'revoked', closedAt: iso(Date.now()) });
        return held.outcome;
      case undefined:
      default: {
        const after = Number(url.searchParams.get('after') ?? -1);
        const waitMs = 1_000 * Number.parseInt(url.searchParams.get('wait') ?? '0', 10);
        if (waitMs > 0 && (held.outcome.grant?.version ?? 0) <= after) await changed(held, waitMs);
        return held.outcome;
      }
    }
  }

  if (at === 0) server.listen({ host: '127.0.0.1', port: 0 });
  else server.listen(at);
  await once(server, 'listening');
  const address = server.address();

  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    calls,
    uses,
    grant: (options) => {
      const held = open(options);
      grants.set(held.outcome.grant?.id ?? '', held);
      return held.outcome;
    },
    renew: (grant, seconds) => {
      const held = grants.get(grant);
      const before = held?.outcome.grant ?? null;
      if (held === undefined || before === null) throw new Error('no such grant');
      held.endsAt = Date.now() + seconds * 1_000;
      const longest = Math.max(seconds, before.seconds);
      change(held, { expiresAt: iso(held.endsAt), seconds: longest, renewals: before.renewals + 1 });
      return held.endsAt;
    },
    cut: (grant, seconds) => {
      const held = grants.get(grant);
      if (held === undefined) throw new Error('no such grant');
      held.endsAt = Math.min(held.endsAt, Date.now() + seconds * 1_000);
      change(held, { expiresAt: iso(held.endsAt) });
      return held.endsAt;
    },
    end: (grant, reason) => {
      const held = grants.get(grant);
      if (held !== undefined) change(held, { state: 'revoking', reason, endedAt: iso(Date.now()) });
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function open(options: GrantOptions): Held {
  const now = Date.now();
  const endsAt = now + options.seconds * 1_000;
  const targets = options.targets ?? ['sandbox'];
  const id = grantId(randomBytes(16));
  const request = requestId(randomBytes(16));
  const server = { host: '127.0.0.1', port: 5_432, databases: ['shop'], tls: 'disable', authority: null } as const;
  const database = { kind: 'postgres', ...server } as const;
  const project = { kind: 'gcp', identity: 'issued', project: 'acme-web-prod', endpoint: null } as const;
  const aws = {
    kind: 'aws',
    identity: 'issued',
    account: '000000000000',
    region: 'us-east-1',
    endpoint: null,
  } as const;
  const toolAt = (target: string): ToolSettings => {
    if (options.databases?.includes(target) === true) return database;
    return options.projects?.includes(target) === true ? project : aws;
  };
  return {
    options,
    endsAt,
    waiting: [],
    outcome: {
      request: {
        id: request,
        hash: '0'.repeat(64),
        state: 'approved',
        tier: 'auto',
        why: 'a test',
        requester: { kind: 'user', issuer: 'os', subject: '0', name: 'root' },
        asks: [{ operation: 's3:GetObject', resources: ['arn:aws:s3:::sandbox-reports/*'] }],
        permissions: [],
        seconds: options.seconds,
        reason: 'a test of the keeper',
        ticket: null,
        incident: options.incident === undefined ? null : { source: 'file', id: 'one', reference: options.incident },
        policy: 'none',
        createdAt: iso(now),
        grant: id,
        version: 1,
        deadline: null,
        quorum: [],
        votes: [],
        can: [],
      },
      grant: {
        id,
        request,
        state: 'active',
        reason: null,
        seconds: options.seconds,
        renewals: 0,
        idleSeconds: options.idleSeconds ?? null,
        version: 1,
        createdAt: iso(now),
        issuedAt: iso(now),
        expiresAt: iso(endsAt),
        endedAt: null,
        closedAt: null,
        legs: targets.map((target) => ({
          target,
          provider: 'aws',
          environment: 'sandbox',
          sandbox: true,
          state: 'issued',
          tool: toolAt(target),
          name: id,
          revocation: { kind: 'immediate' },
          notAfter: iso(endsAt),
          attempts: 0,
          problem: null,
          gone: null,
        })),
      },
    },
  };
}

function credentialsOf({ options, outcome, endsAt }: Held): CredentialsView {
  const { grant } = outcome;
  if (grant === null) throw new Error('no grant');
  const end = Math.min(endsAt, Date.now() + (options.credentialSeconds ?? options.seconds) * 1_000);
  return {
    grant: grant.id,
    expiresAt: iso(endsAt),
    credentials: grant.legs.map(({ target, tool }) => {
      if (tool === null) throw new Error('no tool');
      const serial = randomBytes(8).toString('hex').toUpperCase();
      if (tool.kind === 'postgres') {
        const secret = { user: 'jit_test', password: `${PASSWORD}${serial}` };
        return { target, kind: 'postgres', tool, expiration: iso(end), secret };
      }
      if (tool.kind === 'gcp') {
        return { target, kind: 'gcp', tool, expiration: iso(end), secret: { token: `${TOKEN}${serial}` } };
      }
      return {
        target,
        kind: 'aws',
        tool,
        expiration: iso(end),
        secret: { accessKeyId: `ASIA${serial}`, secretAccessKey: CANARY, sessionToken: `${CANARY}.${serial}` },
      };
    }),
  };
}

function changed(held: Held, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, waitMs);
    timer.unref();
    held.waiting.push(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, status: number, body: unknown, type: string): void {
  if (body === null) {
    response.writeHead(status).end();
    return;
  }
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const iso = (epochMs: number): string => new Date(epochMs).toISOString();
