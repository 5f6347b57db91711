/**
 * `kill -9` of a real process that tells notices to a server that behaves as Slack does, while that server goes down and comes
 * back: everything is told at least once, and what is told twice can be seen to be.
 * @module
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSqliteStore } from '../../../src/broker/store/sqlite/store.ts';
import { noticeId } from '../../../src/core/notice.ts';
import { startSlack } from '../../fakes/slack.ts';
import { sampleNotice } from '../../notify/samples.ts';
import { inFolder } from '../store/places.ts';
import { req, submission } from '../store/samples.ts';
import { settled } from './world.ts';

const NOTICES = 12;

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

test('what is stored is told, however often the teller is killed and although Slack was down', async () => {
  await inFolder(async (folder) => {
    const [file, token] = [join(folder, 'broker.db'), join(folder, 'token')];
    let slack = await startSlack();
    const port = Number(new URL(slack.api).port);
    await writeFile(token, `${slack.token}\n`, { mode: 0o600 });
    const store = await openSqliteStore({ file, now: Date.now });
    for (let number = 1; number <= NOTICES; number++) {
      const notice = {
        ...sampleNotice('approval-needed', { id: req(number) }),
        id: noticeId(req(number), 'approval-needed', 1),
        at: Date.now(),
      };
      await store.commit({ ...submission({ number }), notices: [{ notice, notifiers: ['chat'] }] });
    }
    await store.close();
    const seen: string[] = [];
    const start = (): ChildProcess =>
      spawn(process.execPath, [join(import.meta.dirname, 'teller.ts'), file, slack.api, token], { stdio: 'inherit' });
    let child = start();
    try {
      // Down from the start of the first, killed before it is back; then killed in the middle of telling.
      await slack.end();
      await new Promise((resolve) => setTimeout(resolve, 500));
      await kill(child);
      slack = await startSlack(port);
      slack.delayMs = 200;
      for (let kills = 0; kills < 3; kills++) {
        child = start();
        const enough = slack.posts.length + 1;
        await settled(() => assert.ok(slack.posts.length >= enough), 60_000);
        await kill(child);
      }
      child = start();
      const told = (): Set<string> =>
        new Set(slack.posts.map(({ body }) => /req_[0-9a-z]{26}/.exec(String(body['text']))?.[0] ?? ''));
      await settled(() => assert.equal(told().size, NOTICES), 120_000);
      seen.push(...slack.seen);
    } finally {
      await kill(child);
      await slack.end();
    }
    const after = await openSqliteStore({ file, now: Date.now });
    try {
      assert.ok(seen.length < NOTICES * 3, 'repeats are the exception');
      assert.doesNotMatch(seen.join(), /canary/);
    } finally {
      await after.close();
    }
  });
});
