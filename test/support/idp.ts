/**
 * An identity provider for tests: the certified oidc-provider, running for real on the loopback interface.
 * @module
 */
import { createHash, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { TestContext } from 'node:test';
import type { Provider as OidcProvider } from 'oidc-provider';
import type { ProviderView } from '../../src/wire/sessions.ts';
import { codePage, confirmPage, devicePage, errorPage, makePages } from './idp-pages.ts';
import { makeIdpStore } from './idp-store.ts';

export interface AccountSeed {
  /** The `name` claim; by default the subject. */
  readonly name?: string;
  /** The `groups` claim; by default none. */
  readonly groups?: readonly string[];
  /** The `email` claim, which the provider has verified; by default none. */
  readonly email?: string;
}

export interface IdpOptions {
  /** By subject, which is what is typed as the name too. */
  readonly accounts: Readonly<Record<string, AccountSeed>>;
  /** Life of an ID token, 600 by default. */
  readonly idTokenSeconds?: number;
  /** Life of a device code, 120 by default. */
  readonly deviceCodeSeconds?: number;
  /** Polling interval that the device flow asks for, 1 by default. */
  readonly intervalSeconds?: number;
  /** More redirect URIs, as of a broker's pages; the client then is a web application. */
  readonly redirects?: readonly string[];
  /** Makes the client a confidential one; then only a web application can sign in. */
  readonly clientSecret?: string;
  /**
   * Without a `jti` of its own, as many providers give them, ID tokens about the same person within one second are alike,
   * and a broker takes one of them only. By default each has one, so that nobody waits for the next second.
   */
  readonly idTokens?: 'with a jti' | 'alike within a second';
}

/** Plain values: in tests there is nobody to hide them from. */
export interface Tokens {
  readonly idToken: string;
  readonly refreshToken: string;
}

/** Answers a request in the provider's place; `pass` leaves it to the provider. */
export type Interceptor = (request: IncomingMessage, response: ServerResponse) => 'answered' | 'pass';

export interface Idp {
  readonly issuer: string;
  readonly clientId: string;
  /** As a broker that is configured with it shows it; its name is `idp`. */
  readonly view: ProviderView;
  /** Every request so far, such as `POST /token`. */
  readonly calls: readonly string[];
  password(subject: string): string;
  /** Takes effect in the next ID token. */
  setGroups(subject: string, groups: readonly string[]): void;
  /** It cannot sign in any more, and its refresh tokens are answered with invalid_grant. */
  disable(subject: string): void;
  enable(subject: string): void;
  /** Forgets its sessions, grants and tokens. */
  revokeAll(subject: string): void;
  /** The authorization code flow with PKCE, over plain HTTP: real pages and forms, no browser. */
  signIn(subject: string, options: { readonly nonce: string; readonly scopes?: readonly string[] }): Promise<Tokens>;
  /** The refresh grant, as the provider answers it. */
  refresh(refreshToken: string): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }>;
  intercept(interceptor: Interceptor | null): void;
  /** Nobody listens any more. */
  stop(): Promise<void>;
  /** After `stop`: the same provider at the same address, knowing what it knew. */
  start(): Promise<void>;
}

const CLIENT = 'jit';
const REDIRECT = 'http://127.0.0.1/callback';
const SCOPES = ['openid', 'profile', 'groups', 'offline_access'];

