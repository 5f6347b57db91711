/**
 * The configured sources as one: names, merges, what counts for how long, and what is not believed.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Incidents, makeIncidents } from '../../../src/broker/incidents/registry.ts';
import { type MemorySource, memorySource } from '../../fakes/incidents/memory.ts';

interface Scene {
  readonly incidents: Incidents;
  readonly pager: MemorySource;
  readonly other: MemorySource;
  readonly warnings: string[];
  advance(ms: number): void;
}

function scene(): Scene {
  let at = 1_800_000_000_000;
  const now = (): number => at;
  const [pager, other] = [memorySource('pager', now), memorySource('other', now)];
  const warnings: string[] = [];
  const incidents = makeIncidents({
    sources: new Map([
      ['pager', pager],
      ['other', other],
    ]),
    people: new Map(),
    now,
    log: {
      info: () => undefined,
      warn: (message, fields) => void warnings.push(JSON.stringify({ message, ...fields })),
      error: () => undefined,
    },
  });
  return {
    incidents,
    pager,
    other,
    warnings,
    advance: (ms) => {
      at += ms;
    },
  };
}

const ref = { source: 'pager', id: 'pager-id-1' };

test('a name is asked of all sources, a name with a source of that one alone', async () => {
  const { incidents, pager, other } = scene();
  pager.opens();
  assert.equal((await incidents.find('INC-1')).kind, 'found');
  assert.deepEqual([pager.asked, other.asked], [['find INC-1'], ['find INC-1']]);
  assert.equal((await incidents.find('pager/INC-1')).kind, 'found');
  assert.equal(other.asked.length, 1);
  assert.deepEqual(await incidents.find('other/INC-1'), { kind: 'none' });
  assert.deepEqual(await incidents.find('nowhere/INC-1'), { kind: 'none' });
  assert.equal(pager.asked.at(-1), 'find nowhere/INC-1', 'it may be a name with a slash');
  other.opens();
  assert.deepEqual(await incidents.find('INC-1'), { kind: 'several', sources: ['pager', 'other'] });
});

test('what no source can call an incident is asked of none; a long name may have its source before it', async () => {
  const { incidents, pager, other } = scene();
  for (const text of [
    '',
    ' ',
    'INC 1',
    'INC-1\n',
    'INC-\u00e4',
    '\u0000',
    'x'.repeat(129),
    `pager/${'x'.repeat(129)}`,
  ]) {
    await assert.rejects(incidents.find(text), { code: 'ERR_USAGE' }, JSON.stringify(text));
  }
  assert.deepEqual([pager.asked, other.asked], [[], []]);
  assert.deepEqual(await incidents.find(`pager/${'x'.repeat(128)}`), { kind: 'none' });
  assert.equal((await incidents.find('pager/')).kind, 'none');
});

test('found is found although another source is silent; not found is not known as long as one is', async () => {
  const { incidents, pager, other, warnings } = scene();
  pager.opens();
  other.down();
  assert.equal((await incidents.find('INC-1')).kind, 'found');
  assert.deepEqual(await incidents.find('INC-9'), { kind: 'silent', sources: ['other'] });
  const { incidents: open, silent } = await incidents.open();
  assert.deepEqual([open.length, silent], [1, ['other']]);
  assert.ok(warnings.every((line) => line.includes('"source":"other"') && line.includes('ERR_INCIDENT_SOURCE')));
});

test('a look counts for as long as the caller says, and is shared by those who ask at the same time', async () => {
  const { incidents, pager, advance } = scene();
  pager.opens();
  const go = pager.hold();
  const all = Promise.all(Array.from({ length: 1_000 }, async () => incidents.see(ref, 0)));
  go();
  assert.ok((await all).every(({ kind }) => kind === 'seen'));
  assert.deepEqual(pager.asked, ['look pager-id-1']);
  advance(4_000);
  await incidents.see(ref, 5_000);
  assert.equal(pager.asked.length, 1);
  advance(2_000);
  await incidents.see(ref, 5_000);
  assert.equal(pager.asked.length, 2);
});

test('what was merged is seen as what it became, through several steps, and never for ever', async () => {
  const { incidents, pager } = scene();
  for (let count = 1; count <= 7; count++) pager.opens();
  pager.merges('pager-id-1', 'pager-id-2');
  pager.merges('pager-id-2', 'pager-id-3');
  const one = await incidents.see(ref, 0);
  assert.deepEqual(one.kind === 'seen' && [one.incident.id, one.incident.state], ['pager-id-3', 'open']);
  pager.merges('pager-id-3', 'pager-id-1');
  incidents.doubt({ source: 'pager', id: 'pager-id-3' });
  assert.deepEqual(await incidents.see(ref, 0), { kind: 'none' }, 'round in a circle there is none');
});

test('a doubt reaches all that was merged into it, and nothing else', async () => {
  const { incidents, pager } = scene();
  for (let count = 1; count <= 4; count++) pager.opens();
  pager.merges('pager-id-1', 'pager-id-2');
  pager.merges('pager-id-2', 'pager-id-3');
  await incidents.see(ref, 0);
  await incidents.see({ source: 'pager', id: 'pager-id-4' }, 0);
  const doubted = incidents.doubt({ source: 'pager', id: 'pager-id-3' });
  assert.deepEqual([...doubted].toSorted(), ['pager-id-1', 'pager-id-2', 'pager-id-3']);
  const asked = pager.asked.length;
  await incidents.see({ source: 'pager', id: 'pager-id-4' }, 1_000);
  assert.equal(pager.asked.length, asked);
  await incidents.see(ref, 1_000);
  assert.deepEqual(pager.asked.slice(asked), ['look pager-id-1', 'look pager-id-2', 'look pager-id-3']);
  assert.deepEqual(incidents.doubt({ source: 'other', id: 'pager-id-3' }), ['pager-id-3'], 'ids are of a source');
});

test('an answer that was on its way when a call came is not believed: neither now nor later', async () => {
  const { incidents, pager } = scene();
  pager.opens();
  const go = pager.hold();
  const early = incidents.see(ref, 0);
  pager.closes('pager-id-1');
  incidents.doubt(ref);
  go();
  const one = await early;
  assert.deepEqual(one.kind === 'seen' && one.incident.state, 'closed');
  const later = await incidents.see(ref, 60_000);
  assert.deepEqual(later.kind === 'seen' && later.incident.state, 'closed');
});

test('the same for what was found by its name', async () => {
  const { incidents, pager } = scene();
  pager.opens();
  const go = pager.hold();
  const finding = incidents.find('INC-1');
  pager.closes('pager-id-1');
  incidents.doubt(ref);
  go();
  await finding;
  const one = await incidents.see(ref, 60_000);
  assert.deepEqual(one.kind === 'seen' && one.incident.state, 'closed');
});

test('while a source is silent the last answer is at hand with its age, however much is doubted', async () => {
  const { incidents, pager, advance } = scene();
  pager.opens();
  await incidents.see(ref, 0);
  pager.down();
  advance(10_000);
  incidents.doubt(ref);
  const one = await incidents.see(ref, 60_000);
  assert.ok(one.kind === 'silent' && one.last !== null);
  assert.deepEqual([one.last.incident.state, one.last.at], ['open', 1_800_000_000_000]);
  assert.deepEqual(await incidents.see({ source: 'pager', id: 'x' }, 0), { kind: 'silent', last: null });
  assert.deepEqual(await incidents.see({ source: 'gone', id: 'x' }, 0), { kind: 'silent', last: null });
});

test('what a source does not know any more is none, and is not remembered as it was', async () => {
  const { incidents, pager } = scene();
  pager.opens();
  await incidents.see(ref, 0);
  pager.forgets('pager-id-1');
  incidents.doubt(ref);
  assert.deepEqual(await incidents.see(ref, 0), { kind: 'none' });
  pager.down();
  assert.deepEqual(await incidents.see(ref, 0), { kind: 'silent', last: null });
});

test('a source that throws something of its own is silent, and what it threw goes nowhere', async () => {
  const { incidents, pager, warnings } = scene();
  pager.look = async () => Promise.reject(new Error('token=canary'));
  assert.deepEqual(await incidents.see(ref, 0), { kind: 'silent', last: null });
  assert.equal(warnings.join('').includes('canary'), false);
});

test('open ones come newest first from all sources', async () => {
  const { incidents, pager, other, advance } = scene();
  pager.opens();
  advance(1_000);
  other.opens();
  advance(1_000);
  pager.opens();
  pager.closes('pager-id-1');
  const { incidents: open } = await incidents.open();
  assert.deepEqual(
    open.map(({ id }) => id),
    ['pager-id-2', 'other-id-1'],
  );
});

test('those who look for the same at the same time are one question; nobody asks many in a minute but the broker itself', async () => {
  const { incidents, pager, advance } = scene();
  pager.opens();
  const ada = { issuer: 'https://id.test', subject: 'ada' };
  const same = await Promise.all(Array.from({ length: 500 }, async () => incidents.find('pager/INC-1', ada)));
  assert.ok(same.every(({ kind }) => kind === 'found'));
  assert.equal(pager.asked.length, 1);
  for (let count = 1; count < 60; count++) await incidents.find(`pager/INC-${count + 100}`, ada);
  await assert.rejects(incidents.find('pager/INC-7', ada), { code: 'ERR_DENIED' });
  assert.equal(pager.asked.length, 60);
  await incidents.find('pager/INC-7', { ...ada, subject: 'grace' });
  await incidents.find('pager/INC-7');
  advance(60_000);
  await incidents.find('pager/INC-7', ada);
  assert.equal(pager.asked.length, 63);
});

test('a list is a moment old at most, and not even that once a source has said that something is new', async () => {
  const { incidents, pager, other, advance } = scene();
  pager.opens();
  const counts = async (): Promise<number> => (await incidents.open()).incidents.length;
  assert.deepEqual(await Promise.all([counts(), counts(), counts()]), [1, 1, 1]);
  assert.deepEqual([pager.asked, other.asked], [['open'], ['open']]);
  pager.opens();
  advance(4_000);
  assert.equal(await counts(), 1);
  incidents.doubt({ source: 'pager', id: 'pager-id-2' });
  assert.equal(await counts(), 2);
  pager.opens();
  advance(5_001);
  assert.equal(await counts(), 3);
});
