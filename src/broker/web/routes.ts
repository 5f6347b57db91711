/**
 * The approvers' pages: which address does what. GET shows and changes nothing; POST comes from our own forms only.
 * @module
 */
import { Hono } from 'hono';
import * as z from 'zod';
import { asJitError, JitError } from '../../core/errors.ts';
import { type GrantId, isGrantId, isRequestId, type RequestId } from '../../core/ids.ts';
import { VERDICTS } from '../../core/incident.ts';
import type { ReviewItem } from '../../wire/emergencies.ts';
import type { Outcome, ReviewView } from '../../wire/views.ts';
import { CALLBACK, incidentPath, landing, makeHref, ROOT } from './address.ts';
import type { Asset } from './assets.ts';
import { makeTrips, TRIP_OVER } from './callback.ts';
import { dropCookie, SESSION_COOKIE } from './cookies.ts';
import { makeDecisions } from './decisions.ts';
import { demandSameOrigin, readForm } from './forms.ts';
import { makeGate } from './gate.ts';
import { SECURITY_HEADERS } from './headers.ts';
import { errorPage } from './pages/error.ts';
import { grantPage } from './pages/grant.ts';
import { incidentPage } from './pages/incident.ts';
import { grantsPage, inboxPage, requestsPage } from './pages/lists.ts';
import { requestPage } from './pages/request.ts';
import { reviewsPage } from './pages/reviews.ts';
import { arrivedPage, signInPage } from './pages/sign-in.ts';
import type { WebParts } from './ports.ts';
import { type Held, makeWebSessions } from './sessions.ts';
import { readSteps } from './timeline.ts';
import { formToken, sameText } from './tokens.ts';
import { makePassages } from './trip.ts';
import { type Env, goTo, sessionCookie, show, type Visit, visitOf, type WebApp, type WebContext } from './visit.ts';

const INCIDENT = `${ROOT}/incidents/:source/:id`;
const LIST = 100;
const STEPS = 1_000;
const WHY = 'To see and decide requests, sign in with the identity provider that you use at work.';

const text = z.string().max(4_096);
const form = { form: text };
const seen = { hash: z.hex().length(64), policy: z.string().min(1).max(64) };
const FORMS = {
  signIn: z.strictObject({ provider: text, to: text }),
  answer: z.strictObject({ answer: z.string().max(8_192), form: text.exactOptional() }),
  plain: z.strictObject(form),
  approve: z.strictObject({ ...form, ...seen, comment: text }),
  confirm: z.strictObject({ ...form, ...seen }),
  deny: z.strictObject({ ...form, ...seen, reason: text }),
  verdict: z.strictObject({ ...form, ...seen, verdict: z.enum(VERDICTS), comment: text }),
} as const;

export interface WebAssets {
  readonly style: Asset;
  readonly script: Asset;
}

