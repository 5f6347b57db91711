/**
 * The HTTP API as functions: what goes out is typed, what comes back is checked against the shared schemas.
 * @module
 */
import type { Credential, ToolSettings } from '../core/credential.ts';
import { atBroker, JitError } from '../core/errors.ts';
import type { GrantId, RequestId } from '../core/ids.ts';
import { Secret } from '../core/secret.ts';
import type {
  ApproveBody,
  DenyBody,
  RenewBody,
  RequestBody,
  RevokeBody,
  SelfServeBody,
  UseBody,
} from '../wire/bodies.ts';
import type * as sessions from '../wire/sessions.ts';
import type { ConfirmBody, ConfirmView, SessionBody, SessionView, SignInView, TokenView } from '../wire/sessions.ts';
import type * as views from '../wire/views.ts';
import type {
  CatalogView,
  CredentialsView,
  EntriesView,
  ExplanationView,
  Health,
  Outcome,
  OutcomeList,
  PlanView,
  ReviewView,
  UserRevocation,
} from '../wire/views.ts';
import type { Authorizer } from './authorizer.ts';
import { type Ask, emergencyCalls, type EmergencyClient } from './emergencies.ts';
import { type BrokerRef, brokerWord, namedIn } from './ref.ts';
import { type Call, openTransport, type Reply } from './transport.ts';

export interface ClientOptions {
  /** Sent as `User-Agent`, such as `jit/0.1.0`. */
  readonly userAgent: string;
  /** Ends every call when it aborts. A `JitError` as its reason is thrown as it is, any other becomes `ERR_INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Proves who calls; none for the embedded broker, whose socket does. */
  readonly authorizer?: Authorizer | undefined;
}

/** One credential of a grant, its secret wrapped from the moment the reply was parsed. */
export interface IssuedCredential {
  readonly target: string;
  readonly tool: ToolSettings;
  /** RFC 3339: when to stop using this credential and ask for another; never after the grant's end. */
  readonly expiration: string;
  readonly credential: Credential;
}

export interface IssuedCredentials {
  readonly grant: GrantId;
  /** RFC 3339: the grant's end. */
  readonly expiresAt: string;
  readonly credentials: readonly IssuedCredential[];
}

/** Long-poll: the reply comes at the first change, or as things stand when `seconds` (at most 30) are over. */
export interface Wait {
  readonly waitSeconds?: number;
}

/**
 * Every call throws `JitError`: what the broker answered as a problem (`ERR_DENIED`, `ERR_NOT_FOUND`, …),
 * `ERR_BROKER_UNREACHABLE` when there is no answer, `ERR_BROKER_REPLY` when the answer is not one of jit's. Whatever it is,
 * and whoever worded it, its `broker` is the name of this one, unless it is the embedded one or an interruption.
 */
export interface BrokerClient extends EmergencyClient {
  /** @param key Idempotency-Key, 1 to 128 of [A-Za-z0-9_-]: the same key and body give the same request. */
  request(body: RequestBody, key: string): Promise<Outcome>;
  /** Stores nothing. */
  plan(body: RequestBody): Promise<PlanView>;
  /** @param wait.after the version already seen; without it a long-poll ends once the request is not pending any more. */
  getRequest(id: RequestId, wait?: Wait & { readonly after?: number }): Promise<Outcome>;
  /** Requests that wait for the caller's vote, the most urgent first. */
  inbox(filter?: { readonly limit?: number }): Promise<OutcomeList>;
  review(id: RequestId): Promise<ReviewView>;
  /** Why it was decided as it was, and what the present policies make of it. */
  explanation(id: RequestId): Promise<ExplanationView>;
  /** Votes are for exactly what was seen: `hash` and `policy` of the request's view. */
  approve(id: RequestId, body: ApproveBody): Promise<Outcome>;
  deny(id: RequestId, body: DenyBody): Promise<Outcome>;
  /** One's own word on a self-serve request. */
  confirmRequest(id: RequestId, body: SelfServeBody): Promise<Outcome>;
  cancel(id: RequestId): Promise<Outcome>;
  /** Takes an approved request up. */
  issue(id: RequestId): Promise<Outcome>;
  /** @param wait.after the version already seen: with `waitSeconds`, waits for a newer one. */
  getGrant(id: GrantId, wait?: Wait & { readonly after?: number }): Promise<Outcome>;
  /** The caller's own, newest first. */
  requests(filter?: { readonly limit?: number }): Promise<OutcomeList>;
  /** @param filter.live only grants that are issuing, active, revoking or stuck. */
  grants(filter?: { readonly live?: true; readonly limit?: number }): Promise<OutcomeList>;
  /** Puts the end off. @param key Idempotency-Key: the same key and body renew once. */
  renew(id: GrantId, body: RenewBody, key: string): Promise<Outcome>;
  revoke(id: GrantId, reason: RevokeBody['reason']): Promise<Outcome>;
  /** Every live grant of the caller. */
  revokeMine(): Promise<OutcomeList>;
  /** Ends the live grants of a user, as far as the caller may. The issuer is the caller's own where it is left out. */
  revokeUser(holder: { readonly issuer?: string; readonly subject: string }): Promise<UserRevocation>;
  /** Throws `ERR_GRANT_ENDED` once the grant is not live. */
  credentials(id: GrantId): Promise<IssuedCredentials>;
  use(id: GrantId, body: UseBody): Promise<void>;
  catalog(): Promise<CatalogView>;
  /** The audit entries of one grant or one request. */
  entries(
    of: ({ readonly grant: GrantId } | { readonly request: RequestId }) & {
      readonly from?: number;
      readonly limit?: number;
    },
  ): Promise<EntriesView>;
  /** How one signs in there; answered to anybody. */
  signIn(): Promise<SignInView>;
  /**
   * A session for the key of the authorizer, which adds a proof of the key and no token. Never repeated by itself: what it
   * carries counts once. The tokens in the answer are plain text: wrap them at once.
   */
  exchange(body: SessionBody): Promise<TokenView>;
  /** The identity provider has vouched anew. The confirmation in the answer is plain text: wrap it at once. */
  confirm(body: ConfirmBody): Promise<ConfirmView>;
  /** Whose session the call is made with. */
  session(): Promise<SessionView>;
  /** Signs out: the session and its tokens count no longer. */
  endSession(): Promise<void>;
  health(): Promise<Health>;
  /** Closes idle connections, so that a process can end. The client must not be used afterwards. */
  close(): void;
}

