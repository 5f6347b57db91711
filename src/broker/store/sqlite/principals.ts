/**
 * Who requests and grants belong to. A row of `principals` is one `PrincipalKey`: somebody who acts for themselves, or an
 * agent with the one person it acts for. What it owns names the row, and the `owner`, who answers for it: that person.
 * @module
 */
import type { PrincipalKey } from '../../../core/principal.ts';
import { integer } from './cells.ts';
import type { Statements } from './statements.ts';

/** Numbers of two rows, which are the same one for somebody who acts for themselves. */
export interface Filed {
  readonly requester: number;
  readonly owner: number;
}

/** @returns null when nothing was ever stored for exactly this principal. */
export function findPrincipal(sql: Statements, { issuer, subject, actsFor }: PrincipalKey): Filed | null {
  const itself = actsFor === undefined ? { issuer, subject } : { issuer: actsFor.issuer, subject: actsFor.subject };
  const found = sql('principal').get(itself);
  if (found === undefined) return null;
  const owner = integer(found, 'n');
  if (actsFor === undefined) return { requester: owner, owner };
  const agent = sql('agent').get({ issuer, subject, person: owner });
  return agent === undefined ? null : { requester: integer(agent, 'n'), owner };
}

/** Finds the rows or makes them. Runs inside the transaction that stores what they own. */
export function filePrincipal(sql: Statements, key: PrincipalKey): Filed {
  const known = findPrincipal(sql, key);
  if (known !== null) return known;
  const { issuer, subject, actsFor } = key;
  if (actsFor === undefined) {
    const itself = added(sql, { issuer, subject, person: null });
    return { requester: itself, owner: itself };
  }
  const { owner } = filePrincipal(sql, { issuer: actsFor.issuer, subject: actsFor.subject });
  return { requester: added(sql, { issuer, subject, person: owner }), owner };
}

function added(sql: Statements, row: { issuer: string; subject: string; person: number | null }): number {
  return Number(sql('principalInsert').run(row).lastInsertRowid);
}
