/**
 * One request to the pages: who makes it, and how it is answered.
 * @module
 */
import type { Context, Hono } from 'hono';
import { readCookie, SESSION_COOKIE, setCookie } from './cookies.ts';
import type { Assets, Frame } from './pages/layout.ts';
import type { Html } from './pages/text.ts';
import type { Held, WebSessions } from './sessions.ts';
import { formToken } from './tokens.ts';

export interface Bindings {
  /** What the listener adds to a request. */
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string | undefined } };
}

export interface Env {
  Bindings: Bindings;
  Variables: {
    /** Where a page about an error leads back to: a page of ours. */
    back: string | undefined;
    /** What is set on the reply whatever becomes of it. */
    frame: Frame | undefined;
  };
}

export type WebContext = Context<Env>;
export type WebApp = Hono<Env>;

export interface Visit {
  readonly held: Held | null;
  readonly frame: Frame;
}

export interface VisitParts {
  readonly sessions: WebSessions;
  readonly href: (path: string) => string;
  readonly assets: Assets;
  readonly now: () => number;
}

export async function visitOf(context: WebContext, parts: VisitParts): Promise<Visit> {
  const { sessions, href, assets, now } = parts;
  const held = await sessions.find(readCookie(context.req.header('cookie') ?? null, SESSION_COOKIE));
  const viewer = held === null ? null : { person: held.session.principal, form: formToken(held.cookie) };
  const frame = { href, assets, now: now(), viewer };
  context.set('frame', frame);
  return { held, frame };
}

export function show(content: Html, status: number, cookies: readonly string[] = []): Promise<Response> {
  const headers = new Headers({ 'content-type': 'text/html; charset=utf-8' });
  for (const cookie of cookies) headers.append('set-cookie', cookie);
  return Promise.resolve(content).then((text) => new Response(text.toString(), { status, headers }));
}

/** On to another page, as after a form: RFC 9110 section 15.4.4. @param location as the browser has it. */
export function goTo(location: string, cookies: readonly string[] = []): Response {
  const headers = new Headers({ location });
  for (const cookie of cookies) headers.append('set-cookie', cookie);
  return new Response(null, { status: 303, headers });
}

/** @param now epoch ms. */
export function sessionCookie({ session, cookie }: Held, now: number): string {
  return setCookie(SESSION_COOKIE, cookie.expose(), Math.max(1, Math.floor((session.expiresAt - now) / 1_000)));
}