/** Serves everything below `/web`. */
export function webRoutes(parts: WebParts, assets: WebAssets): WebApp {
  const { broker, places, address, now, random, log } = parts;
  const { origin, host } = new URL(address);
  const href = makeHref(address);
  const sessions = makeWebSessions(parts);
  const trips = makeTrips(parts, makePassages(random));
  const decisions = makeDecisions(parts, sessions, trips);
  const gate = makeGate(now, { most: 30, mostShared: 1_200 });
  const seenBy = { sessions, href, assets: { style: assets.style.path, script: assets.script.path }, now };
  const visit = async (context: WebContext): Promise<Visit> => visitOf(context, seenBy);
  const app: WebApp = new Hono<Env>({ strict: true });

  app.use(async (context, next) => {
    if (context.req.header('host')?.toLowerCase() !== host) {
      throw new JitError({ code: 'ERR_USAGE', message: `these pages are served at ${address}${ROOT}/ only` });
    }
    await next();
  });
  app.onError(async (thrown, context) => {
    const error = asJitError(thrown);
    if (error.code === 'ERR_UNEXPECTED') {
      const stack = thrown.stack?.split('\n').slice(1, 6).join(' | ') ?? '';
      log.error('unexpected failure', { kind: thrown.name, stack });
    }
    const frame = context.get('frame') ?? { href, assets: seenBy.assets, now: now(), viewer: null };
    return secured(await show(errorPage(frame, error, context.get('back') ?? null), error.facts.http));
  });
  app.notFound(async (context) => {
    const { frame } = await visit(context);
    const error = new JitError({ code: 'ERR_NOT_FOUND', message: 'there is nothing at this address' });
    return secured(await show(errorPage(frame, error, null), 404));
  });

  const signInFirst = async ({ frame }: Visit, to: string): Promise<Response> =>
    show(signInPage(frame, { providers: parts.providers.map(({ name }) => name), to, why: WHY }), 401);

  type Page = (context: WebContext, visit: Visit, held: Held) => Promise<Response>;
  const get = (path: string, run: Page): void => {
    app.get(path, async (context) => {
      const found = await visit(context);
      if (found.held === null) return secured(await signInFirst(found, landing(new URL(context.req.url).pathname)));
      return secured(await run(context, found, found.held));
    });
  };

  type Act<F> = (context: WebContext, visit: Visit, held: Held, fields: F) => Promise<Response>;
  /** @param about the page on which the button is. */
  function post<F extends { readonly form: string }>(
    path: string,
    schema: z.ZodType<F>,
    about: string,
    run: Act<F>,
  ): void {
    app.post(path, async (context) => {
      demandSameOrigin(context.req.raw.headers, origin);
      const back = landing(
        about.replaceAll(/:([a-z]+)/g, (_all, name: string) => encodeURIComponent(context.req.param(name) ?? '')),
      );
      const found = await visit(context);
      if (found.held === null) return secured(await signInFirst(found, back));
      if (back !== `${ROOT}/`) context.set('back', back);
      const fields = await readForm(context.req.raw, schema);
      demandToken(found.held, fields.form);
      return secured(await run(context, found, found.held, fields));
    });
  }

  for (const { path, type, content } of [assets.style, assets.script]) {
    const headers = { 'content-type': type, 'cache-control': 'public, max-age=31536000, immutable' };
    app.get(path, () => secured(new Response(content, { headers })));
  }
  app.get(ROOT, () => secured(goTo(href(`${ROOT}/`))));

  get(`${ROOT}/`, async (_context, { frame }, { session }) => {
    const [{ items }, reviews] = await Promise.all([
      broker.inbox(session.principal, LIST),
      broker.reviews(session.principal),
    ]);
    return show(inboxPage(frame, items, reviews.items), 200);
  });
  get(`${ROOT}/requests`, async (_context, { frame }, { session }) => {
    const { items } = await broker.requests(session.principal, LIST);
    return show(requestsPage(frame, items), 200);
  });
  get(`${ROOT}/requests/:id`, async (context, { frame }, { session }) => {
    const id = requestIdIn(context);
    const outcome = await broker.request(session.principal, id, null);
    const [review, hindsight] = [
      await reviewed(session.principal, outcome),
      await reviewOf(session.principal, outcome),
    ];
    return show(requestPage(frame, { outcome, review, hindsight, places }), 200);
  });
  get(`${ROOT}/grants`, async (_context, { frame }, { session }) => {
    const { items } = await broker.liveGrants(session.principal, LIST);
    return show(grantsPage(frame, items), 200);
  });
  get(`${ROOT}/grants/:id`, async (context, { frame }, { session }) => {
    const id = grantIdIn(context);
    const outcome = await broker.grant(session.principal, id, null);
    if (outcome.grant === null) throw nothingHere();
    const { entries } = await broker.entries(session.principal, { request: outcome.request.id, from: 0, limit: STEPS });
    const { request, grant } = outcome;
    const hindsight = await reviewOf(session.principal, outcome);
    return show(grantPage(frame, { request, grant, steps: readSteps(entries), hindsight }), 200);
  });
  get(`${ROOT}/reviews`, async (_context, { frame }, { session }) => {
    const { items } = await broker.reviews(session.principal);
    return show(reviewsPage(frame, items), 200);
  });
  get(INCIDENT, async (context, { frame }, { session }) => {
    const { source, id } = incidentIn(context);
    return show(incidentPage(frame, await broker.incident(session.principal, source, id)), 200);
  });

  post(`${ROOT}/requests/:id/approve`, FORMS.approve, `${ROOT}/requests/:id`, async (context, found, held, fields) => {
    const { hash, policy, comment } = fields;
    return decisions.begin(found, held, requestIdIn(context), { choice: 'approve', hash, policy, comment });
  });
  post(`${ROOT}/requests/:id/confirm`, FORMS.confirm, `${ROOT}/requests/:id`, async (context, found, held, fields) => {
    const { hash, policy } = fields;
    return decisions.begin(found, held, requestIdIn(context), { choice: 'confirm', hash, policy, comment: '' });
  });
  post(
    `${ROOT}/requests/:id/deny`,
    FORMS.deny,
    `${ROOT}/requests/:id`,
    async (context, _found, { session }, fields) => {
      const { hash, policy, reason } = fields;
      const id = requestIdIn(context);
      await broker.deny(session.principal, id, { hash, policy, reason });
      return goTo(href(`${ROOT}/requests/${id}`));
    },
  );
  post(`${ROOT}/requests/:id/cancel`, FORMS.plain, `${ROOT}/requests/:id`, async (context, _found, { session }) => {
    const id = requestIdIn(context);
    await broker.cancel(session.principal, id);
    return goTo(href(`${ROOT}/requests/${id}`));
  });
  post(`${ROOT}/requests/:id/review`, FORMS.verdict, `${ROOT}/requests/:id`, async (context, found, held, fields) => {
    const { hash, policy, verdict, comment } = fields;
    return decisions.begin(found, held, requestIdIn(context), { choice: verdict, hash, policy, comment });
  });
  post(`${INCIDENT}/end`, FORMS.plain, INCIDENT, async (context, _found, { session }) => {
    const { source, id } = incidentIn(context);
    await broker.revokeIncident(session.principal, `${source}/${id}`);
    return goTo(href(incidentPath({ source, id, reference: id })));
  });
  post(`${ROOT}/grants/:id/revoke`, FORMS.plain, `${ROOT}/grants/:id`, async (context, _found, { session }) => {
    const id = grantIdIn(context);
    await broker.revoke(session.principal, id, 'revoked');
    return goTo(href(`${ROOT}/grants/${id}`));
  });
  post(`${ROOT}/sign-out`, FORMS.plain, `${ROOT}/`, async (_context, _found, { session }) => {
    await sessions.end(session);
    return goTo(href(`${ROOT}/`), [dropCookie(SESSION_COOKIE), TRIP_OVER]);
  });

  app.post(`${ROOT}/sign-in`, async (context) => {
    demandSameOrigin(context.req.raw.headers, origin);
    demandRoom(context);
    const found = await visit(context);
    const { provider, to } = await readForm(context.req.raw, FORMS.signIn);
    return secured(await trips.leave(found, provider, { kind: 'sign-in', to: landing(to) }, 'usual'));
  });
  app.get(CALLBACK, async (context) => {
    const found = await visit(context);
    const answer = new URL(context.req.url).searchParams;
    const passage = trips.match(context, answer);
    const { purpose } = passage;
    context.set('back', purpose.kind === 'act' ? purpose.to : undefined);
    if (answer.get('code') === null) return secured(await trips.retry(passage, answer));
    if (purpose.kind === 'sign-in') return secured(await show(arrivedPage(found.frame, answer.toString()), 200));
    return secured(await decisions.lastLook(found, found.held, { ...passage, purpose }, answer.toString()));
  });
  app.post(CALLBACK, async (context) => {
    demandSameOrigin(context.req.raw.headers, origin);
    const found = await visit(context);
    const fields = await readForm(context.req.raw, FORMS.answer);
    const answer = new URLSearchParams(fields.answer);
    const passage = trips.match(context, answer);
    const { purpose } = passage;
    if (purpose.kind === 'act') {
      context.set('back', purpose.to);
      if (found.held !== null) demandToken(found.held, fields.form ?? '');
      return secured(await decisions.finish(found, found.held, { ...passage, purpose }, answer));
    }
    demandRoom(context);
    const word = await trips.redeem(passage, answer);
    if (word === 'over') {
      throw new JitError({
        code: 'ERR_NOT_SIGNED_IN',
        message: 'the answer of the identity provider was over: sign in again',
      });
    }
    const held = await sessions.open(word);
    if (found.held !== null) await sessions.end(found.held.session);
    return secured(goTo(href(landing(purpose.to)), [sessionCookie(held, now()), TRIP_OVER]));
  });

  function demandRoom(context: WebContext): void {
    if (gate.admits(context.env.incoming?.socket?.remoteAddress ?? '')) return;
    throw new JitError({ code: 'ERR_STORE', message: 'too many sign-ins at once' });
  }

  /** Only what is still open is reviewed: of the rest it is known what was issued. */
  async function reviewed(principal: Held['session']['principal'], { request }: Outcome): Promise<ReviewView | null> {
    try {
      return await broker.review(principal, request.id);
    } catch (thrown) {
      const error = asJitError(thrown);
      if (error.facts.retryable || error.code === 'ERR_UNEXPECTED') throw thrown;
      return null;
    }
  }

  async function reviewOf(principal: Held['session']['principal'], { request }: Outcome): Promise<ReviewItem | null> {
    return request.incident === null ? null : broker.reviewOf(principal, request.id);
  }
  return app;
}

function secured(response: Response): Response {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    if (!response.headers.has(name)) response.headers.set(name, value);
  }
  return response;
}

function demandToken({ cookie }: Held, given: string): void {
  if (sameText(given, formToken(cookie))) return;
  throw new JitError({
    code: 'ERR_DENIED',
    message: 'that form is not of this session, so nothing was done: open the page anew',
  });
}

function requestIdIn(context: WebContext): RequestId {
  const id = context.req.param('id') ?? '';
  if (isRequestId(id)) return id;
  throw nothingHere();
}

function grantIdIn(context: WebContext): GrantId {
  const id = context.req.param('id') ?? '';
  if (isGrantId(id)) return id;
  throw nothingHere();
}

function incidentIn(context: WebContext): { readonly source: string; readonly id: string } {
  return { source: context.req.param('source') ?? '', id: context.req.param('id') ?? '' };
}

function nothingHere(): JitError {
  return new JitError({
    code: 'ERR_NOT_FOUND',
    message: 'there is nothing at this address, or it is none of your business',
  });
}
