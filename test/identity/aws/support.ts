/**
 * What the tests of AWS identities share: a broker's verifier, proofs that are honest or not, and two kinds of STS.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { Sha256 } from '@aws-crypto/sha256-js';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { SignatureV4 } from '@smithy/signature-v4';
import { type Canonical, canonicalJson } from '../../../src/core/canonical.ts';
import { JitError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { AskLimits } from '../../../src/identity/aws/ask.ts';
import { awsProviderSchema, makeAwsVerifier } from '../../../src/identity/aws/config.ts';
import type { AwsVerify } from '../../../src/identity/aws/config.ts';
import type { SdkKeys } from '../../../src/identity/aws/credentials.ts';
import { signCallerIdentity } from '../../../src/identity/aws/sign.ts';
import { refused } from '../../../src/identity/verify/refusal.ts';
import type { Binding } from '../../../src/identity/verify/verified.ts';
import { createCloud } from '../../../src/sandbox/cloud.ts';
import { handle } from '../../../src/sandbox/handler.ts';
import { createKeyring } from '../../../src/sandbox/keys.ts';
import { SANDBOX_ROLE_ARN, createWorld } from '../../../src/sandbox/world.ts';
import { serve } from '../../providers/aws/support.ts';

export const AUDIENCE = 'https://jit.example.com';
export const REGION = 'eu-west-1';
export const HOST = 'sts.eu-west-1.amazonaws.com';
export const BINDING: Binding = {
  keyThumbprint: 'k'.repeat(43),
  nonce: `t0.${'n'.repeat(43)}`,
  body: 'b'.repeat(43),
};
export const CHALLENGE = `${AUDIENCE};${BINDING.nonce};${BINDING.keyThumbprint};${BINDING.body};${'s'.repeat(22)}`;
export const KEYS: SdkKeys = {
  accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'secret-canary-71bd',
  sessionToken: 'c2Vzc2lvbg==',
};

/** An entry of the configuration, as somebody wrote it. */
export function entryText(changes: object = {}): object {
  const roles = ['arn:aws:iam::123456789012:role/ci/deploy'];
  return { type: 'aws', accounts: ['123456789012'], roles, regions: [REGION], groups: ['pipelines'], ...changes };
}

export interface BrokerParts {
  readonly entries?: readonly object[];
  readonly now?: () => number;
  readonly limits?: AskLimits;
  readonly log?: (message: string, fields: Readonly<Record<string, string>>) => void;
}

/** A broker's verifier, from entries as somebody wrote them: they are named aws-0, aws-1… */
export function broker({
  entries = [entryText()],
  now = Date.now,
  limits,
  log = () => undefined,
}: BrokerParts): AwsVerify {
  return makeAwsVerifier({
    entries: entries.map((entry, at) => ({ ...awsProviderSchema.parse(entry), name: `aws-${at}` })),
    audience: AUDIENCE,
    now,
    log,
    ...(limits === undefined ? {} : { limits }),
  });
}

export interface ProofChanges {
  readonly keys?: SdkKeys;
  readonly region?: string;
  readonly audience?: string;
  readonly binding?: Binding;
  readonly now?: () => number;
}

/** A proof as the client makes it. */
export async function prove(changes: ProofChanges = {}): Promise<Secret<string>> {
  const { keys = KEYS, region = REGION, audience = AUDIENCE, binding = BINDING, now = Date.now } = changes;
  const credentials = (): Promise<SdkKeys> => Promise.resolve(keys);
  return await signCallerIdentity({ ...binding, audience, region, credentials, now, random: randomBytes });
}

export interface Opened {
  readonly v: number;
  readonly region: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Takes a proof apart. */
export function open(token: Secret<string>): Opened {
  return JSON.parse(Buffer.from(token.expose(), 'base64url').toString('utf8'));
}

/** The inverse, for anything. */
export function close(value: Canonical): Secret<string> {
  return sealed(canonicalJson(value));
}

/** A token of exactly this text. */
export function sealed(text: string): Secret<string> {
  return new Secret(Buffer.from(text, 'utf8').toString('base64url'));
}

/** A proof with some of its parts replaced after signing. */
export async function altered(
  change: (proof: Opened) => Canonical,
  changes: ProofChanges = {},
): Promise<Secret<string>> {
  return close(change(open(await prove(changes))));
}

export function withHeaders({ v, region, headers }: Opened, changes: Readonly<Record<string, string>>): Canonical {
  return { v, region, headers: { ...headers, ...changes } };
}

export interface Signing {
  readonly keys?: SdkKeys;
  readonly service?: string;
  readonly region?: string;
  readonly signingDate?: Date;
  readonly unsigned?: readonly string[];
  readonly request?: {
    readonly method?: string;
    readonly hostname?: string;
    readonly path?: string;
    readonly query?: Record<string, string>;
    readonly headers?: Record<string, string>;
    readonly body?: string;
  };
}

function signing({ keys = KEYS, service = 'sts', region = REGION, request = {} }: Signing) {
  const hostname = request.hostname ?? HOST;
  const headers = {
    host: hostname,
    'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    'x-jit-challenge': CHALLENGE,
    ...request.headers,
  };
  const base = { method: 'POST', path: '/', query: {}, body: 'Action=GetCallerIdentity&Version=2011-06-15' };
  return {
    signer: new SignatureV4({ service, region, credentials: keys, sha256: Sha256, applyChecksum: false }),
    request: { protocol: 'https:', ...base, ...request, hostname, headers },
  };
}

/** A proof of a request that an attacker could have had signed, in the form of an honest one. */
export async function forged(parts: Signing): Promise<Secret<string>> {
  const { signer, request } = signing(parts);
  const { signingDate = new Date(), unsigned = [] } = parts;
  const signed = await signer.sign(request, { signingDate, unsignableHeaders: new Set(unsigned) });
  return close({ v: 1, region: parts.region ?? REGION, headers: proofHeaders(signed.headers) });
}

/** The signature of a presigned URL, moved to where the signature of a header belongs. */
export async function presigned(parts: Signing = {}): Promise<Secret<string>> {
  const { signer, request } = signing(parts);
  const { query = {} } = await signer.presign(request, { expiresIn: 900 });
  const value = (name: string): string => String(query[name] ?? '');
  const authorization = `AWS4-HMAC-SHA256 Credential=${value('X-Amz-Credential')}, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-jit-challenge, Signature=${value('X-Amz-Signature')}`;
  const headers = { authorization, 'x-amz-date': value('X-Amz-Date'), 'x-jit-challenge': CHALLENGE };
  return close({
    v: 1,
    region: REGION,
    headers: { ...headers, 'x-amz-security-token': value('X-Amz-Security-Token') },
  });
}

function proofHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const names = ['authorization', 'x-amz-date', 'x-amz-security-token', 'x-jit-challenge'];
  return Object.fromEntries(names.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])));
}

