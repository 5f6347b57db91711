/**
 * Prepared statements by name, each prepared once, at its first use.
 * @module
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { QUERIES } from './queries.ts';

export type Statements = (name: keyof typeof QUERIES) => StatementSync;

export function statements(db: DatabaseSync): Statements {
  const prepared = new Map<keyof typeof QUERIES, StatementSync>();
  return (name) => {
    const known = prepared.get(name);
    if (known !== undefined) return known;
    const statement = db.prepare(QUERIES[name]);
    prepared.set(name, statement);
    return statement;
  };
}
