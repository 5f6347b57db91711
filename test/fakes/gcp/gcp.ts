/**
 * An HTTP server that speaks the parts of Google Cloud that jit and its users call: Resource Manager v3, IAM v1, IAM Service
 * Account Credentials v1, Security Token Service v1, Privileged Access Manager v1, and reading objects with the JSON API of Cloud Storage.
 * @module
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createLocalJWKSet, jwtVerify } from 'jose';
import type { JSONWebKeySet } from 'jose';
import { z } from 'zod';
import { parseCondition } from './cel.ts';
import { makePam } from './pam.ts';
import type { Pam } from './pam.ts';
import { asJson, checked, fitting, misfit } from './schema.ts';
import { Refusal } from './refusal.ts';
import { makeWorld } from './world.ts';
import type { Rule, Session, World } from './world.ts';

/** What is done to a call instead of answering it: `lost` carries it out first. */
export type Trouble =
  | 'dropped'
  | 'lost'
  | 'silent'
  | { readonly http: number; readonly body: string; readonly headers?: Record<string, string> };

/** A workload identity pool provider that trusts one issuer. */
export interface Pool {
  readonly audience: string;
  readonly issuer: string;
  readonly keys: JSONWebKeySet;
}

export interface FakeGcp {
  readonly url: string;
  readonly world: World;
  readonly pam: Pam;
  /** Each call, as `METHOD path`. */
  readonly calls: string[];
  /** Values of `X-Goog-Request-Reason`, in the order of the calls that had one. */
  readonly reasons: string[];
  readonly pools: Pool[];
  /** Asked for each call; null lets it go well. */
  trouble: (call: string) => Trouble | null;
  close(): Promise<void>;
}

interface Call {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
  readonly token: string | null;
}

const EXPR = z.object({ expression: z.string().optional() });
const RULES = z.object({
  accessBoundary: z.object({
    accessBoundaryRules: z.array(
      z.object({
        availableResource: z.string(),
        availablePermissions: z.array(z.string()),
        availabilityCondition: EXPR.optional(),
      }),
    ),
  }),
});
const GET = z.object({ options: z.object({ requestedPolicyVersion: z.number().default(0) }).optional() });
const SET = z.object({ policy: z.record(z.string(), z.unknown()).default({}) });
const GENERATE = z.object({ lifetime: z.string().default('3600s'), scope: z.array(z.string()).default([]) });
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

