/**
 * Words of others stay words, in every medium: random hostile text in every place of a notice.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { letterOf } from '../../src/notify/email/letter.ts';
import { foreign, isWhole } from '../../src/notify/foreign.ts';
import { slackMessage, supersededMessage } from '../../src/notify/slack/blocks.ts';
import { teamsMessage } from '../../src/notify/teams/card.ts';
import { wordsOf } from '../../src/notify/words.ts';
import { hostile, INVISIBLE, LINK, noticeOf, sampleNotice, TRICKS } from './samples.ts';

const OURS = new Set(['Open at the broker']);

/** Every text in a document, with the object that holds it. */
function texts(
  value: unknown,
  holder: Readonly<Record<string, unknown>> = {},
): { holder: Readonly<Record<string, unknown>>; text: string }[] {
  if (typeof value === 'string') return [{ holder, text: value }];
  if (Array.isArray(value)) return value.flatMap((each) => texts(each, holder));
  if (typeof value !== 'object' || value === null) return [];
  const object: Readonly<Record<string, unknown>> = { ...value };
  return Object.values(object).flatMap((each) => texts(each, object));
}

test('a text of somebody else is one visible line in which no program finds a link', () => {
  for (const trick of TRICKS) {
    assert.doesNotMatch(foreign(trick), LINK, trick);
    assert.doesNotMatch(foreign(trick), INVISIBLE, trick);
  }
  fc.assert(
    fc.property(hostile, (text) => {
      assert.doesNotMatch(foreign(text), LINK);
      assert.doesNotMatch(foreign(text), INVISIBLE);
    }),
    { numRuns: 2_000 },
  );
});

test('a text that is cut short has no link where it was cut', () => {
  for (const trick of TRICKS.map((each) => `x${each}`)) {
    for (let limit = 1; limit <= trick.length; limit += 1) {
      assert.doesNotMatch(foreign(trick, limit), LINK, `${trick} cut after ${limit}`);
    }
  }
});

test('an ordinary text is told as it was typed', () => {
  for (const text of [
    'roll out 2.4.1, see OPS-12',
    'restart web-1 & web-2 <now>',
    'Straße, 例, e.g. 5 % at 10:30',
    'arn:aws:s3:::web/*',
  ]) {
    assert.equal(foreign(text), text);
  }
  assert.equal(foreign('https://wiki.example/x'), 'https[:]//wiki[.]example/x');
  assert.equal(isWhole('x'.repeat(300)), true);
  assert.equal(isWhole('x'.repeat(301)), false);
});

test('Slack is given text of others in plain_text objects only, with its markup escaped', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const notice = noticeOf(text);
      for (const message of [slackMessage(notice, 'with buttons'), supersededMessage(notice)]) {
        const fixed = slackMessage(sampleNotice('denied'), 'with buttons');
        assert.equal(message.text, fixed.text, 'outside of blocks there are our own words only');
        for (const { holder, text: each } of texts(message.blocks)) {
          if (each === notice.url || each === notice.id) continue;
          if (holder['type'] === 'mrkdwn') assert.match(each, /^(?:mrkdwn|\*[a-z ]+\*)$/);
          assert.doesNotMatch(each, /[<>]|&(?!(?:amp|lt|gt);)/);
          assert.doesNotMatch(each, LINK);
          assert.doesNotMatch(each, INVISIBLE);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('buttons of Slack carry the id of the notice and nothing that somebody typed', () => {
  const message = slackMessage(noticeOf('<!channel> evil.com'), 'with buttons');
  const values = texts(message.blocks).filter(({ holder, text }) => holder['value'] === text);
  assert.deepEqual(new Set(values.map(({ text }) => text)), new Set([noticeOf('x').id]));
});

test('Teams is given text of others in runs only, which know no markup', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const notice = noticeOf(text);
      for (const { holder, text: each } of texts(teamsMessage(notice))) {
        if (holder['type'] === 'TextRun') {
          assert.doesNotMatch(each, LINK);
          assert.doesNotMatch(each, INVISIBLE);
        } else if (holder['type'] === 'TextBlock' && holder['text'] === each) {
          assert.equal(each, wordsOf(sampleNotice('denied')).headline);
        } else if (holder['type'] === 'Action.OpenUrl') {
          assert.ok(['Action.OpenUrl', notice.url].includes(each) || OURS.has(each));
        }
      }
      assert.doesNotMatch(JSON.stringify(teamsMessage(notice)), /msteams|entities/);
    }),
    { numRuns: 500 },
  );
});

test('a letter has one subject line, and every line of somebody else begins with a bar', () => {
  const addresses = { from: 'jit@example.com', to: ['ops@example.com'], approvers: {}, people: [] };
  const labels = new Set(wordsOf(noticeOf('x')).facts.map(({ label }) => `${label}:`));
  fc.assert(
    fc.property(hostile, (text) => {
      const notice = noticeOf(text);
      const letter = letterOf(notice, addresses);
      assert.ok(letter !== null);
      assert.doesNotMatch(letter.subject, INVISIBLE);
      assert.doesNotMatch(letter.subject, LINK);
      const lines = letter.text.split('\n');
      for (const line of lines) {
        if (line.startsWith('  | ')) {
          assert.doesNotMatch(line, LINK);
          assert.doesNotMatch(line, INVISIBLE);
          continue;
        }
        const own = ['', 'access request: denied', 'Open it at the broker:', notice.url ?? ''];
        assert.ok(own.includes(line) || labels.has(line), JSON.stringify(line));
      }
    }),
    { numRuns: 500 },
  );
});

test('what does not fit is said to be left out, and nobody can agree to it by a click', () => {
  const many = { target: 'prod', environment: 'production', operation: 'x', actions: ['a:b'], resources: ['r'] };
  assert.equal(wordsOf(sampleNotice()).complete, true);
  for (const over of [
    { reason: 'x'.repeat(601) },
    { reason: '&'.repeat(600) },
    { permissions: Array.from({ length: 9 }, () => many) },
    { permissions: [{ ...many, resources: Array.from({ length: 13 }, (_, at) => `r${at}`) }] },
    { permissions: [{ ...many, resources: ['r'.repeat(301)] }] },
    { permissions: [{ ...many, resources: Array.from({ length: 12 }, () => 'r'.repeat(290)) }] },
  ]) {
    const words = wordsOf(sampleNotice('approval-needed', over));
    assert.equal(words.complete, false);
    assert.ok(words.facts.some(({ value }) => /see the page|more\)/.test(value)));
  }
});

test('a message stays within what Slack and Teams take, whatever is in the request', () => {
  const huge = Array.from({ length: 50 }, () => `&<>${'\u{1f600}'.repeat(700)}`);
  const permission = { target: 't', environment: 'e', operation: 'o', actions: huge, resources: huge };
  const notice = sampleNotice(
    'denied',
    { permissions: Array.from({ length: 20 }, () => permission), reason: '<'.repeat(1_000) },
    { why: '\u202e'.repeat(4_000) },
  );
  const message = slackMessage(notice, 'with buttons');
  assert.ok(message.blocks.length <= 50);
  for (const { text } of texts(message.blocks)) assert.ok(text.length <= 2_000, String(text.length));
  assert.ok(Buffer.byteLength(JSON.stringify(teamsMessage(notice))) <= 28_000);
});
