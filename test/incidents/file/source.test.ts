/**
 * Incidents in a real file: read anew at each question, refused whole where any of it is wrong, and told when they change.
 * @module
 */
import assert from 'node:assert/strict';
import { chmod, mkdtemp, open as openFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { JitError } from '../../../src/core/errors.ts';
import type { IncidentSignal, OpenSource } from '../../../src/core/incident.ts';
import { openIncidentFile } from '../../../src/incidents/file/source.ts';

const TEXT = `
incidents:
  - id: INC-7
    title: checkout is down
    state: open
    severity: 1
    services: [checkout]
    responders: [ada]
    commanders: [grace]
    onCall: [{ person: ada }, { person: eve, tier: 2 }]
    openedAt: 2026-11-22T09:00:00Z
  - { id: INC-6, title: over, state: closed }
`;

const signal = new AbortController().signal;
const isUntrusted = (thrown: unknown): boolean =>
  thrown instanceof JitError &&
  thrown.code === 'ERR_INCIDENT_SOURCE' &&
  !/canary|checkout|jit-file/.test(thrown.message);

interface World {
  readonly file: string;
  readonly open: OpenSource;
  write(text: string): Promise<void>;
}

async function withFile(body: (world: World) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'jit-file-'));
  const file = join(folder, 'incidents.yaml');
  const open = openIncidentFile({ name: 'drills', file, tiers: new Set([1]), everyMs: 20 });
  try {
    await writeFile(file, TEXT, { mode: 0o600 });
    await body({
      file,
      open,
      write: async (text) => {
        await writeFile(`${file}.new`, text, { mode: 0o600 });
        await rename(`${file}.new`, file);
      },
    });
  } finally {
    open.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function settled(check: () => void): Promise<void> {
  for (const until = Date.now() + 10_000; ;) {
    try {
      return check();
    } catch (thrown) {
      if (Date.now() > until) throw thrown;
      await pause(20);
    }
  }
}

test('an incident is found by what it is called, with the people and tiers that count', async () => {
  await withFile(async ({ open: { source } }) => {
    const ada = { id: 'ada', name: 'ada', email: null };
    const grace = { ...ada, id: 'grace', name: 'grace' };
    const expected = {
      source: 'drills',
      id: 'INC-7',
      reference: 'INC-7',
      title: 'checkout is down',
      state: 'open',
      severity: 1,
      services: ['checkout'],
      responders: [ada, grace],
      commanders: [grace],
      onCall: [{ ...ada, tier: 1 }],
      openedAt: Date.parse('2026-11-22T09:00:00Z'),
      url: null,
      mergedInto: null,
    };
    assert.deepEqual(await source.find('INC-7', signal), expected);
    assert.deepEqual(await source.look('INC-7', signal), expected);
    assert.deepEqual(await source.open(signal), [expected]);
    assert.equal((await source.find('INC-6', signal))?.state, 'closed');
    for (const text of ['INC-8', 'inc-7', '', '__proto__', 'INC-7 ', '../INC-7', 'x'.repeat(128)]) {
      assert.equal(await source.find(text, signal), null, text);
    }
  });
});

test('each question reads the file anew, through the operator’s own link as well', async () => {
  await withFile(async ({ open, file, write }) => {
    assert.equal((await open.source.look('INC-7', signal))?.state, 'open');
    await write(TEXT.replace('state: open', 'state: closed'));
    const closed = await open.source.look('INC-7', signal);
    assert.deepEqual([closed?.state, closed?.onCall], ['closed', []]);
    await write(TEXT.replace('state: open', 'state: open\n    mergedInto: INC-6'));
    const merged = await open.source.look('INC-7', signal);
    assert.deepEqual([merged?.state, merged?.mergedInto], ['closed', 'INC-6']);
    await rename(file, `${file}.real`);
    await symlink(`${file}.real`, file);
    assert.notEqual(await open.source.look('INC-7', signal), null);
  });
});

test('a file that is not surely right makes every question fail, and what it said before does not count', async () => {
  await withFile(async ({ open: { source }, file, write }) => {
    await source.look('INC-7', signal);
    const broken = async (why: string): Promise<void> => {
      await assert.rejects(source.look('INC-7', signal), isUntrusted, why);
      await assert.rejects(source.find('nothing', signal), isUntrusted, why);
      await assert.rejects(source.open(signal), isUntrusted, why);
    };
    for (const text of [
      '',
      '# nothing\n',
      'incidents:\n',
      'incidents: {}\n',
      '[]',
      `${TEXT}  - id: INC-5\n`,
      `${TEXT}  - { id: INC-7, title: canary, state: open }\n`,
      TEXT.replace('state: open', 'state: canary'),
      TEXT.replace('severity: 1', 'severity: 6'),
      TEXT.replace('severity: 1', 'canary: 1'),
      TEXT.replace('id: INC-7', 'id: "INC 7"'),
      TEXT.replace('checkout is down', '"canary\\u202e"'),
      TEXT.replace('{ person: ada }', '{ person: ada, tier: 0 }'),
      TEXT.replace('openedAt: 2026-11-22T09:00:00Z', 'openedAt: canary'),
      TEXT.replace('state: open', 'state: open\n    url: http://canary.example/'),
      `${TEXT}---\nincidents: []\n`,
      `incidents: !!js/function canary\n`,
      `incidents: [\n`,
      `incidents: ${'['.repeat(50_000)}`,
      `incidents: []\n# ${'x'.repeat(300_000)}\n`,
    ]) {
      await write(text);
      await broken(text.slice(0, 300));
    }
    await writeFile(file, Buffer.from('incidents: [] # \xff\n', 'latin1'));
    await broken('not UTF-8');
    await write(TEXT);
    assert.notEqual(await source.look('INC-7', signal), null, 'mended, it counts again');
    await chmod(file, 0o620);
    await broken('others can write to it');
    await unlink(file);
    await broken('it is gone');
  });
});

test('a mistake is told by its line and not by its words', async () => {
  await withFile(async ({ open: { source }, write }) => {
    const said = async (text: string): Promise<string> => {
      await write(text);
      return source.open(signal).then(
        () => '',
        (thrown: unknown) => (thrown instanceof JitError ? thrown.message : 'something else'),
      );
    };
    assert.match(await said(TEXT.replace('severity: 1', 'canary: 1')), /^the incidents of drills: line 6 /);
    assert.match(await said(TEXT.replace('state: open', 'state: canary')), /line 5 /);
    assert.match(await said('incidents: [\n  {a: b\n'), /line [23] /);
  });
});

test('a file that is being written is read when it is whole, and never in halves', async () => {
  await withFile(async ({ open: { source }, file }) => {
    const handle = await openFile(file, 'w', 0o600);
    try {
      // Each half is a file of the right form.
      await handle.write('incidents:\n  - { id: INC-6, title: over, state: closed }\n');
      const looked = source.look('INC-7', signal);
      await handle.write('  - { id: INC-7, title: checkout is down, state: open }\n');
      assert.equal((await looked)?.state, 'open');
      let going = true;
      const writer = (async () => {
        for (let number = 0; going; number += 1) {
          await handle.write(`# ${number}\n`);
          await pause(1);
        }
      })();
      await assert.rejects(source.look('INC-7', signal), isUntrusted);
      going = false;
      await writer;
      assert.notEqual(await source.look('INC-7', signal), null);
    } finally {
      await handle.close();
    }
  });
});

test('what changes is told within seconds: closed, opened, changed, gone, each once', async () => {
  await withFile(async ({ open, write }) => {
    const heard: IncidentSignal[] = [];
    let failures = 1;
    const hook = open.hook?.(async (source, signals) => {
      assert.equal(source, 'drills');
      if (failures-- > 0) throw new JitError({ code: 'ERR_STORE', message: 'not now' });
      heard.push(...signals);
    });
    await open.source.open(signal);
    const next = async (text: string, says: IncidentSignal['says']): Promise<void> => {
      heard.length = 0;
      await write(text);
      await settled(() =>
        assert.deepEqual(
          heard.map((each) => [each.id, each.says]),
          [['INC-7', says]],
        ),
      );
    };
    const events = new Set<string>();
    for (const [text, says] of [
      [TEXT.replace('state: open', 'state: closed'), 'closed'],
      [TEXT, 'opened'],
      [TEXT.replace('[ada]', '[eve]'), 'changed'],
      ['incidents: [{ id: INC-6, title: over, state: closed }]', 'closed'],
      [TEXT, 'opened'],
      [TEXT.replace('state: open', 'state: closed'), 'closed'],
    ] as const) {
      await next(text, says);
      for (const each of heard) events.add(each.event);
    }
    assert.equal(events.size, 6, 'the same change a second time is another event');
    await write('incidents: broken');
    await assert.rejects(open.source.open(signal), isUntrusted);
    await next(TEXT, 'opened');
    const call = { header: () => null, body: new Uint8Array() };
    await assert.rejects(
      async () => hook?.(call),
      (thrown: unknown) => thrown instanceof JitError && thrown.code === 'ERR_NOT_SIGNED_IN',
    );
  });
});

test('after stop nothing is told any more', async () => {
  await withFile(async ({ open, write }) => {
    const heard: IncidentSignal[] = [];
    open.hook?.(async (_source, signals) => void heard.push(...signals));
    await open.source.open(signal);
    open.stop();
    await write('incidents: []');
    await pause(300);
    assert.deepEqual(heard, []);
  });
});
