/**
 * Telling, with a real store, real time and notifiers that fail in every way.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Delivery, Notice, Notifier } from '../../../src/core/notice.ts';
import { delayMs, GIVE_UP_MS } from '../../../src/broker/notices/backoff.ts';
import { glassNotice } from '../../notify/samples.ts';
import { decided, req } from '../store/samples.ts';
import { noticeFor, SENT, settled, submit, withWorld } from './world.ts';

/** Answers in turn, the last one for ever, and remembers what it was asked to tell. */
function scripted(
  name: string,
  ...answers: (Delivery | (() => Promise<Delivery>))[]
): Notifier & { readonly told: Notice[]; readonly earlier: (string | null)[] } {
  const told: Notice[] = [];
  const earlier: (string | null)[] = [];
  return {
    name,
    told,
    earlier,
    deliver: async (notice, receipt) => {
      told.push(notice);
      earlier.push(receipt);
      const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? SENT;
      return typeof answer === 'function' ? answer() : answer;
    },
  };
}

const later: Delivery = { kind: 'later', afterMs: null, problem: 'it is down' };
const hang = async (): Promise<Delivery> => new Promise(() => undefined);

test('what is stored is told by each of its notifiers, at once when they are woken, and the receipt comes back', async () => {
  await withWorld(async ({ store, start }) => {
    const [chat, mail] = [scripted('chat', { kind: 'delivered', receipt: 'message 1' }), scripted('mail')];
    const delivery = start([chat, mail]);
    await store.commit(submit(1, 'chat', 'mail'));
    delivery.wake();
    await settled(() => assert.deepEqual([chat.told.length, mail.told.length], [1, 1]));
    assert.deepEqual(chat.told[0], noticeFor(1));
    await settled(async () => assert.equal(await store.noticeReceipt('chat', req(1)), 'message 1'));
    await store.commit({ entries: [], notices: [{ notice: noticeFor(1, 'approved', 2), notifiers: ['chat'] }] });
    delivery.wake();
    await settled(() => assert.deepEqual(chat.earlier, [null, 'message 1']));
  });
});

test('a notifier that hangs and one that throws hold up neither the others nor a commit', async () => {
  await withWorld(async ({ store, start, lines }) => {
    const good = scripted('good');
    const broken = scripted('broken', async () => Promise.reject(new TypeError('canary')));
    const delivery = start([scripted('hangs', hang), good, broken], { attemptMs: 200 });
    for (let number = 1; number <= 50; number++) await store.commit(submit(number, 'hangs', 'broken', 'good'));
    delivery.wake();
    await settled(() => assert.equal(good.told.length, 50));
    await settled(() =>
      assert.ok(
        lines.some(({ fields }) => fields['notifier'] === 'hangs' && fields['problem'] === 'no answer in time'),
      ),
    );
    await settled(() =>
      assert.ok(lines.some(({ fields }) => fields['notifier'] === 'broken' && fields['problem'] === 'ERR_UNEXPECTED')),
    );
    assert.doesNotMatch(JSON.stringify(lines), /canary/);
  });
});

test('one that is down for a while is asked again, ever less often, and then tells everything once', async () => {
  await withWorld(async ({ store, start, clock }) => {
    const chat = scripted('chat', later, later, later, SENT);
    const delivery = start([chat]);
    await store.commit(submit(1, 'chat'));
    delivery.wake();
    await settled(() => assert.equal(chat.told.length, 1));
    // The pause after the first failure is at least a second, whoever wakes it.
    await settled(async () => assert.ok(((await store.nextNotice('chat')) ?? 0) >= noticeFor(1).at + 1_000));
    await settled(() => {
      clock.ahead += 1_000;
      delivery.wake();
      assert.equal(chat.told.length, 4);
    });
    await settled(async () => assert.equal(await store.nextNotice('chat'), null));
    assert.equal(new Set(chat.told.map(({ id }) => id)).size, 1);
  });
});

test('a rate limit holds up the whole notifier for as long as was asked, and nobody else', async () => {
  await withWorld(async ({ store, start, clock }) => {
    const limited = scripted('chat', { kind: 'later', afterMs: 60_000, problem: 'status 429' }, SENT);
    const other = scripted('mail');
    const delivery = start([limited, other]);
    await store.commit(submit(1, 'chat'));
    delivery.wake();
    await settled(() => assert.equal(limited.told.length, 1));
    await settled(async () => assert.ok(((await store.nextNotice('chat')) ?? 0) >= noticeFor(1).at + 60_000));
    await store.commit(submit(2, 'chat', 'mail'));
    clock.ahead += 55_000;
    delivery.wake();
    await settled(() => assert.equal(other.told.length, 1));
    assert.equal(limited.told.length, 1);
    clock.ahead += 10_000;
    delivery.wake();
    await settled(() => assert.equal(limited.told.length, 3));
  });
});

test('nobody is asked to approve what has been decided meanwhile, but they are told what was decided', async () => {
  await withWorld(async ({ store, start, clock }) => {
    const chat = scripted('chat', later, SENT);
    const delivery = start([chat]);
    await store.commit(submit(1, 'chat'));
    delivery.wake();
    await settled(async () => assert.ok(((await store.nextNotice('chat')) ?? 0) > noticeFor(1).at + 500));
    const read = await store.request(req(1));
    assert.ok(read !== null);
    const change = decided(read, { state: 'denied', why: 'no' });
    await store.commit({ ...change, notices: [{ notice: noticeFor(1, 'denied', 2), notifiers: ['chat'] }] });
    clock.ahead += 10_000;
    delivery.wake();
    await settled(async () => assert.equal(await store.nextNotice('chat'), null));
    assert.deepEqual(
      chat.told.map(({ kind }) => kind),
      ['approval-needed', 'denied'],
    );
  });
});

