/**
 * What the tests of the AWS provider share: targets, orders, and small servers that misbehave.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { openIssuer } from '../../../src/broker/issuer/issuer.ts';
import type { Issuer } from '../../../src/broker/issuer/issuer.ts';
import { grantId } from '../../../src/core/ids.ts';
import type { GrantId } from '../../../src/core/ids.ts';
import type { Mark, Order, Provider, TokenSigner } from '../../../src/core/ports.ts';
import type { Permission } from '../../../src/core/request.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { AwsTarget } from '../../../src/providers/aws/provider.ts';

export const ROLE = 'arn:aws:iam::123456789012:role/team/jit-web';
export const READ: Permission = {
  target: 't',
  operation: 's3:GetObject',
  actions: ['s3:GetObject'],
  resources: ['arn:aws:s3:::reports/*'],
};

/** A signer for tests in which nobody verifies the token. */
export const SIGNER: TokenSigner = {
  issuer: 'https://jit.example.com',
  sign: async () => await Promise.resolve(new Secret('token-canary-7f3a')),
};

export const newGrant = (): GrantId => grantId(randomBytes(16));

export function config(changes: object = {}): object {
  return { provider: 'aws', role: ROLE, region: 'eu-west-1', environment: 'test', credentials: 'ambient', ...changes };
}

export function orderOf(parts: Partial<Order> & Pick<Order, 'endsAt'>): Order {
  return {
    grant: newGrant(),
    principal: { kind: 'user', issuer: 'https://idp.example', subject: 'u1', name: 'ann@example.com', groups: [] },
    permissions: [READ],
    ...parts,
  };
}

/** The mark of an order that was issued. */
export function markOf(provider: Provider<AwsTarget>, target: AwsTarget, order: Order, notAfter: number): Mark {
  const { handle } = provider.intend(target, order);
  return { grant: order.grant, target: target.name, handle, endsAt: order.endsAt, notAfter };
}

export const never = (): AbortSignal => new AbortController().signal;

/** A folder of its own under the system's temporary one. */
export async function tempFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'jit-aws-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** A real issuer with a key of its own. */
export async function makeIssuer(folder: string, now: () => number): Promise<Issuer> {
  const random = (bytes: number): Uint8Array => randomBytes(bytes);
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  return await openIssuer({ issuer: 'http://127.0.0.1:9', file: join(folder, 'issuer.json'), now, random, log });
}

export interface TestServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves on a free port of loopback. */
export async function serve(listener: RequestListener): Promise<TestServer> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // `listen` on a TCP port gives an address object.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** The form fields of a request of AWS's query API. */
export async function fieldsOf(request: IncomingMessage): Promise<URLSearchParams> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(Buffer.from(part));
  return new URLSearchParams(Buffer.concat(parts).toString('utf8'));
}

/** Whether a program can be started by its name. */
export function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((dir) => {
    try {
      accessSync(join(dir, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
