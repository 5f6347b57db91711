/**
 * Sessions of the pages and what is about to be decided in them. Reading is strict, as everywhere in the store.
 * @module
 */
import * as z from 'zod';
import { isRequestId, isSessionId, type SessionId } from '../../../core/ids.ts';
import type { PrincipalKey } from '../../../core/principal.ts';
import { ACT_CHOICES, type WebAct, type WebSession, type WebSessionStore } from '../web-sessions.ts';
import { appendEntries } from './append.ts';
import { guarded, integer, orNull, type Row, text, word } from './cells.ts';
import { numbersOf } from './numbers.ts';
import { understood } from './read.ts';
import { lastKnownOf, spendProof } from './session-store.ts';
import type { Statements } from './statements.ts';

/** As long as other sessions: what they say of somebody may still be the latest that is known. */
const KEPT_MS = 86_400_000;
/** How many that are over go with each new one: more than come, so that none pile up. */
const FORGET_AT_ONCE = 20;

type Opening = Parameters<WebSessionStore['openWebSession']>[0];
type Spending = Parameters<WebSessionStore['spendAct']>[0];

/** Throws `ERR_NOT_SIGNED_IN` as the port says; whatever it throws, the caller undoes what was written. */
export function openWebSession(sql: Statements, { session, cookieHash, spentProof, entries }: Opening): void {
  spendProof(sql, spentProof);
  const { id, provider, createdAt, expiresAt, verifiedAt } = session;
  const principal = personJson(session);
  const times = { createdAt, expiresAt, verifiedAt };
  sql('webSessionsForget').run({ before: createdAt - KEPT_MS, limit: FORGET_AT_ONCE });
  sql('webSessionInsert').run({ id, hash: cookieHash, provider, principal, ...times });
  appendEntries(sql, numbersOf(sql), entries);
}

export function readWebSession(sql: Statements, hash: string, at: number): WebSession | null {
  return understood('a session of the pages', () => {
    const row = sql('webSession').get({ hash, at });
    return row === undefined ? null : sessionOf(row);
  });
}

/** As `SessionStore.lastKnown` says, from sessions of every kind. */
export function lastWordOn(sql: Statements, who: PrincipalKey): ReturnType<typeof lastKnownOf> {
  const known = lastKnownOf(sql, who);
  const { issuer, subject, actsFor } = who;
  // Only people in their own name use the pages.
  if (actsFor !== undefined) return known;
  return understood('a session of the pages', () => {
    const row = sql('webSessionsOf').get({ issuer, subject });
    if (row === undefined) return known;
    const { principal, verifiedAt: at } = sessionOf(row);
    return known === null || known.at < at ? { principal, at } : known;
  });
}

export function endWebSession(
  sql: Statements,
  id: SessionId,
  at: number,
  entries: Parameters<WebSessionStore['endWebSession']>[2],
): void {
  if (sql('webSessionEnd').run({ id, at }).changes === 1) appendEntries(sql, numbersOf(sql), entries);
}

export function intend(sql: Statements, session: SessionId, hash: string, act: WebAct): void {
  const { request, choice, hash: requestHash, policy, comment, until } = act;
  sql('webActIntend').run({ hash, session, request, choice, requestHash, policy, comment, until });
}

export function readAct(sql: Statements, session: SessionId, hash: string, at: number): WebAct | null {
  return understood('a decision that waits for a word', () => {
    const row = sql('webAct').get({ hash, session, at });
    return row === undefined ? null : actOf(row);
  });
}

/** Throws as `openWebSession`. */
export function spendAct(sql: Statements, { session, actHash, at, spentProof, entries }: Spending): WebAct | null {
  const act = readAct(sql, session.id, actHash, at);
  if (act === null) return null;
  const { id, verifiedAt } = session;
  if (sql('webSessionVouch').run({ id, principal: personJson(session), verifiedAt, at }).changes !== 1) return null;
  sql('webActSpend').run({ hash: actHash });
  spendProof(sql, spentProof);
  appendEntries(sql, numbersOf(sql), entries);
  return act;
}

const person = z.strictObject({
  kind: z.literal('user'),
  issuer: z.string(),
  subject: z.string(),
  name: z.string(),
  groups: z.array(z.string()),
  personKey: z.string().exactOptional(),
});

function personJson({ principal: { kind, issuer, subject, name, groups, personKey } }: WebSession): string {
  return JSON.stringify({ kind, issuer, subject, name, groups, personKey });
}

function sessionOf(row: Row): WebSession {
  const principal = person.safeParse(JSON.parse(text(row, 'principal')));
  if (!principal.success) throw new TypeError('column principal');
  return {
    id: guarded(isSessionId, row, 'id'),
    provider: text(row, 'provider'),
    principal: principal.data,
    createdAt: integer(row, 'created_at'),
    expiresAt: integer(row, 'expires_at'),
    verifiedAt: integer(row, 'verified_at'),
  };
}

function actOf(row: Row): WebAct {
  return {
    request: guarded(isRequestId, row, 'request'),
    choice: word(ACT_CHOICES, row, 'choice'),
    hash: text(row, 'request_hash'),
    policy: text(row, 'policy'),
    comment: orNull(text, row, 'comment'),
    until: integer(row, 'until'),
  };
}
