/**
 * With 100,000 live grants every statement of the store finds its rows through an index: SQLite is asked for its plans.
 * @module
 */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { migrate } from '../../../../src/broker/store/sqlite/migrate.ts';
import { QUERIES } from '../../../../src/broker/store/sqlite/queries.ts';
import { MIGRATIONS } from '../../../../src/broker/store/sqlite/schema.ts';
import { now } from '../places.ts';
import { START } from '../samples.ts';
import { fill } from './fill.ts';

/** A whole walk is right only where a LIMIT ends it, over an index that has the order that was asked for. */
const WALKS: Readonly<Record<string, string>> = {
  requestsNewest: 'SCAN requests USING INDEX requests_newest',
  requestsOpen: 'SCAN requests USING INDEX requests_open',
};

test('no statement walks a table or sorts more than it returns', () => {
  const db = new DatabaseSync(':memory:');
  migrate(db, MIGRATIONS, now);
  fill(db, 100_000);
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const scan = new RegExp(`^SCAN (?:${tables.map((row) => String(row['name'])).join('|')})\\b`);
  for (const [name, sql] of Object.entries(QUERIES)) {
    const plan = db
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => String(row['detail']));
    const walks = plan.filter((step) => scan.test(step));
    assert.deepEqual(walks, WALKS[name] === undefined ? [] : [WALKS[name]], `${name}: ${plan.join('; ')}`);
    // The claim merges its targets' shares, at most a page, and sorts those.
    const sorts = plan.filter((step) => step.includes('TEMP B-TREE FOR ORDER BY'));
    assert.equal(sorts.length, name === 'due' ? 1 : 0, `${name}: ${plan.join('; ')}`);
  }
  db.close();
});

test('the live grants of one principal are found among the live ones, not among all that they ever had', () => {
  const db = new DatabaseSync(':memory:');
  migrate(db, MIGRATIONS, now);
  for (const name of ['grantsLiveOf', 'grantsLiveBy'] as const) {
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${QUERIES[name]}`).all();
    assert.ok(
      plan.some((step) => String(step['detail']).includes('USING INDEX grants_live_of (owner=?)')),
      JSON.stringify(plan),
    );
  }
  db.close();
});

test('open requests, those that are overdue and the next deadline are found in the index of open requests alone', () => {
  const db = new DatabaseSync(':memory:');
  migrate(db, MIGRATIONS, now);
  fill(db, 10_000);
  const plans = {
    requestsOpen: 'SCAN requests USING INDEX requests_open',
    requestsDue: 'SEARCH requests USING INDEX requests_open (deadline<?)',
    nextDeadline: 'SEARCH requests USING INDEX requests_open',
  } as const;
  for (const name of ['requestsOpen', 'requestsDue', 'nextDeadline'] as const) {
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${QUERIES[name]}`).all();
    assert.deepEqual(
      plan.map((step) => step['detail']),
      [plans[name]],
      name,
    );
  }
  assert.equal(db.prepare(QUERIES.requestsDue).all({ by: START + 95, limit: 1_000 }).length, 10);
  assert.equal(db.prepare(QUERIES.requestsOpen).all({ limit: 1_000 }).length, 1_000);
  assert.equal(db.prepare(QUERIES.nextDeadline).get()?.['next'], START);
  db.close();
});