/** Contacts nobody yet: the first call does. */
export function openClient(ref: BrokerRef, options: ClientOptions): BrokerClient {
  const transport = openTransport(ref, options);

  // The one place where an error learns which broker it is about: every call goes through it.
  const told = <T>(work: () => Promise<T>): Promise<T> => atBroker(namedIn(ref), work);

  const done = (request: Call): Promise<void> => told(async () => refuseProblem(await transport.send(request), ref));

  const ask = <T>(schema: () => Promise<Schema<T>>, request: Call): Promise<T> =>
    told(async () => {
      const reply = await transport.send(request);
      await refuseProblem(reply, ref);
      const parsed = (await schema()).safeParse(reply.body);
      if (parsed.success) return parsed.data;
      throw transport.badReply('its answer is not in the form that this version of jit knows');
    });

  // Imported with the first reply: the schemas cost more to load than all the rest of a command.
  const call = <T>(read: (views: Views) => Schema<T>, request: Call): Promise<T> =>
    ask(async () => read(await import('../wire/views.ts')), request);
  const about = <T>(read: (views: typeof sessions) => Schema<T>, request: Call): Promise<T> =>
    ask(async () => read(await import('../wire/sessions.ts')), request);
  const urgently: Ask = (read, request) => ask(async () => read(await import('../wire/emergencies.ts')), request);

  return {
    request: (body, key) => call((v) => v.outcomeSchema, { method: 'POST', path: 'v1/requests', body, key }),
    plan: (body) =>
      call((v) => v.planViewSchema, { method: 'POST', path: 'v1/requests?plan=true', body, safe: 'repeat' }),
    getRequest: (id, wait = {}) =>
      call((v) => v.outcomeSchema, get(`v1/requests/${id}`, { wait: seconds(wait), after: wait.after }, wait)),
    inbox: (filter = {}) =>
      call((v) => v.outcomeListSchema, get('v1/requests', { role: 'approver', limit: filter.limit })),
    review: (id) => call((v) => v.reviewViewSchema, get(`v1/requests/${id}/review`, {})),
    explanation: (id) => call((v) => v.explanationViewSchema, get(`v1/requests/${id}/explanation`, {})),
    // The broker makes each of these come to the same however often it arrives.
    approve: (id, body) => call((v) => v.outcomeSchema, act(`v1/requests/${id}/approve`, body)),
    deny: (id, body) => call((v) => v.outcomeSchema, act(`v1/requests/${id}/deny`, body)),
    confirmRequest: (id, body) => call((v) => v.outcomeSchema, act(`v1/requests/${id}/confirm`, body)),
    cancel: (id) => call((v) => v.outcomeSchema, act(`v1/requests/${id}/cancel`)),
    issue: (id) => call((v) => v.outcomeSchema, act(`v1/requests/${id}/issue`)),
    getGrant: (id, wait = {}) =>
      call((v) => v.outcomeSchema, get(`v1/grants/${id}`, { wait: seconds(wait), after: wait.after }, wait)),
    requests: (filter = {}) => call((v) => v.outcomeListSchema, get('v1/requests', { limit: filter.limit })),
    grants: (filter = {}) =>
      call((v) => v.outcomeListSchema, get('v1/grants', { live: filter.live, limit: filter.limit })),
    renew: (id, body, key) =>
      call((v) => v.outcomeSchema, { method: 'POST', path: `v1/grants/${id}/renew`, body, key }),
    revoke: (id, reason) =>
      call((v) => v.outcomeSchema, {
        method: 'POST',
        path: `v1/grants/${id}/revoke`,
        body: { reason },
        safe: 'repeat',
      }),
    revokeMine: () =>
      call((v) => v.outcomeListSchema, {
        method: 'POST',
        path: 'v1/revocations',
        body: { scope: 'mine' },
        safe: 'repeat',
      }),
    revokeUser: (holder) =>
      call((v) => v.userRevocationSchema, {
        method: 'POST',
        path: 'v1/revocations',
        body: { scope: 'user', ...holder },
        safe: 'repeat',
      }),
    credentials: (id) =>
      told(async () => {
        const view = await call((v) => v.credentialsViewSchema, {
          method: 'POST',
          path: `v1/grants/${id}/credentials`,
          body: {},
        });
        if (view.grant !== id) throw transport.badReply('it answered about another grant');
        return {
          grant: view.grant,
          expiresAt: view.expiresAt,
          credentials: view.credentials.map(issuedFrom),
        };
      }),
    use: (id, body) => done({ method: 'POST', path: `v1/grants/${id}/use`, body }),
    catalog: () => call((v) => v.catalogViewSchema, get('v1/catalog', {})),
    entries: (of) =>
      call(
        (v) => v.entriesViewSchema,
        get('v1/audit/entries', {
          ...('grant' in of ? { grant: of.grant } : { request: of.request }),
          from: of.from,
          limit: of.limit,
        }),
      ),
    ...emergencyCalls(urgently),
    signIn: () => about((v) => v.signInViewSchema, { ...get('v1/sign-in', {}), access: 'open' }),
    exchange: (body) => about((v) => v.tokenViewSchema, { method: 'POST', path: 'v1/sessions', body }),
    confirm: (body) => about((v) => v.confirmViewSchema, { method: 'POST', path: 'v1/sessions/confirm', body }),
    session: () => about((v) => v.sessionViewSchema, get('v1/sessions/current', {})),
    endSession: () => done({ method: 'POST', path: 'v1/sessions/end' }),
    health: () => call((v) => v.healthSchema, { ...get('healthz', {}), access: 'open' }),
    close: () => transport.close(),
  };
}

