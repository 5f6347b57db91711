/**
 * A program that cannot be asked: its signed reports are the truth, the latest one counts, and nothing else does. The store is real.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { JitError } from '../../../src/core/errors.ts';
import { signedCall, withHeaders } from '../../fakes/incidents/webhook.ts';
import { iso, report, signal, START, withSource } from './world.ts';

const fails =
  (code: string) =>
  (thrown: unknown): boolean =>
    thrown instanceof JitError && thrown.code === code && !/canary|checkout/.test(thrown.message);

test('a report opens an incident that people find by its id and by its reference', async () => {
  await withSource('without', async ({ send, source, heard, program }) => {
    assert.equal(await source.find('INC-7', signal), null);
    await send('msg_1', report());
    const ada = { id: 'u1', name: 'Ada', email: 'ada@example.com' };
    const grace = { id: 'u2', name: 'Grace', email: null };
    const expected = {
      source: 'ours',
      id: '7',
      reference: 'INC-7',
      title: 'checkout is down',
      state: 'open',
      severity: 1,
      services: ['checkout'],
      responders: [ada, grace],
      commanders: [grace],
      onCall: [{ ...ada, tier: 1 }],
      openedAt: START - 60_000,
      url: 'https://incidents.example/7',
      mergedInto: null,
    };
    for (const text of ['7', 'INC-7']) assert.deepEqual(await source.find(text, signal), expected);
    assert.deepEqual(await source.look('7', signal), expected);
    assert.deepEqual(await source.open(signal), [expected]);
    assert.equal(await source.look('INC-7', signal), null, 'a reference is no id');
    for (const text of ['8', '', 'inc-7', "7' OR 1=1"]) assert.equal(await source.find(text, signal), null);
    assert.deepEqual(heard, [{ event: `7@${START}`, id: '7', says: 'changed' }]);
    assert.deepEqual(program.asked, []);
  });
});

test('the least that can be reported is enough, and what is not said is not guessed', async () => {
  await withSource('without', async ({ send, source }) => {
    const { id } = report();
    await send('msg_1', { id, title: 'down', state: 'open', opened_at: iso(START), updated_at: iso(START) });
    const found = await source.look(id, signal);
    assert.deepEqual(
      [found?.reference, found?.severity, found?.services, found?.responders, found?.onCall, found?.url],
      ['7', null, [], [], [], null],
    );
    await send('msg_2', report({ severity: 'SEV9', updated_at: iso(START + 1) }));
    assert.equal((await source.look(id, signal))?.severity, null, 'a name that nobody has ranked');
  });
});

test('closed, reopened, merged: each later report counts, and nobody is on call for what is over', async () => {
  await withSource('without', async (world) => {
    const { send, source, heard } = world;
    const told = async (step: number, over: object): Promise<void> => {
      world.clock.now = START + step;
      await send(`msg_${step}`, report({ updated_at: iso(world.clock.now), ...over }));
    };
    await told(1, {});
    await told(2, { state: 'closed' });
    const closed = await source.look('7', signal);
    assert.deepEqual([closed?.state, closed?.onCall, await source.open(signal)], ['closed', [], []]);
    await told(3, { state: 'open' });
    assert.equal((await source.look('7', signal))?.state, 'open');
    await told(4, { state: 'open', merged_into: '8' });
    const merged = await source.look('7', signal);
    assert.deepEqual([merged?.state, merged?.mergedInto], ['closed', '8']);
    assert.deepEqual(
      heard.map(({ says }) => says),
      ['changed', 'closed', 'changed', 'closed'],
    );
  });
});

test('a late report, and one that says something else of the same moment, change nothing', async () => {
  await withSource('without', async ({ send, source, heard }) => {
    await send('msg_2', report({ state: 'closed', updated_at: iso(START + 2) }));
    await send('msg_1', report({ updated_at: iso(START + 1) }));
    assert.equal((await source.look('7', signal))?.state, 'closed');
    await assert.rejects(send('msg_3', report({ state: 'open', updated_at: iso(START + 2) })), fails('ERR_BODY'));
    assert.equal((await source.look('7', signal))?.state, 'closed');
    assert.equal(heard.length, 1);
    // The same moment and the same words, in another order and another zone.
    const again = Object.fromEntries(Object.entries(report({ state: 'closed' })).toReversed());
    await send('msg_4', { ...again, updated_at: iso(START + 2).replace('Z', '+00:00') });
    assert.equal(heard.length, 1);
  });
});

test('a report from the future would silence all that follow, and is refused', async () => {
  await withSource('without', async ({ send, source }) => {
    await assert.rejects(send('msg_1', report({ updated_at: iso(START + 300_001) })), fails('ERR_BODY'));
    assert.equal(await source.look('7', signal), null);
    await send('msg_2', report({ updated_at: iso(START + 300_000) }));
    assert.notEqual(await source.look('7', signal), null);
  });
});

test('a thousand of the same at once are one signal, and so are a thousand messages with the same words', async () => {
  await withSource('without', async (world) => {
    const { program, hook, send, heard } = world;
    const call = signedCall(program.secret, 'msg_1', JSON.stringify(report()), START);
    await Promise.all(Array.from({ length: 1_000 }, async () => hook(call)));
    assert.equal(heard.length, 1);
    await Promise.all(Array.from({ length: 1_000 }, async (_, at) => send(`msg_other_${at}`, report())));
    assert.equal(heard.length, 1);
  });
});

test('a replay is as old as what it says: after a restart, and after a newer report', async () => {
  await withSource('without', async (world) => {
    const opened = signedCall(world.program.secret, 'msg_1', JSON.stringify(report()), START);
    await world.hook(opened);
    await world.send('msg_2', report({ state: 'closed', updated_at: iso(START + 1) }));
    const { hook, source } = world.reopen();
    await hook(opened);
    assert.equal((await source.look('7', signal))?.state, 'closed');
    assert.equal(world.heard.length, 2);
    world.clock.now = START + 300_001 + 1_000;
    await assert.rejects(hook(opened), fails('ERR_NOT_SIGNED_IN'), 'older than five minutes');
  });
});

test('what could not be told is told when it is sent again, and is remembered meanwhile', async () => {
  await withSource('without', async (world) => {
    world.clock.deaf = 1;
    await assert.rejects(world.send('msg_1', report()));
    assert.notEqual(await world.source.look('7', signal), null);
    assert.deepEqual(world.heard, []);
    await world.send('msg_1', report());
    assert.equal(world.heard.length, 1);
  });
});

test('a call that is not surely signed is refused and remembered by nobody', async () => {
  await withSource('without', async ({ program, hook, source, heard }) => {
    const body = JSON.stringify(report());
    const good = signedCall(program.secret, 'msg_1', body, START);
    const headers = Object.fromEntries(
      ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [name, good.header(name) ?? '']),
    );
    const other = `whsec_${Buffer.alloc(32).toString('base64')}`;
    for (const call of [
      withHeaders({}, body),
      withHeaders({ ...headers, 'webhook-signature': '' }, body),
      withHeaders({ ...headers, 'webhook-id': 'msg_2' }, body),
      withHeaders({ ...headers, 'webhook-timestamp': String(START / 1_000 + 1) }, body),
      withHeaders(headers, `${body} `),
      withHeaders(headers, body.replace('"open"', '"closed"')),
      withHeaders({ ...headers, 'webhook-signature': (headers['webhook-signature'] ?? '').toUpperCase() }, body),
      signedCall(other, 'msg_1', body, START),
      signedCall(program.secret, 'msg_1', body, START - 301_000),
      signedCall(program.secret, 'msg_1', body, START + 301_000),
    ]) {
      await assert.rejects(hook(call), fails('ERR_NOT_SIGNED_IN'));
    }
    assert.equal(await source.look('7', signal), null);
    assert.deepEqual(heard, []);
    await hook(good);
    assert.equal(heard.length, 1);
  });
});

test('what is signed and not in the form is refused, without its words', async () => {
  await withSource('without', async ({ program, hook, send, heard }) => {
    let count = 0;
    const refused = async (body: string | Uint8Array): Promise<void> => {
      const call = signedCall(program.secret, `msg_${(count += 1)}`, body, START);
      await assert.rejects(hook(call), fails('ERR_BODY'), Buffer.from(body).toString('latin1').slice(0, 200));
    };
    for (const over of [
      { canary: 1 },
      { state: 'canary' },
      { id: '../7' },
      { id: '.7' },
      { id: '' },
      { id: 'x'.repeat(129) },
      { reference: 'INC 7' },
      { title: 'canary\n' },
      { title: '' },
      { title: 'x'.repeat(201) },
      { severity: 1 },
      { services: ['a\u202eb'] },
      { services: Array.from({ length: 201 }, () => 'a') },
      { responders: [{ id: 'u1' }] },
      { responders: [{ id: 'u 1', name: 'Ada' }] },
      { commanders: [{ id: 'u1', name: 'Ada', email: 'canary' }] },
      { commanders: [{ id: 'u1', name: 'Ada', email: 'a@b@c' }] },
      { on_call: [{ id: 'u1', name: 'Ada' }] },
      { on_call: [{ id: 'u1', name: 'Ada', tier: 0 }] },
      { opened_at: 'canary' },
      { updated_at: '2027-01-15T08:00:00' },
      { updated_at: START },
      { url: 'javascript:canary()' },
      { url: 'http://canary.example/' },
      { merged_into: 7 },
    ]) {
      await refused(JSON.stringify(report(over)));
    }
    await refused('');
    await refused('canary');
    await refused('[]');
    await refused('null');
    await refused(`{"id":"7",${JSON.stringify(report()).slice(1)}`);
    await refused('['.repeat(100_000));
    await refused(Buffer.from('{"id":"\xff"}', 'latin1'));
    assert.deepEqual(heard, []);
    await send('msg_good', report());
  });
});

test('in whatever order reports come and however often, the state is that of the latest', async () => {
  const step = fc.record({ at: fc.integer({ min: 0, max: 9 }), copies: fc.integer({ min: 1, max: 3 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      await withSource('without', async ({ send, source, heard }) => {
        for (const [index, { at, copies }] of steps.entries()) {
          const told = report({ state: at % 2 === 0 ? 'open' : 'closed', updated_at: iso(START + at) });
          for (let copy = 0; copy < copies; copy += 1) await send(`msg_${index}_${copy}`, told);
        }
        const latest = Math.max(...steps.map(({ at }) => at));
        assert.equal((await source.look('7', signal))?.state, latest % 2 === 0 ? 'open' : 'closed');
        assert.equal(new Set(heard.map(({ event }) => event)).size, heard.length, 'each once');
        assert.equal(heard.at(-1)?.event, `7@${START + latest}`);
      });
    }),
    { numRuns: 20 },
  );
});
