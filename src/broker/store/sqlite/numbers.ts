/**
 * Ids are random, so a table or an index keyed by them is written all over. Inside the file, rows name a request by the
 * number that it got when it came, and a grant by the number of its request: what is written together lies together.
 * @module
 */
import { JitError } from '../../../core/errors.ts';
import type { GrantId, RequestId } from '../../../core/ids.ts';
import { integer } from './cells.ts';
import type { Statements } from './statements.ts';

/** @returns null for an id that was never stored. */
export function findNumber(sql: Statements, id: RequestId | GrantId): number | null {
  const row = sql(isOfGrant(id) ? 'grantNumber' : 'requestNumber').get({ id });
  return row === undefined ? null : integer(row, 'n');
}

export interface Numbers {
  /** Throws `ERR_UNEXPECTED` for an id that is not stored: nothing is kept about what does not exist. */
  of(id: RequestId | GrantId): number;
  note(id: RequestId | GrantId, number: number): void;
}

/** The numbers that one change needs, each looked up once. */
export function numbersOf(sql: Statements): Numbers {
  const known = new Map<string, number>();
  return {
    of(id) {
      const number = known.get(id) ?? findNumber(sql, id);
      if (number === null) throw missing(id);
      known.set(id, number);
      return number;
    },
    note: (id, number) => void known.set(id, number),
  };
}

function isOfGrant(id: RequestId | GrantId): id is GrantId {
  return id.startsWith('gr_');
}

function missing(id: string): JitError {
  return new JitError({
    code: 'ERR_UNEXPECTED',
    message: 'a change was about something that is not stored',
    subject: id,
  });
}