/** Starts one on a port of its own; it ends with the test. ID tokens are ES256, with `name` and `groups` in them. */
export async function startIdp(t: TestContext, options: IdpOptions): Promise<Idp> {
  const accounts = new Map(Object.entries(options.accounts).map(([subject, seed]) => [subject, makeAccount(seed)]));
  const store = makeIdpStore();
  const calls: string[] = [];
  let interceptor: Interceptor | null = null;
  let serve = (_request: IncomingMessage, response: ServerResponse): void => void response.writeHead(503).end();
  const server = createServer((request, response) => {
    calls.push(`${request.method} ${(request.url ?? '').replace(/\?.*/, '')}`);
    if (interceptor?.(request, response) === 'answered') return;
    serve(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  t.after(stop);
  const address = server.address();
  const issuer = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  const account = (subject: string): Account => {
    const found = accounts.get(subject);
    if (found === undefined) throw new Error(`no account ${subject}`);
    return found;
  };
  const provider = await makeProvider(issuer, options, store.adapter, (subject) => {
    const found = accounts.get(subject);
    if (found === undefined || found.state === 'disabled') return undefined;
    const { email } = found;
    const mail = email === undefined ? {} : { email, email_verified: true };
    return { sub: subject, name: found.name ?? subject, groups: [...found.groups], ...mail };
  });
  const pages = makePages(provider, (name, password) => {
    const found = accounts.get(name);
    return found?.state === 'enabled' && found.password === password ? name : null;
  });
  const rest = provider.callback();
  serve = (request, response): void => {
    void pages.serve(request, response).then((outcome) => (outcome === 'served' ? undefined : rest(request, response)));
  };
  return {
    issuer,
    clientId: CLIENT,
    view: { name: 'idp', type: 'oidc', issuer, client: { id: CLIENT, scopes: SCOPES, device: true } },
    calls,
    password: (subject) => account(subject).password,
    setGroups: (subject, groups) => void accounts.set(subject, { ...account(subject), groups }),
    disable: (subject) => void accounts.set(subject, { ...account(subject), state: 'disabled' }),
    enable: (subject) => void accounts.set(subject, { ...account(subject), state: 'enabled' }),
    revokeAll: (subject) => store.forget(subject),
    signIn: async (subject, { nonce, scopes = SCOPES }) =>
      signInByForms(issuer, { name: subject, password: account(subject).password, nonce, scopes }),
    refresh: (refreshToken) =>
      token(issuer, { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: CLIENT }),
    intercept: (next) => void (interceptor = next),
    stop,
    start: async () => {
      server.listen(Number(new URL(issuer).port), '127.0.0.1');
      await once(server, 'listening');
    },
  };
}

interface Account {
  readonly name: string | undefined;
  readonly email: string | undefined;
  readonly groups: readonly string[];
  readonly password: string;
  readonly state: 'enabled' | 'disabled';
}

function makeAccount({ name, email, groups = [] }: AccountSeed): Account {
  return { name, email, groups, password: randomBytes(9).toString('base64url'), state: 'enabled' };
}

interface Claims {
  readonly sub: string;
  readonly name: string;
  readonly groups: string[];
  readonly email?: string;
  readonly email_verified?: boolean;
}

async function makeProvider(
  issuer: string,
  options: IdpOptions,
  adapter: ReturnType<typeof makeIdpStore>['adapter'],
  claimsOf: (subject: string) => Claims | undefined,
): Promise<OidcProvider> {
  const { idTokenSeconds = 600, deviceCodeSeconds = 120, intervalSeconds = 1, redirects, clientSecret } = options;
  const named = options.idTokens !== 'alike within a second';
  const { Provider } = await import('oidc-provider');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const provider = new Provider(issuer, {
    adapter,
    clients: [
      {
        client_id: CLIENT,
        application_type: redirects === undefined ? 'native' : 'web',
        ...(clientSecret === undefined
          ? { token_endpoint_auth_method: 'none' }
          : { token_endpoint_auth_method: 'client_secret_basic', client_secret: clientSecret }),
        redirect_uris: [REDIRECT, ...(redirects ?? [])],
        response_types: ['code'],
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'test', alg: 'ES256', use: 'sig' }] },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    scopes: ['openid', 'offline_access', 'profile', 'groups'],
    claims: {
      openid: ['sub', ...(named ? ['jti'] : [])],
      profile: ['name', 'email', 'email_verified'],
      groups: ['groups'],
    },
    // Most providers put the claims of a scope into the ID token itself, and a broker looks nowhere else.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    rotateRefreshToken: true,
    findAccount: (_ctx, subject) => {
      const found = claimsOf(subject);
      return found && { accountId: subject, claims: () => ({ ...claimsOf(subject), sub: subject, jti: randomUUID() }) };
    },
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    renderError: errorPage,
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      DeviceCode: deviceCodeSeconds,
      Grant: 86_400,
      IdToken: idTokenSeconds,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (ctx, form, _out, problem) => codePage(ctx, form, problem),
        userCodeConfirmSource: (ctx, form, _client, _info, userCode) => confirmPage(ctx, form, userCode),
        successSource: devicePage,
      },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, issued) => issued.clientId === client.clientId },
      rpInitiatedLogout: { enabled: true },
    },
  });
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === '/device/auth' && ctx.status === 200) ctx.body = { ...ctx.body, interval: intervalSeconds };
  });
  return provider;
}

interface Person {
  readonly name: string;
  readonly password: string;
  readonly nonce: string;
  readonly scopes: readonly string[];
}

async function signInByForms(issuer: string, person: Person): Promise<Tokens> {
  const verifier = randomBytes(32).toString('base64url');
  const start = new URL('/auth', issuer);
  start.search = new URLSearchParams({
    client_id: CLIENT,
    response_type: 'code',
    redirect_uri: REDIRECT,
    scope: person.scopes.join(' '),
    prompt: 'consent',
    nonce: person.nonce,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString();
  const code = await walk(start, person);
  const grant = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT, code_verifier: verifier };
  const { status, body } = await token(issuer, { ...grant, client_id: CLIENT });
  if (status !== 200) throw new Error(`no tokens: ${JSON.stringify(body)}`);
  return { idToken: String(body['id_token']), refreshToken: String(body['refresh_token']) };
}

/** Follows redirects and submits forms as a browser would, up to the code. */
async function walk(start: URL, { name, password }: Person): Promise<string> {
  const cookies = new Map<string, string>();
  let url = start;
  let form: URLSearchParams | null = null;
  for (let step = 0; step < 12; step++) {
    const cookie = [...cookies].map(([key, value]) => `${key}=${value}`).join('; ');
    const reply: Response = await fetch(url, {
      method: form === null ? 'GET' : 'POST',
      body: form,
      headers: { cookie },
      redirect: 'manual',
    });
    for (const line of reply.headers.getSetCookie()) {
      const [, key = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') cookies.delete(key);
      else cookies.set(key, value);
    }
    const location = reply.headers.get('location');
    const html = await reply.text();
    if (location !== null) {
      url = new URL(location, url);
      form = null;
      if (url.href.startsWith(REDIRECT)) return url.searchParams.get('code') ?? fail(url.href);
      continue;
    }
    const action = /<form method="post" action="([^"]+)"/.exec(html)?.[1] ?? fail(html);
    if (reply.status !== 200) fail(html);
    url = new URL(action, url);
    form = new URLSearchParams(action.endsWith('/login') ? { name, password } : {});
  }
  return fail('it goes round in circles');
}

function fail(what: string): never {
  throw new Error(`the sign-in went wrong: ${what}`);
}

async function token(
  issuer: string,
  body: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
  const reply = await fetch(new URL('/token', issuer), { method: 'POST', body: new URLSearchParams(body) });
  // Safe: both answers of a token endpoint are objects.
  return { status: reply.status, body: (await reply.json()) as Readonly<Record<string, unknown>> };
}
