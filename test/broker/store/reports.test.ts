/**
 * Reports on incidents in a real store: the latest word counts, whatever order the words come in, and what is over is forgotten.
 * @module
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { type IncidentReport, REPORT_KEPT_MS } from '../../../src/core/incident-report.ts';
import { openSqliteStore, type SqliteStore } from '../../../src/broker/store/sqlite/store.ts';
import { JitError } from '../../../src/core/errors.ts';
import { inFolder, now } from './places.ts';
import { START } from './samples.ts';

const sample = (over: Partial<IncidentReport> = {}): IncidentReport => {
  const { updatedAt = START, state = 'open', ...rest } = over;
  const report = JSON.stringify({ updatedAt, state });
  return { source: 'ours', id: '7', reference: 'INC-7', state, openedAt: START, updatedAt, report, ...rest };
};

async function withStore(body: (store: SqliteStore) => Promise<void>): Promise<void> {
  const store = await openSqliteStore({ file: ':memory:', now });
  try {
    await body(store);
  } finally {
    await store.close();
  }
}

describe('reports on incidents', () => {
  test('are read back as they came, by id and by what people call them', async () => {
    await withStore(async (store) => {
      assert.equal(await store.putReport(sample(), START), 'newer');
      assert.deepEqual(await store.report('ours', '7'), sample());
      assert.deepEqual(await store.reportNamed('ours', 'INC-7'), sample());
      for (const [source, id] of [
        ['theirs', '7'],
        ['ours', 'INC-7'],
        ['ours', '7 '],
      ] as const) {
        assert.equal(await store.report(source, id), null);
      }
      assert.equal(await store.reportNamed('theirs', 'INC-7'), null);
      assert.equal(await store.reportNamed('ours', '7'), null);
    });
  });

  test('only what is newer replaces what is there, and two words of one moment must be the same', async () => {
    await withStore(async (store) => {
      const closed = sample({ state: 'closed', updatedAt: START + 2 });
      assert.equal(await store.putReport(closed, START), 'newer');
      assert.equal(await store.putReport(closed, START), 'same');
      assert.equal(await store.putReport(sample({ updatedAt: START + 1 }), START), 'older');
      assert.equal(await store.putReport(sample({ updatedAt: START + 2 }), START), 'other');
      assert.deepEqual(await store.report('ours', '7'), closed);
      const reopened = sample({ updatedAt: START + 3 });
      assert.equal(await store.putReport(reopened, START), 'newer');
      assert.deepEqual(await store.report('ours', '7'), reopened);
      assert.equal(await store.putReport(sample({ source: 'theirs', updatedAt: 1 }), START), 'newer');
    });
  });

  test('in whatever order they come, the latest counts', async () => {
    const words = fc.uniqueArray(fc.record({ updatedAt: fc.nat(20), state: fc.constantFrom('open', 'closed') }), {
      selector: ({ updatedAt }) => updatedAt,
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(words, fc.nat(1_000_000), async (reports, id) => {
        await withStore(async (store) => {
          for (const each of reports) await store.putReport(sample({ id: `${id}`, ...each }), START);
          const latest = reports.toSorted((a, b) => b.updatedAt - a.updatedAt)[0];
          const found = await store.report('ours', `${id}`);
          assert.deepEqual([found?.updatedAt, found?.state], [latest?.updatedAt, latest?.state]);
          assert.equal((await store.openReports('ours', 10)).length, latest?.state === 'open' ? 1 : 0);
        });
      }),
      { numRuns: 50 },
    );
  });

  test('of two that come at once the later one stays', async () => {
    await withStore(async (store) => {
      const all = Array.from({ length: 50 }, (_, at) => sample({ updatedAt: START + ((at * 37) % 50) }));
      await Promise.all(all.map(async (each) => store.putReport(each, START)));
      assert.equal((await store.report('ours', '7'))?.updatedAt, START + 49);
    });
  });

  test('the open ones come newest first, of one source alone', async () => {
    await withStore(async (store) => {
      for (const at of [2, 1, 3]) {
        await store.putReport(sample({ id: `${at}`, reference: `INC-${at}`, openedAt: START + at }), START);
      }
      await store.putReport(sample({ id: '4', state: 'closed', openedAt: START + 4 }), START);
      await store.putReport(sample({ id: '5', source: 'theirs', openedAt: START + 5 }), START);
      const ids = async (limit: number): Promise<string[]> =>
        (await store.openReports('ours', limit)).map((each) => each.id);
      assert.deepEqual(await ids(10), ['3', '2', '1']);
      assert.deepEqual(await ids(2), ['3', '2']);
      await assert.rejects(store.openReports('ours', 0), JitError);
    });
  });

  test('of several that are called the same, an open one is meant, and the newest of those', async () => {
    await withStore(async (store) => {
      await store.putReport(sample({ id: 'a', openedAt: START + 1 }), START);
      await store.putReport(sample({ id: 'b', openedAt: START + 2 }), START);
      await store.putReport(sample({ id: 'c', openedAt: START + 3, state: 'closed' }), START);
      assert.equal((await store.reportNamed('ours', 'INC-7'))?.id, 'b');
    });
  });

  test('a closed one is forgotten 30 days after its last word came, an open one never', async () => {
    await withStore(async (store) => {
      await store.putReport(sample({ id: 'closed', state: 'closed' }), START);
      await store.putReport(sample({ id: 'open' }), START);
      await store.putReport(sample({ id: 'later' }), START + REPORT_KEPT_MS);
      assert.notEqual(await store.report('ours', 'closed'), null);
      await store.putReport(sample({ id: 'latest' }), START + REPORT_KEPT_MS + 1);
      assert.equal(await store.report('ours', 'closed'), null);
      assert.notEqual(await store.report('ours', 'open'), null);
    });
  });

  test('what is not a report is not stored, and a store that was closed says so', async () => {
    await withStore(async (store) => {
      const wrong = [
        sample({ report: 'not JSON' }),
        sample({ id: '' }),
        sample({ updatedAt: -1 }),
        sample({ openedAt: 0.5 }),
      ];
      for (const each of wrong) await assert.rejects(store.putReport(each, START), JitError, JSON.stringify(each));
      assert.deepEqual(await store.openReports('ours', 10), []);
      await store.close();
      await assert.rejects(
        store.report('ours', '7'),
        (thrown) => thrown instanceof JitError && thrown.code === 'ERR_STORE',
      );
    });
  });

  test('they outlive the process', async () => {
    await inFolder(async (folder) => {
      const file = `${folder}/broker.db`;
      const before = await openSqliteStore({ file, now });
      await before.putReport(sample(), START);
      await before.close();
      const after = await openSqliteStore({ file, now });
      assert.deepEqual(await after.report('ours', '7'), sample());
      await after.close();
    });
  });
});