test('of emergency access that was given people hear however late; that it waits for them, only while it does', async () => {
  await withWorld(async ({ store, start }) => {
    const chat = scripted('chat', SENT);
    await store.commit(submit(1, 'chat'));
    const read = await store.request(req(1));
    assert.ok(read !== null);
    const waits = noticeFor(1, 'break-glass', 2);
    const given = { ...noticeFor(1, 'break-glass', 3), grant: glassNotice().grant };
    const notices = [waits, given].map((notice) => ({ notice, notifiers: ['chat'] }));
    await store.commit({ ...decided(read, { state: 'denied', why: 'no' }), notices });
    start([chat]);
    await settled(async () => assert.equal(await store.nextNotice('chat'), null));
    assert.deepEqual(
      chat.told.map(({ id }) => id),
      [given.id],
    );
  });
});

test('an approval that could not be told in time is not told after the denial that followed it', async () => {
  await withWorld(async ({ store, start, clock }) => {
    const chat = scripted('chat', SENT, later, SENT);
    const delivery = start([chat]);
    await store.commit(submit(1, 'chat'));
    delivery.wake();
    await settled(() => assert.equal(chat.told.length, 1));
    await store.commit({ entries: [], notices: [{ notice: noticeFor(1, 'approved', 2), notifiers: ['chat'] }] });
    delivery.wake();
    await settled(() => assert.equal(chat.told.length, 2));
    const read = await store.request(req(1));
    assert.ok(read !== null);
    const change = decided(read, { state: 'denied', why: 'no' });
    await store.commit({ ...change, notices: [{ notice: noticeFor(1, 'denied', 3), notifiers: ['chat'] }] });
    clock.ahead += 60_000;
    delivery.wake();
    await settled(async () => assert.equal(await store.nextNotice('chat'), null));
    assert.deepEqual(
      chat.told.map(({ kind }) => kind),
      ['approval-needed', 'approved', 'denied'],
    );
  });
});

test('what is refused for good, or could not be told for a day, is given up with a line in the log and in the audit log', async () => {
  await withWorld(async ({ store, start, clock, lines }) => {
    const refusing = scripted('chat', { kind: 'refused', problem: 'Slack says channel_not_found' });
    const failing = scripted('mail', later);
    const delivery = start([refusing, failing]);
    await store.commit(submit(1, 'chat', 'mail'));
    delivery.wake();
    const entries = async (): Promise<string[]> =>
      (await store.entries({ from: 0, limit: 100 }))
        .map(({ line }) => line)
        .filter((line) => line.includes('request.untold'));
    await settled(async () => assert.equal((await entries()).length, 1));
    assert.match(
      (await entries())[0] ?? '',
      /"notice":"approval-needed","notifier":"chat","problem":"Slack says channel_not_found"/,
    );
    await settled(async () => assert.ok(((await store.nextNotice('mail')) ?? 0) > 0 && failing.told.length === 1));
    clock.ahead += GIVE_UP_MS;
    delivery.wake();
    await settled(async () => assert.equal((await entries()).length, 2));
    assert.equal(await store.nextNotice('mail'), null);
    const errors = lines.filter(({ level }) => level === 'error');
    assert.deepEqual(
      errors.map(({ fields }) => [fields['notifier'], fields['attempts']]),
      [
        ['chat', 1],
        ['mail', 2],
      ],
    );
  });
});

test('a stop breaks off what hangs, and the next start tells it', async () => {
  await withWorld(async ({ store, start, clock }) => {
    const hanging = scripted('chat', hang);
    const first = start([hanging]);
    await store.commit(submit(1, 'chat'));
    first.wake();
    await settled(() => assert.equal(hanging.told.length, 1));
    await first.stop();
    const chat = scripted('chat');
    const second = start([chat]);
    await settled(async () => {
      clock.ahead += 5_000;
      second.wake();
      assert.deepEqual(
        chat.told.map(({ id }) => id),
        [noticeFor(1).id],
      );
    });
  });
});

test('two brokers on one store tell everything, and nothing twice', async () => {
  await withWorld(async ({ store, start }) => {
    const told: string[] = [];
    const notifier: Notifier = { name: 'chat', deliver: async ({ id }) => (told.push(id), SENT) };
    const brokers = [start([notifier]), start([notifier])];
    for (let number = 1; number <= 200; number++) {
      await store.commit(submit(number, 'chat'));
      for (const { wake } of brokers) wake();
    }
    await settled(() => assert.equal(told.length, 200));
    assert.equal(new Set(told).size, 200);
  });
});

test('the pauses double up to ten minutes, are spread, and are never shorter than what was asked for', () => {
  assert.deepEqual(
    [1, 2, 3, 9, 10, 1_000].map((attempts) => delayMs(attempts, null, 0.5)),
    [2_000, 4_000, 8_000, 512_000, 600_000, 600_000],
  );
  assert.deepEqual([delayMs(1, null, 0), delayMs(1, null, 0.999)], [1_000, 2_998]);
  for (const chance of [0, 0.5, 0.999]) assert.ok(delayMs(1, 30_000, chance) >= 30_000);
  assert.ok(delayMs(1, 86_400_000, 0) <= 3_601_000, 'nobody is kept silent for ever');
});
