/**
 * From the configuration to sources that answer and hear: real files, a real store, real HTTP on both sides.
 * @module
 */
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { incidentSchema } from '../../../src/broker/config/incidents.ts';
import { openIncidentSources } from '../../../src/broker/incidents/open.ts';
import { openSqliteStore } from '../../../src/broker/store/sqlite/store.ts';
import { JitError } from '../../../src/core/errors.ts';
import type { IncidentSignal, OpenSource } from '../../../src/core/incident.ts';
import { startIncidentIo } from '../../fakes/incidents/incident-io.ts';
import { startJsm, uuid } from '../../fakes/incidents/jsm.ts';
import { startPagerDuty } from '../../fakes/incidents/pagerduty.ts';
import { signedCall, startIncidentProgram, withHeaders } from '../../fakes/incidents/webhook.ts';
import { inFolder } from '../store/places.ts';

const signal = new AbortController().signal;
const SECRET = `whsec_${Buffer.from('canary-hook-secret-0123456789abc').toString('base64')}`;

/** Runs `body` with the sources of a configuration, whose secrets are the files given. */
async function withSources(
  yaml: string,
  files: Readonly<Record<string, string>>,
  body: (sources: ReadonlyMap<string, OpenSource>, folder: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o600 });
    const store = await openSqliteStore({ file: ':memory:', now: Date.now });
    try {
      // Safe: a configuration of another form fails on the next line.
      const entries = Object.entries(parse(yaml) as Readonly<Record<string, unknown>>);
      const config = new Map(entries.map(([name, entry]) => [name, incidentSchema.parse(entry)] as const));
      const beside = (file: string): string => join(folder, file);
      const sources = await openIncidentSources({ config, beside, store, now: Date.now });
      try {
        await body(sources, folder);
      } finally {
        for (const { stop } of sources.values()) stop();
      }
    } finally {
      await store.close();
    }
  });
}

const isConfigError = (thrown: unknown): boolean =>
  thrown instanceof JitError && thrown.code === 'ERR_CONFIG' && !thrown.message.includes('canary');

