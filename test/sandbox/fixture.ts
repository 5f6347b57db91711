/**
 * A running sandbox with a clock that tests can move, an issuer that it trusts, and SDK clients for it.
 * @module
 */
import type { TestContext } from 'node:test';
import { IAMClient } from '@aws-sdk/client-iam';
import { S3Client } from '@aws-sdk/client-s3';
import { AssumeRoleCommand, AssumeRoleWithWebIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { AssumeRoleCommandInput, Credentials } from '@aws-sdk/client-sts';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { startSandbox } from '../../src/sandbox/start.ts';
import type { Sandbox } from '../../src/sandbox/start.ts';
import type { ServerEvent } from '../../src/sandbox/server.ts';
import { REVOKER_ROLE_ARN, SANDBOX_ROLE_ARN } from '../../src/sandbox/world.ts';

export const ISSUER = 'https://issuer.example/jit';
export const AUDIENCE = 'sts.amazonaws.com';
const REGION = 'us-east-1';

/** Credentials as the SDK clients take them. */
export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Which clock a request is signed with, as an offset from the real one in milliseconds. */
const clock = { offset: 0 };

const pair = await generateKeyPair('ES256', { extractable: true });
const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
export const JWKS = { keys: [jwk] };
export const PRIVATE_KEY = pair.privateKey;

/** Moves the clock that both the sandbox and the clients of this file go by. */
export function setClock(t: TestContext, offset: number): void {
  clock.offset = offset;
  t.after(() => {
    clock.offset = 0;
  });
}

export function now(): number {
  return Date.now() + clock.offset;
}

export interface Fixture {
  readonly sandbox: Sandbox;
  readonly operator: Keys;
  readonly events: ServerEvent[];
  readonly sts: (keys?: Keys) => STSClient;
  readonly s3: (keys: Keys) => S3Client;
  readonly iam: (keys: Keys) => IAMClient;
  /** AssumeRole by the operator. */
  readonly assume: (input?: Partial<AssumeRoleCommandInput>) => Promise<Keys>;
  /** AssumeRoleWithWebIdentity with a token of the trusted issuer. */
  readonly enter: (
    token: string,
    input?: { Policy?: string; RoleArn?: string; DurationSeconds?: number },
  ) => Promise<Keys>;
  /** A session of the role that revokes. */
  readonly revoker: () => Promise<Keys>;
}

export function keysOf(credentials: Credentials | undefined): Keys {
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = credentials ?? {};
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
}

/** Starts a sandbox that ends with the test. */
export async function start(t: TestContext, state: string | null = null): Promise<Fixture> {
  const events: ServerEvent[] = [];
  const issuers = [{ issuer: ISSUER, audience: AUDIENCE, jwks: JWKS }];
  const sandbox = await startSandbox({ port: 0, state, issuers, now, log: (event) => events.push(event) });
  t.after(() => sandbox.close());
  const operator = sandbox.operator.expose();
  const config = (keys: Keys | undefined) => ({
    endpoint: sandbox.url,
    region: REGION,
    maxAttempts: 1,
    systemClockOffset: clock.offset,
    // A copy: the clients write marks of their own into the object.
    ...(keys === undefined ? {} : { credentials: { ...keys } }),
  });
  const clients: { destroy(): void }[] = [];
  t.after(() => {
    for (const client of clients) client.destroy();
  });
  const kept = <T extends { destroy(): void }>(client: T): T => {
    clients.push(client);
    return client;
  };
  const fixture: Fixture = {
    sandbox,
    operator,
    events,
    sts: (keys = operator) => kept(new STSClient(config(keys))),
    s3: (keys) => kept(new S3Client({ ...config(keys), forcePathStyle: true })),
    iam: (keys) => kept(new IAMClient(config(keys))),
    async assume(input = {}) {
      const command = new AssumeRoleCommand({ RoleArn: SANDBOX_ROLE_ARN, RoleSessionName: 'gr_test', ...input });
      return keysOf((await fixture.sts().send(command)).Credentials);
    },
    async enter(token, input = {}) {
      const named = { RoleArn: SANDBOX_ROLE_ARN, RoleSessionName: 'gr_test', WebIdentityToken: token, ...input };
      return keysOf((await fixture.sts().send(new AssumeRoleWithWebIdentityCommand(named))).Credentials);
    },
    revoker: () => fixture.assume({ RoleArn: REVOKER_ROLE_ARN, RoleSessionName: 'revoker' }),
  };
  return fixture;
}

/** What a token of the tests says, over the usual claims. */
export interface TokenParts {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly tags?: Readonly<Record<string, string | readonly string[]>>;
  readonly transitive?: readonly string[];
  readonly sourceIdentity?: string;
}

/** Signs an identity token as the trusted issuer. */
export function identityToken(parts: TokenParts = {}): Promise<string> {
  const issued = Math.floor(now() / 1_000);
  const tags =
    parts.tags === undefined
      ? {}
      : {
          'https://aws.amazon.com/tags': {
            principal_tags: parts.tags,
            ...(parts.transitive === undefined ? {} : { transitive_tag_keys: parts.transitive }),
          },
        };
  const source =
    parts.sourceIdentity === undefined ? {} : { 'https://aws.amazon.com/source_identity': parts.sourceIdentity };
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', iat: issued, exp: issued + 60 };
  return new SignJWT({ ...claims, ...tags, ...source, ...parts.claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .sign(PRIVATE_KEY);
}

/** What a client was refused with. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly status: number;
}

type ServiceError = Error & { $metadata?: { httpStatusCode?: number }; Code?: string };

/** Runs a call that must be refused, and says how. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // Every service error of the SDK has these members; other errors simply lack them.
    const { $metadata: metadata, Code: code } = error as ServiceError;
    return { code: code ?? error.name, message: error.message, status: metadata?.httpStatusCode ?? 0 };
  }
  throw new Error('the call was allowed');
}
