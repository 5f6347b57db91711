/**
 * What the configuration of notifiers may say, and what is said about what it may not.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { notifySchema } from '../../../src/broker/config/notify.ts';

/** The fields that are wrong with an entry, each with what is said; empty for a good one. */
function problems(text: string): string[] {
  const read = notifySchema.safeParse(parse(text), { reportInput: false });
  return read.success ? [] : read.error.issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`);
}

const SLACK = `
type: slack
token: { file: slack-token }
channel: C0123ABCD
`;
const BUTTONS = `${SLACK}
approve: buttons
signing_secrets: [{ file: new }, { file: old, until: '2027-01-31T12:00:00Z' }]
people: [{ team: T0123ABCD, user: U0123ABCD, issuer: https://id.example, subject: ada }]
`;
const TEAMS = 'type: teams\nurl: { file: teams-url }\n';
const WEBHOOK = 'type: webhook\nurl: https://audit.example/in\nsecrets: [{ file: hook }]\n';
const EMAIL = 'type: email\nhost: smtp.example\nfrom: jit@example.com\nto: [sre@example.com]\n';

test('the shortest entries are good, and buttons are off where nothing is said', () => {
  for (const text of [SLACK, BUTTONS, TEAMS, WEBHOOK, EMAIL]) assert.deepEqual(problems(text), [], text);
  const read = notifySchema.parse(parse(SLACK));
  assert.ok(read.type === 'slack');
  assert.equal(read.approve, 'page');
  assert.equal(read.api, 'https://slack.com/api');
  const decided = ['approved', 'denied', 'cancelled', 'timed-out'];
  assert.deepEqual(read.on, ['approval-needed', ...decided, 'stuck', 'break-glass', 'review-open']);
  const people = '[{ team: T0123ABCD, user: U0123ABCD, issuer: i, subject: s }]';
  const inPerson = notifySchema.parse(parse(`${SLACK.replace('C0123ABCD', 'requester')}people: ${people}`));
  assert.deepEqual(inPerson.on, ['approved', 'denied', 'timed-out', 'incident-closing']);
});

test('a secret is named by its file and never written down', () => {
  for (const text of [
    SLACK.replace('{ file: slack-token }', 'xoxb-canary'),
    SLACK.replace('file: slack-token', 'value: xoxb-canary'),
    TEAMS.replace('{ file: teams-url }', 'https://canary.example/?sig=canary'),
    WEBHOOK.replace('[{ file: hook }]', '[whsec_canary]'),
    `${EMAIL}user: jit\npassword: canary\n`,
    `${EMAIL}user: jit\npassword: { env: canary }\n`,
  ]) {
    const found = problems(text);
    assert.ok(found.length > 0, text);
    assert.doesNotMatch(found.join(), /canary\./);
  }
});

test('buttons need secrets and people, and nobody approves in person', () => {
  assert.deepEqual(problems(`${SLACK}approve: buttons`), [
    'signing_secrets: needed for buttons, so that a click is known to be from Slack',
    'people: who is who in Slack, for buttons',
  ]);
  assert.deepEqual(problems(BUTTONS.replace('C0123ABCD', 'requester')), [
    'approve: page: nobody approves their own requests',
  ]);
  assert.deepEqual(problems(SLACK.replace('C0123ABCD', 'requester')), [
    'people: who is who in Slack, for channel: requester',
  ]);
  assert.deepEqual(
    problems(BUTTONS.replace('[{ team:', '[{ team: T0123ABCD, user: U0123ABCD, issuer: x, subject: y }, { team:')),
    ['people: a user stands there twice'],
  );
});

test('addresses that lead elsewhere than they should are refused', () => {
  for (const url of [
    'http://audit.example/in',
    'https://10.0.0.1/in',
    'https://127.0.0.1/in',
    'https://u:p@audit.example/',
    'https://169.254.169.254/',
    'ftp://x',
  ]) {
    assert.equal(problems(WEBHOOK.replace('https://audit.example/in', url)).length, 1, url);
    assert.equal(problems(`${SLACK}api: ${url}`).length, 1, url);
  }
  assert.deepEqual(
    problems(`${WEBHOOK.replace('https://audit.example/in', 'http://127.0.0.1:9/in')}allow_private_addresses: true`),
    [],
  );
  assert.deepEqual(problems(`${EMAIL}tls: none`), [
    'tls: starttls or implicit: only this host itself is reached without',
  ]);
  assert.deepEqual(problems(`${EMAIL.replace('smtp.example', 'localhost')}tls: none`), []);
});

test('addresses of mail are addresses and nothing else', () => {
  for (const address of [
    'Ada <ada@example.com>',
    'ada',
    'ada@',
    '@example.com',
    'a@b@c.example',
    '"a b"@example.com',
    'ada@example.com, eve@example.com',
    'ada@[127.0.0.1]',
    'a..b@example.com',
  ]) {
    assert.equal(problems(EMAIL.replace('[sre@example.com]', `['${address}']`)).length, 1, address);
    assert.equal(problems(EMAIL.replace('from: jit@example.com', `from: '${address}'`)).length, 1, address);
  }
  assert.equal(problems(EMAIL.replace('[sre@example.com]', '["a@example.com\\nBcc: eve@example.com"]')).length, 1);
  assert.deepEqual(problems(EMAIL.replace('to: [sre@example.com]', '')), [
    'to: somebody to write to, here or in approvers or people',
  ]);
  assert.deepEqual(problems(`${EMAIL}user: jit`), ['user: user and password go together']);
});

test('what is not known is refused', () => {
  for (const [text, field] of [
    [`${SLACK}chanel: x`, 'chanel'],
    [`${SLACK}on: [approval]`, 'on'],
    [`${SLACK}on: []`, 'on'],
    [SLACK.replace('C0123ABCD', '"#approvals"'), 'channel'],
    [SLACK.replace('C0123ABCD', 'U0123ABCD'), 'channel'],
    [BUTTONS.replace('team: T0123ABCD', 'team: example'), 'team'],
    [BUTTONS.replace('user: U0123ABCD', 'user: ada'), 'user'],
    [BUTTONS.replace('2027-01-31T12:00:00Z', 'tomorrow'), 'until'],
    [WEBHOOK.replace('[{ file: hook }]', '[{ file: a }, { file: b }, { file: c }]'), 'secrets'],
    ['type: pager', 'type'],
  ] as const) {
    const read = notifySchema.safeParse(parse(text));
    assert.equal(read.success, false, text);
    assert.match(JSON.stringify(read.error?.issues), new RegExp(field), text);
  }
});
