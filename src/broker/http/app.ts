/**
 * The HTTP application: identity, limits, routes, problems. It knows sockets only through `identify`.
 * @module
 */
import { Hono } from 'hono';
import { ERRORS, JitError, asJitError } from '../../core/errors.ts';
import type { HookCall } from '../../core/hook.ts';
import { PROBLEM_TYPE, toProblem } from '../../wire/problem.ts';
import type { Health } from '../../wire/views.ts';
import type { Log } from '../service/log.ts';
import { readBody, readRawBody } from './body.ts';
import { openApi } from './openapi.ts';
import type { Access, Caller } from '../sessions/caller.ts';
import type { EmergencyTest } from '../sessions/unconfirmed.ts';
import type { Route } from './routes.ts';

const KEY = /^[A-Za-z0-9_-]{1,128}$/;

export interface AppParts {
  readonly routes: readonly Route[];
  readonly version: string;
  /**
   * Who is calling, proven as far as the route demands. Throws `ERR_NOT_SIGNED_IN` and what a session mends by itself.
   * @param emergency null for a route of which no call is an emergency one.
   */
  readonly identify: (request: Request, access: Access, emergency: EmergencyTest | null) => Promise<Caller>;
  /** For the header `DPoP-Nonce` (RFC 9449 section 8); null where nobody signs in. */
  readonly nonce: (() => string) | null;
  /** Values of the Host header that are served, lower case, or null where the socket itself proves the caller (no DNS rebinding). */
  readonly hosts: ReadonlySet<string> | null;
  readonly health: () => Health;
  readonly ready: () => Promise<boolean>;
  readonly metrics: () => Promise<string>;
  /** The broker as an OpenID Connect issuer, for the clouds that trust it. */
  readonly discovery: () => object;
  readonly jwks: () => object;
  /** The pages for people, below `/web`; none where nobody signs in. @param env as the listener gives it. */
  readonly pages?: (request: Request, env: unknown) => Response | Promise<Response>;
  readonly log: Log;
  /** Told of each finished call, for metrics. */
  readonly observe: (route: string, status: number, ms: number) => void;
  /** Told of each call as it arrives, so that an idle broker can notice that it is not. */
  readonly touch: () => void;
}

export function makeApp(parts: AppParts): Hono {
  const app = new Hono({ strict: true });
  app.use(async (context, next) => {
    const began = performance.now();
    parts.touch();
    const host = context.req.header('host')?.toLowerCase() ?? '';
    if (parts.hosts !== null && !parts.hosts.has(host)) {
      throw new JitError({ code: 'ERR_USAGE', message: 'this broker does not serve that host' });
    }
    await next();
    // On the response itself: `context.header` would copy it, body and all.
    const { headers } = context.res;
    if (parts.nonce !== null) headers.set('dpop-nonce', parts.nonce());
    if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
    headers.set('x-content-type-options', 'nosniff');
    parts.observe(context.req.routePath, context.res.status, performance.now() - began);
  });
  app.onError((thrown) => problem(asJitError(thrown), thrown, parts.log));
  app.notFound(() =>
    problem(new JitError({ code: 'ERR_NOT_FOUND', message: 'there is nothing at this address' }), null, parts.log),
  );

  app.get('/healthz', (context) => context.json(parts.health()));
  app.get('/readyz', async (context) =>
    (await parts.ready()) ? context.json({ status: 'ok' }) : context.json({ status: 'not ready' }, 503),
  );
  app.get('/metrics', async (context) => context.text(await parts.metrics()));
  app.get('/v1/openapi.json', (context) => context.json(openApi(parts.routes, parts.version)));
  app.get('/.well-known/openid-configuration', (context) => context.json(parts.discovery()));
  app.get('/.well-known/jwks.json', (context) => context.json(parts.jwks()));
  const { pages } = parts;
  if (pages !== undefined) {
    app.get('/', (context) => context.redirect('web/', 303));
    for (const path of ['/web', '/web/*']) app.all(path, async ({ req, env }) => pages(req.raw, env));
  }
  for (const each of parts.routes) mount(app, each, parts);
  for (const path of new Set(parts.routes.map((each) => each.path))) {
    app.all(colons(path), () => {
      throw new JitError({ code: 'ERR_METHOD', message: 'that method is not served at this address' });
    });
  }
  return app;
}

function mount(app: Hono, spec: Route, parts: AppParts): void {
  app.on(spec.method, colons(spec.path), async (context) => {
    const request = context.req.raw;
    const body = spec.body === undefined ? { value: undefined, hash: '' } : await readBody(request, spec.body);
    const query = queryOf(new URL(request.url), spec);
    const id = context.req.param('id') ?? '';
    const { emergency } = spec;
    const test: EmergencyTest | null =
      emergency === undefined ? null : async (principal) => emergency({ principal, id, body: body.value });
    const caller = await parts.identify(request, spec.access(query), test);
    const reply = await spec.run({
      caller,
      id,
      source: context.req.param('source') ?? '',
      query,
      body: body.value,
      bodyHash: body.hash,
      idempotencyKey: spec.idempotent === undefined ? null : keyOf(request),
      raw: spec.raw === undefined ? null : await rawOf(request),
      signal: request.signal,
    });
    if (spec.reply === null) return context.body(null, spec.status);
    const other = spec.query?.find(({ name, status }) => status !== undefined && query.get(name) === 'true');
    return Response.json(reply, { status: other?.status ?? spec.status });
  });
}

async function rawOf(request: Request): Promise<HookCall> {
  return { header: (name) => request.headers.get(name), body: await readRawBody(request) };
}

const colons = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1');

/** Unknown and repeated parameters are errors: a misspelt one must not be silently ignored. */
function queryOf(url: URL, spec: Route): { get(name: string): string | undefined } {
  const known = new Set((spec.query ?? []).map(({ name }) => name));
  const found = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (!known.has(name)) throw new JitError({ code: 'ERR_BODY', message: 'an unknown query parameter' });
    if (found.has(name)) throw new JitError({ code: 'ERR_BODY', message: `${name} is given twice` });
    found.set(name, value);
  }
  return found;
}

function keyOf(request: Request): string | null {
  const key = request.headers.get('idempotency-key');
  if (key === null || KEY.test(key)) return key;
  throw new JitError({ code: 'ERR_BODY', message: 'an idempotency key is 1 to 128 letters, digits, _ and -' });
}

/** RFC 9449 sections 7.1 and 8. */
const CHALLENGES: Readonly<Record<string, string>> = {
  ERR_PROOF_NONCE: 'DPoP error="use_dpop_nonce"',
  ERR_TOKEN_EXPIRED: 'DPoP error="invalid_token"',
};

function problem(error: JitError, thrown: unknown, log: Log): Response {
  if (error.code === 'ERR_UNEXPECTED') {
    // The stack names our own files only; the message could hold anything and stays out of the log.
    const stack = thrown instanceof Error ? (thrown.stack ?? '').split('\n').slice(1, 6).join(' | ') : typeof thrown;
    log.error('unexpected failure', { kind: thrown instanceof Error ? thrown.name : typeof thrown, stack });
  }
  const { http, retryable } = ERRORS[error.code];
  const headers: Record<string, string> = { 'content-type': PROBLEM_TYPE };
  if (retryable) headers['retry-after'] = '1';
  if (http === 401) headers['www-authenticate'] = CHALLENGES[error.code] ?? 'DPoP algs="ES256"';
  return new Response(JSON.stringify(toProblem(error)), { status: http, headers });
}