test('every kind of source is made of its entry, and each answers under its own name', async () => {
  const [pagerduty, io, jsm, program] = await Promise.all([
    startPagerDuty(),
    startIncidentIo(),
    startJsm('jsm'),
    startIncidentProgram(),
  ]);
  try {
    const ada = pagerduty.addUser('Ada', 'ada@example.com');
    const triggered = pagerduty.openIncident({ title: 'down', assignees: [ada.id] });
    const alert = jsm.openAlert({ responders: [{ type: 'team', id: uuid(50) }] });
    jsm.onCall.set(uuid(51), [{ type: 'user', id: 'ada-1' }]);
    const at = new Date().toISOString();
    program.incidents.set('7', { id: '7', title: 'down', state: 'open', opened_at: at, updated_at: at });
    const near = 'allow_private_addresses: true';
    const yaml = `
pd: { type: pagerduty, api: '${pagerduty.url}', ${near}, token: { file: pd }, signing_secrets: [{ file: pd-sign }] }
io: { type: incident.io, api: '${io.url}', ${near}, token: { file: io } }
ops:
  { type: jsm, api: '${jsm.url}', ${near}, token: { file: ops }, cloud: ${jsm.cloud}, user: '${jsm.user}',
    schedules: [{ id: ${uuid(51)}, for: [${uuid(50)}] }], signing_secrets: [{ file: ops-sign }] }
ours: { type: webhook, signing_secrets: [{ file: hook }], lookup: { url: '${program.before}{id}', ${near}, token: { file: ask } } }
reported: { type: webhook, signing_secrets: [{ file: hook }] }
drills: { type: file, file: drills.yaml }
`;
    const files = {
      pd: pagerduty.token,
      'pd-sign': pagerduty.signingSecret,
      io: io.token,
      ops: `${jsm.token}\n`,
      'ops-sign': jsm.hookSecret,
      hook: SECRET,
      ask: program.token,
      'drills.yaml': 'incidents: [{ id: DRILL-1, title: a drill, state: open }]',
    };
    await withSources(yaml, files, async (sources) => {
      const source = (name: string): OpenSource['source'] => {
        const found = sources.get(name)?.source;
        assert.equal(found?.name, name);
        assert.ok(found !== undefined);
        return found;
      };
      assert.equal((await source('pd').find(triggered.reference, signal))?.id, triggered.id);
      assert.deepEqual(await source('io').open(signal), []);
      assert.deepEqual(
        (await source('ops').find('#1', signal))?.onCall.map(({ id, tier }) => [id, tier]),
        [['ada-1', 1]],
      );
      assert.equal((await source('ours').find('7', signal))?.source, 'ours');
      assert.equal(await source('reported').find('7', signal), null);
      assert.equal((await source('drills').find('DRILL-1', signal))?.state, 'open');
      assert.equal(sources.get('io')?.hook, null, 'without a secret nobody may call');
      const heard: (readonly [string, IncidentSignal])[] = [];
      const hookOf = (name: string) =>
        sources
          .get(name)
          ?.hook?.(async (from, signals) => void heard.push(...signals.map((each) => [from, each] as const)));
      const body = JSON.stringify(program.incidents.get('7'));
      await hookOf('reported')?.(signedCall(SECRET, 'msg_1', body, Date.now()));
      const told = jsm.message(alert, 'Close');
      await hookOf('ops')?.(withHeaders(told.headers, told.body));
      const event = pagerduty.event('incident.acknowledged', triggered.id);
      const headers = Object.entries(event.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
      await hookOf('pd')?.(withHeaders(Object.fromEntries(headers), event.body));
      assert.deepEqual(
        heard.map(([from, { id }]) => [from, id]),
        [
          ['reported', '7'],
          ['ops', alert.id],
          ['pd', triggered.id],
        ],
      );
      assert.equal((await source('reported').find('7', signal))?.state, 'open');
      // Nothing that is printed of them holds a secret.
      assert.doesNotMatch(JSON.stringify([...sources]), /canary|whsec_/);
    });
  } finally {
    await Promise.all([pagerduty.stop(), io.stop(), jsm.stop(), program.end()]);
  }
});

test('a secret that is missing, open to others or of another form stops the start, without its words', async () => {
  const pagerduty = 'it: { type: pagerduty, token: { file: token }, signing_secrets: [{ file: sign }] }';
  const webhook = 'it: { type: webhook, signing_secrets: [{ file: sign }] }';
  const io = 'it: { type: incident.io, token: { file: token }, signing_secrets: [{ file: sign }] }';
  const none = async (): Promise<void> => undefined;
  await assert.rejects(withSources(pagerduty, { sign: 'canary' }, none), isConfigError, 'no token');
  await assert.rejects(withSources(pagerduty, { token: 'canary' }, none), isConfigError, 'no secret');
  await assert.rejects(withSources(pagerduty, { token: 'canary\ncanary', sign: 'x' }, none), isConfigError);
  await assert.rejects(withSources(webhook, { sign: 'canary' }, none), isConfigError, 'not whsec_');
  await assert.rejects(withSources(io, { token: 'canary', sign: 'canary' }, none), isConfigError, 'not whsec_');
  await withSources(webhook, { sign: SECRET }, async (_sources, folder) => {
    await chmod(join(folder, 'sign'), 0o640);
    const config = new Map([['it', incidentSchema.parse(parse(webhook.replace('it: ', '')))]]);
    const store = await openSqliteStore({ file: ':memory:', now: Date.now });
    const opening = openIncidentSources({ config, beside: (file) => join(folder, file), store, now: Date.now });
    await assert.rejects(opening, isConfigError, 'others can read it');
    await store.close();
  });
});

test('a file of incidents need not be there at the start: it is asked for when somebody asks', async () => {
  await withSources('drills: { type: file, file: drills.yaml }', {}, async (sources, folder) => {
    const source = sources.get('drills')?.source;
    await assert.rejects(
      async () => source?.open(signal),
      (thrown: unknown) => thrown instanceof JitError && thrown.code === 'ERR_INCIDENT_SOURCE',
    );
    await writeFile(join(folder, 'drills.yaml'), 'incidents: []', { mode: 0o600 });
    assert.deepEqual(await source?.open(signal), []);
  });
});
