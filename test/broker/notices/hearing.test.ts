/**
 * The warning where nobody would hear of emergency access, for configurations as they are written.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBrokerConfig } from '../../../src/broker/config/config.ts';
import { unheard } from '../../../src/broker/notices/hearing.ts';

const INCIDENTS = 'incidents: { pager: { type: file, file: incidents.yaml } }\n';
const of = (notify: string, incidents = INCIDENTS): string | null =>
  unheard(parseBrokerConfig(`${incidents}${notify}`, 'test.yaml'));

const SLACK = 'type: slack, token: { file: t }, people: [{ team: T0123ABCD, user: U0123ABCD, issuer: i, subject: s }]';
const MAIL = 'type: email, host: localhost, tls: none, from: jit@example.com';

test('with incidents and nobody to tell there is a warning, and without incidents there is none', () => {
  assert.match(of('') ?? '', /nobody is told/);
  assert.equal(of('', ''), null);
});

test('each notifier that tells others is enough, as it is by default', () => {
  for (const one of [
    `${SLACK}, channel: C0123ABCD`,
    `${SLACK}, channel: C0123ABCD, groups: [leads]`,
    'type: teams, url: { file: u }',
    'type: webhook, url: "https://siem.example", secrets: [{ file: s }]',
    `${MAIL}, to: [sre@example.com]`,
    `${MAIL}, approvers: { leads: [lead@example.com] }`,
  ]) {
    assert.equal(of(`notify: { one: { ${one} } }`), null, one);
  }
});

test('one that leaves it out, or tells the holder alone, is not', () => {
  for (const one of [
    `${SLACK}, channel: C0123ABCD, on: [approval-needed, stuck]`,
    `${SLACK}, channel: requester, on: [break-glass]`,
    'type: teams, url: { file: u }, on: [review-open]',
    `${MAIL}, people: [{ issuer: i, subject: s, address: ada@example.com }]`,
  ]) {
    assert.match(of(`notify: { one: { ${one} } }`) ?? '', /nobody is told/, one);
  }
});