export async function startGcp(now: () => number): Promise<FakeGcp> {
  const world = makeWorld(now);
  const server = createServer((request, response) => {
    void (async () => {
      const call = await read(request);
      const name = `${call.method} ${call.url.pathname}`;
      gcp.calls.push(name);
      const reason = request.headers['x-goog-request-reason'];
      if (typeof reason === 'string') gcp.reasons.push(reason);
      const trouble = gcp.trouble(name);
      if (trouble === 'dropped') return void request.socket.destroy();
      if (trouble === 'silent') return;
      if (typeof trouble === 'object' && trouble !== null) {
        return void response
          .writeHead(trouble.http, { 'content-type': 'application/json', ...trouble.headers })
          .end(trouble.body);
      }
      const { http, value } = await answer(call, gcp, now);
      if (trouble === 'lost') return void request.socket.destroy();
      response.writeHead(http, { 'content-type': 'application/json; charset=UTF-8' }).end(JSON.stringify(value));
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // `listen` on a TCP port gives an address object.
  const { port } = server.address() as AddressInfo;
  const gcp: FakeGcp = {
    url: `http://127.0.0.1:${port}`,
    world,
    pam: makePam(world, now),
    calls: [],
    reasons: [],
    pools: [],
    trouble: () => null,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return gcp;
}

/** The words of an error as Google's APIs answer it. */
export function googleError(
  http: number,
  status: string,
  message = 'no',
): { readonly http: number; readonly body: string } {
  return { http, body: JSON.stringify({ error: { code: http, message, status } }) };
}

async function read(request: IncomingMessage): Promise<Call> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? null;
  return { method: request.method ?? 'GET', url, body: await text(request), token };
}

async function answer(
  call: Call,
  gcp: FakeGcp,
  now: () => number,
): Promise<{ readonly http: number; readonly value: unknown }> {
  try {
    return { http: 200, value: await route(call, gcp, now) };
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    const { http, status, message } = thrown;
    if (call.url.pathname === '/v1/token') return { http, value: { error: status, error_description: message } };
    return { http, value: { error: { code: http, message, status } } };
  }
}

async function route(call: Call, gcp: FakeGcp, now: () => number): Promise<unknown> {
  const { method, url } = call;
  const path = decodeURIComponent(url.pathname);
  if (method === 'POST' && path === '/v1/token') return await exchange(call, gcp, now);
  const session = gcp.world.session(call.token ?? '');
  const [, project = '', verb] = /^\/v3\/projects\/([^/:]+):(getIamPolicy|setIamPolicy)$/.exec(path) ?? [];
  if (method === 'POST' && verb !== undefined) return policyCall(call, gcp.world, session, { project, verb });
  const granted = gcp.pam.answer(call, session);
  if (granted !== null) return granted;
  const [, account] = /^\/v1\/projects\/-\/serviceAccounts\/([^/:]+):generateAccessToken$/.exec(path) ?? [];
  if (method === 'POST' && account !== undefined) return generate(call, gcp.world, session, { account, now });
  const [, role] = /^\/v1\/((?:(?:projects|organizations)\/[^/]+\/)?roles\/[^/]+)$/.exec(path) ?? [];
  if (method === 'GET' && role !== undefined) return roleCall(gcp.world, role);
  const [, bucket, object] = /^\/storage\/v1\/b\/([^/]+)\/o(?:\/(.+))?$/.exec(path) ?? [];
  if (method === 'GET' && bucket !== undefined) return objectCall(url, gcp.world, session, { bucket, object });
  throw new Refusal(404, 'NOT_FOUND', `no such method: ${path}`);
}

function policyCall(
  call: Call,
  world: World,
  session: Session,
  { project, verb }: { project: string; verb: string },
): unknown {
  const about = { service: 'cloudresourcemanager.googleapis.com', name: `projects/${project}`, listPrefix: '' };
  if (!world.allows(session, `resourcemanager.projects.${verb}`, project, about)) {
    throw new Refusal(403, 'PERMISSION_DENIED', `The caller does not have permission on ${project}`);
  }
  if (verb === 'getIamPolicy') {
    const { options } = GET.parse(fitting('cloudresourcemanager-v3', 'GetIamPolicyRequest', call.body));
    return checked('cloudresourcemanager-v3', 'Policy', world.read(project, options?.requestedPolicyVersion ?? 0));
  }
  const { policy } = SET.parse(fitting('cloudresourcemanager-v3', 'SetIamPolicyRequest', call.body));
  return checked('cloudresourcemanager-v3', 'Policy', world.write(project, policy));
}

function generate(
  call: Call,
  world: World,
  session: Session,
  { account, now }: { account: string; now: () => number },
): unknown {
  const { lifetime, scope } = GENERATE.parse(fitting('iamcredentials-v1', 'GenerateAccessTokenRequest', call.body));
  if (world.creators.get(account)?.has(session.member) !== true) {
    throw new Refusal(
      403,
      'PERMISSION_DENIED',
      "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
    );
  }
  const seconds = Number(lifetime.slice(0, -1));
  if (scope.length === 0 || !(seconds > 0 && seconds <= 3_600))
    throw new Refusal(400, 'INVALID_ARGUMENT', 'Request contains an invalid argument.');
  const accessToken = world.tokenFor(`serviceAccount:${account}`, seconds);
  const expireTime = `${new Date(now() + seconds * 1_000).toISOString().slice(0, 19)}Z`;
  return checked('iamcredentials-v1', 'GenerateAccessTokenResponse', { accessToken, expireTime });
}

function roleCall(world: World, role: string): unknown {
  const includedPermissions = world.roles.get(role);
  if (includedPermissions === undefined) throw new Refusal(404, 'NOT_FOUND', `The role named ${role} was not found.`);
  return checked('iam-v1', 'Role', { name: role, title: role, includedPermissions, stage: 'GA', etag: 'AA==' });
}

function objectCall(
  url: URL,
  world: World,
  session: Session,
  { bucket, object }: { bucket: string; object: string | undefined },
): unknown {
  const place = world.buckets.get(bucket);
  const listPrefix = url.searchParams.get('prefix') ?? '';
  const name = `projects/_/buckets/${bucket}${object === undefined ? '' : `/objects/${object}`}`;
  const about = { service: 'storage.googleapis.com', name, listPrefix: object === undefined ? listPrefix : '' };
  const permission = object === undefined ? 'storage.objects.list' : 'storage.objects.get';
  const project = place?.project ?? '';
  if (!world.allows(session, permission, project, about)) {
    throw new Refusal(403, 'PERMISSION_DENIED', `${session.member} does not have ${permission} access.`);
  }
  if (object === undefined) {
    const names = [...(place?.objects ?? [])].filter((one) => one.startsWith(listPrefix));
    return { kind: 'storage#objects', items: names.map((one) => ({ kind: 'storage#object', name: one, bucket })) };
  }
  if (place?.objects.has(object) !== true) throw new Refusal(404, 'NOT_FOUND', 'No such object');
  return { kind: 'storage#object', name: object, bucket };
}

/** RFC 8693, as Google speaks it: a token of an issuer for a federated one, or an access token for a narrower one. */
async function exchange({ body, token }: Call, gcp: FakeGcp, now: () => number): Promise<unknown> {
  if (token !== null) throw new Refusal(400, 'invalid_request', 'No Authorization header belongs here.');
  const form = Object.fromEntries(new URLSearchParams(body));
  const request = Object.fromEntries(Object.entries(form).map(([name, value]) => [camel(name), value]));
  const problem = misfit('sts-v1', 'ExchangeTokenRequest', request);
  if (problem !== null) throw new Refusal(400, 'invalid_request', problem);
  const { grantType, requestedTokenType, subjectTokenType, subjectToken = '' } = request;
  if (grantType !== 'urn:ietf:params:oauth:grant-type:token-exchange' || requestedTokenType !== ACCESS_TOKEN) {
    throw new Refusal(400, 'invalid_request', 'Invalid grant or token type.');
  }
  const reply = { issued_token_type: ACCESS_TOKEN, token_type: 'Bearer' };
  if (subjectTokenType !== ACCESS_TOKEN) {
    const member = await federated(subjectToken, request['audience'] ?? '', gcp, now);
    const access_token = gcp.world.tokenFor(member, 3_600);
    return checked('sts-v1', 'ExchangeTokenResponse', { ...reply, access_token, expires_in: 3_600 });
  }
  const session = gcp.world.session(subjectToken);
  const rules = rulesOf(request['options'] ?? '');
  const access_token = gcp.world.tokenFor(session.member, (session.expiresAt - now()) / 1_000, { rules });
  return checked('sts-v1', 'ExchangeTokenResponse', { ...reply, access_token });
}

async function federated(subject: string, audience: string, { pools }: FakeGcp, now: () => number): Promise<string> {
  const pool = pools.find((one) => one.audience === audience);
  if (pool === undefined)
    throw new Refusal(400, 'invalid_target', 'The target service indicated by the "audience" parameters is invalid.');
  try {
    const { payload } = await jwtVerify(subject, createLocalJWKSet(pool.keys), {
      issuer: pool.issuer,
      audience: [audience, `https:${audience}`],
      currentDate: new Date(now()),
    });
    return `principal:${audience.replace(/\/providers\/.*$/, '')}/subject/${payload.sub ?? ''}`;
  } catch {
    throw new Refusal(400, 'invalid_grant', 'The ID Token cannot be verified.');
  }
}

function rulesOf(options: string): readonly Rule[] {
  const value = asJson(options);
  const problem = misfit('sts-v1', 'Options', value);
  const parsed = RULES.safeParse(value);
  if (problem !== null || !parsed.success || options.length > 2_048)
    throw new Refusal(400, 'invalid_request', problem ?? 'Invalid options.');
  const rules = parsed.data.accessBoundary.accessBoundaryRules;
  if (rules.length === 0 || rules.length > 10) throw new Refusal(400, 'invalid_request', 'Between 1 and 10 rules.');
  return rules.map(({ availableResource, availablePermissions, availabilityCondition: condition }) => {
    if (!/^\/\/storage\.googleapis\.com\/projects\/_\/buckets\/[^/]+$/.test(availableResource)) {
      throw new Refusal(400, 'invalid_request', 'Only buckets can be in a boundary.');
    }
    if (!availablePermissions.every((one) => one.startsWith('inRole:')))
      throw new Refusal(400, 'invalid_request', 'Not a role.');
    if (condition === undefined) return { availableResource, availablePermissions };
    try {
      parseCondition(condition.expression ?? '');
    } catch (thrown) {
      throw new Refusal(400, 'invalid_request', String(thrown));
    }
    return {
      availableResource,
      availablePermissions,
      availabilityCondition: { expression: condition.expression ?? '' },
    };
  });
}

const camel = (name: string): string => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