type Views = typeof views;
interface Schema<T> {
  safeParse(body: unknown): Parsed<T>;
}
type Parsed<T> = { readonly success: true; readonly data: T } | { readonly success: false };

function act(path: string, body: object = {}): Call {
  return { method: 'POST', path, body, safe: 'repeat' };
}

function get(path: string, query: Record<string, string | number | true | undefined>, wait: Wait = {}): Call {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString();
  return { method: 'GET', path: search === '' ? path : `${path}?${search}`, waitSeconds: wait.waitSeconds ?? 0 };
}

function seconds({ waitSeconds }: Wait): string | undefined {
  return waitSeconds === undefined ? undefined : `${waitSeconds}s`;
}

async function refuseProblem({ status, body }: Reply, ref: BrokerRef): Promise<void> {
  if (status >= 200 && status < 300) return;
  const { fromProblem } = await import('../wire/problem.ts');
  const { code, message, hint, subject } = fromProblem(status, body);
  // A broker does not know by which name its user chose it.
  const next = code === 'ERR_NOT_SIGNED_IN' && ref.kind === 'url' ? `sign in with: jit login ${brokerWord(ref)}` : hint;
  // Named here already, since a broker may answer with a code that is otherwise this process's own.
  throw new JitError({ code, message, hint: next, subject, broker: namedIn(ref) });
}

function issuedFrom(view: CredentialsView['credentials'][number]): IssuedCredential {
  const { target, tool, expiration } = view;
  return { target, tool, expiration, credential: wrapped(view) };
}

/** Secret from here on. */
function wrapped(view: CredentialsView['credentials'][number]): Credential {
  switch (view.kind) {
    case 'aws':
      return { kind: view.kind, secret: new Secret(view.secret) };
    case 'postgres':
      return { kind: view.kind, secret: new Secret(view.secret) };
    case 'kubernetes':
    case 'gcp':
      return { kind: view.kind, secret: new Secret(view.secret) };
    case 'azure':
      return { kind: view.kind, secret: new Secret(view.secret) };
    case 'own':
      return { kind: view.kind };
    default:
      return view satisfies never;
  }
}
