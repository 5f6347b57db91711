/**
 * Brings a database to the version that this program knows, or refuses it.
 * @module
 */
import type { DatabaseSync } from 'node:sqlite';
import { JitError } from '../../../core/errors.ts';
import type { Clock } from '../../../core/ports.ts';
import { APPLICATION_ID } from './schema.ts';

/**
 * Each migration is one transaction together with its version, so that a crash leaves a whole version behind. Throws
 * `ERR_STORE`, changing nothing, for a database of a newer program and for one that is not a store.
 */
export function migrate(db: DatabaseSync, migrations: readonly string[], now: Clock): void {
  while (step(db, migrations, now) < migrations.length);
}

/** @returns the version that the database has now. Reads it under the write lock: another process may migrate as well. */
function step(db: DatabaseSync, migrations: readonly string[], now: Clock): number {
  db.exec('BEGIN IMMEDIATE');
  try {
    const version = requireOurs(db, migrations.length);
    const sql = migrations[version];
    if (sql !== undefined) {
      db.exec(sql);
      db.prepare('INSERT INTO migrations (version, applied_at) VALUES (?, ?)').run(version + 1, now());
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${version + 1}`);
    }
    db.exec('COMMIT');
    return sql === undefined ? version : version + 1;
  } catch (thrown) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw thrown;
  }
}

function requireOurs(db: DatabaseSync, known: number): number {
  const version = pragma(db, 'user_version');
  const tables = db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.['tables'];
  if (version === 0 && tables === 0) return 0;
  if (version === 0 || pragma(db, 'application_id') !== APPLICATION_ID) {
    throw new JitError({
      code: 'ERR_STORE',
      message: 'that database is not a store of jit',
      hint: 'name a file of its own for the store',
    });
  }
  if (version > known) {
    throw new JitError({
      code: 'ERR_STORE',
      message: `the store has version ${version}, and this program knows versions up to ${known}`,
      hint: 'run the jit that wrote it, or a newer one; a store is never taken back to an older version',
    });
  }
  return version;
}

function pragma(db: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}
