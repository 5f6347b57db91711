/**
 * Sessions: written by compare-and-set, found by the hash of a token, forgotten when they are over.
 * @module
 */
import { JitError } from '../../../core/errors.ts';
import type { SessionId } from '../../../core/ids.ts';
import type { PrincipalKey } from '../../../core/principal.ts';
import type { SessionChange, SessionStore, SpentProof, StoredSession } from '../sessions.ts';
import { appendEntries } from './append.ts';
import { integer, type Row } from './cells.ts';
import { numbersOf } from './numbers.ts';
import { understood } from './read.ts';
import { readSession, sessionCells } from './session-rows.ts';
import type { Statements } from './statements.ts';

export function lastKnownOf(sql: Statements, who: PrincipalKey): Awaited<ReturnType<SessionStore['lastKnown']>> {
  const { issuer, subject, actsFor } = who;
  const person = { personIssuer: actsFor?.issuer ?? null, personSubject: actsFor?.subject ?? null };
  const row = sql('sessionOf').get({ issuer, subject, ...person });
  if (row === undefined) return null;
  const { principal, verifiedAt } = understood('a session', () => readSession(row));
  return { principal, at: verifiedAt };
}

/** How much one call of `forgetOver` removes: bounds how long it keeps the event loop. */
const FORGET_AT_ONCE = 1_000;

/** Throws `ERR_CONFLICT` and `ERR_NOT_SIGNED_IN` as the port says; whatever it throws, the caller undoes what was written. */
export function writeSession(sql: Statements, change: SessionChange): void {
  const { session, spentRefreshHash, spentProofs = [], confirmation, entries } = change;
  // First: a used proof stays one whatever else has moved, so that its second user does not try again.
  for (const spent of spentProofs) spendProof(sql, spent);
  if (session !== undefined) putSession(sql, session);
  if (spentRefreshHash !== undefined) spendRefresh(sql, session, spentRefreshHash);
  if (confirmation !== undefined) giveConfirmation(sql, session, confirmation);
  appendEntries(sql, numbersOf(sql), entries);
}

/** Throws `ERR_NOT_SIGNED_IN` where it was used before. */
export function spendProof(sql: Statements, { once, until }: SpentProof): void {
  if (sql('proofSpend').run({ once, until }).changes === 1) return;
  throw new JitError({
    code: 'ERR_NOT_SIGNED_IN',
    message: 'that proof of identity has been used before',
    hint: 'sign in again',
  });
}

function putSession(sql: Statements, session: StoredSession): void {
  const cells = sessionCells(session);
  const { version } = session;
  const written = version === 0 ? sql('sessionInsert').run(cells) : sql('sessionUpdate').run({ ...cells, version });
  if (written.changes !== 1) throw conflict();
}

function spendRefresh(sql: Statements, session: StoredSession | undefined, hash: string): void {
  if (session === undefined) {
    throw new JitError({ code: 'ERR_UNEXPECTED', message: 'a refresh token is used up with a change of its session' });
  }
  if (sql('refreshSpend').run({ hash, session: session.id }).changes !== 1) throw conflict();
}

function giveConfirmation(
  sql: Statements,
  session: StoredSession | undefined,
  { hash, until }: NonNullable<SessionChange['confirmation']>,
): void {
  if (session === undefined) {
    throw new JitError({ code: 'ERR_UNEXPECTED', message: 'a confirmation is given out with a change of its session' });
  }
  sql('confirmationGive').run({ hash, until, session: session.id });
}

/** @returns the session in the same transaction, null where there was no such confirmation. */
export function spendConfirmation(sql: Statements, id: SessionId, hash: string, at: number): StoredSession | null {
  const spent = sql('confirmationSpend').run({ hash, at, session: id }).changes === 1;
  return spent ? readOneSession(sql, id) : null;
}

function conflict(): JitError {
  return new JitError({
    code: 'ERR_CONFLICT',
    message: 'the session has changed meanwhile',
    hint: 'read it again and decide anew',
  });
}

export function readOneSession(sql: Statements, id: SessionId): StoredSession | null {
  return whole(`session ${id}`, () => sql('session').get({ id }));
}

export function sessionByAccess(sql: Statements, hash: string): StoredSession | null {
  return whole('a session, found by its access token', () => sql('sessionByAccess').get({ hash }));
}

export function sessionByRefresh(sql: Statements, hash: string): Awaited<ReturnType<SessionStore['sessionByRefresh']>> {
  const good = whole('a session, found by its refresh token', () => sql('sessionByRefresh').get({ hash }));
  if (good !== null) return { session: good, spent: false };
  const former = whole('a session, found by a spent token', () => sql('sessionBySpent').get({ hash }));
  return former === null ? null : { session: former, spent: true };
}

function whole(what: string, find: () => Row | undefined): StoredSession | null {
  return understood(what, () => {
    const row = find();
    return row === undefined ? null : readSession(row);
  });
}

/**
 * Oldest first, a session after its confirmations and the refresh tokens that it used up. What was over at `before`, epoch ms, and not later.
 * @returns how many rows went; fewer than 1,000 when nothing is left.
 */
export function forgetOver(sql: Statements, before: number): number {
  let left = FORGET_AT_ONCE;
  for (const row of sql('sessionsOver').all({ before, limit: FORGET_AT_ONCE })) {
    const session = integer(row, 'n');
    left -= Number(sql('refreshForget').run({ session, limit: left }).changes);
    if (left === 0) return FORGET_AT_ONCE;
    left -= Number(sql('confirmationsForgetOf').run({ session, limit: left }).changes);
    if (left === 0) return FORGET_AT_ONCE;
    left -= Number(sql('sessionForget').run({ session }).changes);
    if (left === 0) return FORGET_AT_ONCE;
  }
  left -= Number(sql('confirmationsForget').run({ before, limit: left }).changes);
  return FORGET_AT_ONCE - left + Number(sql('proofsForget').run({ before, limit: left }).changes);
}
