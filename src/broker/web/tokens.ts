/**
 * The secrets of a session of the pages: its cookie, and the proof in each form that the form is of this session.
 * @module
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Random } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';

/** The prefix lets scanners of logs recognise a cookie that got out. */
const SHAPE = /^jit_ws_[\w-]{43}$/;

/** 256 random bits. */
export function newCookie(random: Random): Secret<string> {
  return new Secret(`jit_ws_${Buffer.from(random(32)).toString('base64url')}`);
}

/** @returns null for what cannot be a cookie of ours. */
export function asCookie(text: string | null): Secret<string> | null {
  return text !== null && SHAPE.test(text) ? new Secret(text) : null;
}

/** What the store knows of it: hex SHA-256. Unsalted: there is nothing to guess in 256 random bits. */
export function cookieHash(cookie: Secret<string>): string {
  return createHash('sha256').update(cookie.expose()).digest('hex');
}

/**
 * The token that every form of a session carries. It follows from the cookie, so that whoever reads the store learns neither,
 * and nobody without the cookie can make it.
 */
export function formToken(cookie: Secret<string>): string {
  return createHmac('sha256', cookie.expose()).update('jit: form of the pages, 1').digest('base64url');
}

/** Compares without telling by its duration how much was right. */
export function sameText(a: string, b: string): boolean {
  const [one, other] = [a, b].map((text) => createHash('sha256').update(text).digest());
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}

/** A name for a decision that waits, and what the store knows of it. */
export function newAct(random: Random): { readonly act: string; readonly actHash: string } {
  const act = Buffer.from(random(32)).toString('base64url');
  return { act, actHash: actHashOf(act) };
}

export function actHashOf(act: string): string {
  return createHash('sha256').update(act).digest('hex');
}
