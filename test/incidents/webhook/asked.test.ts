/**
 * A program that can be asked: its calls are a reason to ask, and only its answer, over real HTTP, counts.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { signedCall } from '../../fakes/incidents/webhook.ts';
import { iso, report, signal, START, withSource } from './world.ts';

const isUntrusted = (thrown: unknown): boolean =>
  thrown instanceof JitError && thrown.code === 'ERR_INCIDENT_SOURCE' && !/canary|127\.0\.0\.1/.test(thrown.message);

test('what a call says is not believed: the answer is', async () => {
  await withSource('with look-up', async ({ send, source, heard, program }) => {
    program.incidents.set('7', report());
    await send('msg_1', report({ state: 'closed', updated_at: iso(START + 1) }));
    assert.deepEqual(heard, [{ event: 'msg_1', id: '7', says: 'closed' }]);
    assert.equal((await source.look('7', signal))?.state, 'open');
    program.incidents.set('7', report({ state: 'closed' }));
    assert.equal((await source.look('7', signal))?.state, 'closed');
    // One that says another thing of the same moment is one more reason to ask.
    await send('msg_2', report({ updated_at: iso(START + 1) }));
    assert.equal(heard.length, 2);
  });
});

test('a close that comes late, or after something newer, is no more than a reason to look', async () => {
  await withSource('with look-up', async ({ send, heard, clock }) => {
    await send('msg_1', report({ updated_at: iso(START) }));
    await send('msg_2', report({ state: 'closed', updated_at: iso(START - 1) }));
    clock.now = START + 400_000;
    await send('msg_3', report({ state: 'closed', updated_at: iso(START + 99_999) }));
    await send('msg_4', report({ state: 'closed', updated_at: iso(START + 100_000) }));
    assert.deepEqual(
      heard.map(({ says }) => says),
      ['changed', 'changed', 'changed', 'closed'],
    );
  });
});

test('people find an incident by what they call it, and one that does not exist by nothing', async () => {
  await withSource('with look-up', async ({ source, program }) => {
    program.incidents.set('7', report({ reference: '#7' }));
    assert.equal((await source.find('#7', signal))?.id, '7');
    assert.equal((await source.find('7', signal))?.id, '7');
    assert.equal(await source.find('8', signal), null);
    const before = program.asked.length;
    for (const text of ['..', '../admin', '7/notes', '7?x=1', '', ' 7', 'x'.repeat(129), '%2e%2e']) {
      assert.equal(await source.find(text, signal), null, text);
      assert.equal(await source.look(text, signal), null, text);
    }
    assert.equal(program.asked.length, before, 'what cannot be an id is asked of nobody');
  });
});

test('an answer that is not surely right counts for nothing', async () => {
  await withSource('with look-up', async (world) => {
    const { source, program } = world;
    const json = (value: object): string => JSON.stringify(value);
    for (const answer of [
      { status: 500 },
      { status: 401 },
      { status: 204, body: '' },
      { status: 302 },
      { status: 200, body: 'canary' },
      { status: 200, body: '' },
      { status: 200, body: json(report()), type: 'text/html' },
      { status: 200, body: json(report()).slice(0, 100) },
      { status: 200, body: json(report({ canary: 1 })) },
      { status: 200, body: json([report()]) },
      { status: 200, body: json(report({ id: '8', reference: 'INC-8' })) },
      { status: 200, body: json(report({ id: '8', reference: '7' })) },
      { status: 200, body: `${json(report()).slice(0, -1)},"x":"${'x'.repeat(2_000_000)}"}` },
    ]) {
      program.next.push(answer);
      await assert.rejects(source.look('7', signal), isUntrusted, json(answer).slice(0, 200));
    }
    program.incidents.set('7', report());
    assert.equal((await source.look('7', signal))?.id, '7');
    program.next.push('hang');
    await assert.rejects(source.look('7', AbortSignal.timeout(100)), isUntrusted);
    await program.end();
    await assert.rejects(source.look('7', signal), isUntrusted);
  });
});

test('the open ones are those that were heard of and are still open when they are asked for', async () => {
  await withSource('with look-up', async ({ send, source, program }) => {
    for (const [at, state] of ['open', 'open', 'closed', 'open'].entries()) {
      const one = report({
        id: `${at}`,
        reference: `INC-${at}`,
        opened_at: iso(START + at),
        updated_at: iso(START + at),
      });
      await send(`msg_${at}`, one);
      if (at !== 1) program.incidents.set(one.id, { ...one, state });
    }
    assert.deepEqual(
      (await source.open(signal)).map(({ id }) => id),
      ['3', '0'],
    );
    program.next.push({ status: 500 });
    await assert.rejects(source.open(signal), isUntrusted, 'a shorter answer is a wrong one');
  });
});

test('a thousand copies of a call are one signal, and a replay is none', async () => {
  await withSource('with look-up', async ({ program, hook, heard }) => {
    const call = signedCall(program.secret, 'msg_1', JSON.stringify(report()), START);
    await Promise.all(Array.from({ length: 1_000 }, async () => hook(call)));
    await hook(call);
    assert.equal(heard.length, 1);
  });
});