/** The one error of every refusal: @returns the reason, which is for the log only. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  const { code, message, reason } = await failed(promise);
  assert.deepEqual([code, message], ['ERR_NOT_SIGNED_IN', refused('').message], reason);
  return reason;
}

export async function failed(promise: Promise<unknown>): Promise<{ code: string; message: string; reason: string }> {
  const thrown: unknown = await promise.then(
    () => assert.fail('it was accepted'),
    (error: unknown) => error,
  );
  assert(thrown instanceof JitError, String(thrown));
  const { code, message, cause } = thrown;
  return { code, message, reason: cause instanceof Error ? cause.message : '' };
}

export interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

export interface Sts {
  readonly url: string;
  /** Every request that came. */
  readonly seen: Seen[];
}

export interface Canned {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** An STS that believes everybody and answers what it is told to. */
export async function cannedSts(t: TestContext, answer: () => Canned): Promise<Sts> {
  const seen: Seen[] = [];
  const respond = async (request: IncomingMessage, reply: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    const { method, url, rawHeaders } = request;
    seen.push({ method, url, rawHeaders, body: body.toString('utf8') });
    const { status = 200, headers = { 'content-type': 'text/xml' }, body: text } = answer();
    reply.writeHead(status, { ...headers }).end(text);
  };
  const server = await serve((request, reply) => void respond(request, reply));
  t.after(() => server.close());
  return { url: server.url, seen };
}

export interface SandboxSts extends Sts {
  readonly operator: SdkKeys;
  /** Credentials of a session of the sandbox's role, by a real AssumeRole. */
  assume(session: string, seconds?: number): Promise<SdkKeys>;
}

/** The project's own sandbox, which checks signatures, under the host name that was signed. */
export async function sandboxSts(t: TestContext, now: () => number = Date.now): Promise<SandboxSts> {
  const keys = createKeyring(new Secret(randomBytes(32)));
  const world = createWorld({ issuers: [], revision: 0, inline: new Map(), now: now() });
  const unknown = (): never => assert.fail('no web identity here');
  const cloud = createCloud({ world, keys, now, verifyIdentityToken: unknown, persist: () => undefined });
  const seen: Seen[] = [];
  const respond = async (request: IncomingMessage, reply: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    const { method = '', url = '', rawHeaders } = request;
    seen.push({ method, url, rawHeaders, body: body.toString('utf8') });
    const headers = rawHeaders.flatMap((name, at): [string, string][] =>
      at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? '']] : [],
    );
    const { response } = await handle(cloud, { method, target: url, headers, body });
    reply.writeHead(response.status, { ...response.headers }).end(response.body);
  };
  const server = await serve((request, reply) => void respond(request, reply));
  t.after(() => server.close());
  const operator = keys.operator().expose();
  const systemClockOffset = now() - Date.now();
  const client = new STSClient({
    endpoint: server.url,
    region: REGION,
    credentials: { ...operator },
    systemClockOffset,
  });
  t.after(() => client.destroy());
  return {
    url: server.url,
    seen,
    operator,
    assume: async (session, seconds = 900) => {
      const input = { RoleArn: SANDBOX_ROLE_ARN, RoleSessionName: session, DurationSeconds: seconds };
      const { Credentials: made } = await client.send(new AssumeRoleCommand(input));
      const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = made ?? {};
      return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
    },
  };
}

export interface Named {
  readonly arn?: string;
  readonly userId?: string;
  readonly account?: string;
}

/** What STS answers about somebody. */
export function identityXml(named: Named = {}): string {
  const { arn = 'arn:aws:sts::123456789012:assumed-role/deploy/run-1', userId = 'AROAEXAMPLEEXAMPLE123:run-1' } = named;
  const { account = '123456789012' } = named;
  return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>${arn}</Arn>
    <UserId>${userId}</UserId>
    <Account>${account}</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
`;
}

const REAL = Object.entries(process.env).filter(([name]) => name.startsWith('AWS_'));

function setVariables(variables: Readonly<Record<string, string | undefined>>): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, variables);
}

/** Runs the rest of the test with these variables of AWS and no others: the SDK reads the real environment. */
export function withVariables(t: TestContext, variables: Readonly<Record<string, string>>): void {
  setVariables({ AWS_EC2_METADATA_DISABLED: 'true', ...variables });
  t.after(() => setVariables(Object.fromEntries(REAL)));
}
