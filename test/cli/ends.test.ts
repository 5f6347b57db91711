/**
 * What people and scripts are told of a grant at its targets: what it was given, what it is called there, when and how it was
 * seen to be gone, or until when it could last. The first tests run the commands on outcomes of a broker; the last uses real programs.
 * @module
 */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { failedWords } from '../../src/cli/access/legs.ts';
import { revoke } from '../../src/cli/commands/revoke.ts';
import { showOutcome } from '../../src/cli/commands/show.ts';
import type { Context } from '../../src/cli/context.ts';
import type { Format } from '../../src/cli/output.ts';
import type { BrokerClient } from '../../src/client/client.ts';
import { JitError } from '../../src/core/errors.ts';
import type { GrantId, RequestId } from '../../src/core/ids.ts';
import type { GrantView, LegView, Outcome } from '../../src/wire/views.ts';
import { tempHome } from '../support/home.ts';
import { run } from '../support/run.ts';
import { succeeded } from './shared.ts';
import { RAW, testWorld, type TestWorld } from './world.ts';

const GRANT: GrantId = `gr_${'0'.repeat(26)}`;
const REQUEST: RequestId = `req_${'0'.repeat(26)}`;
const NOW = new Date(2026, 10, 22, 14, 3, 30).getTime();
const at = (seconds: number): string => new Date(NOW + seconds * 1_000).toISOString();

const leg = (target: string, over: Partial<LegView> = {}): LegView => ({
  target,
  provider: 'postgres',
  environment: 'prod',
  sandbox: false,
  state: 'issued',
  tool: null,
  name: `jit_${target}`,
  revocation: { kind: 'immediate' },
  notAfter: at(300),
  attempts: 0,
  problem: null,
  gone: null,
  ...over,
});

const gone = (target: string, seconds: number, proof: string): LegView =>
  leg(target, { state: 'gone', gone: { at: at(seconds), proof } });

function outcome(legs: readonly LegView[], over: Partial<GrantView> = {}): Outcome {
  const person = { kind: 'user' as const, issuer: 'https://id.test', subject: 'ann', name: 'ann' };
  return {
    request: {
      id: REQUEST,
      hash: 'a'.repeat(64),
      requester: person,
      asks: [{ operation: 'look', resources: [] }],
      permissions: legs.map(({ target }) => ({ target, operation: 'look', actions: ['a:B'], resources: ['r'] })),
      seconds: 600,
      reason: 'a look',
      ticket: null,
      incident: null,
      state: 'approved',
      tier: 'auto',
      why: 'permitted by policy easy',
      policy: 'b'.repeat(64),
      createdAt: at(-60),
      grant: GRANT,
      version: 1,
      deadline: null,
      quorum: [],
      votes: [],
      can: [],
    },
    grant: {
      id: GRANT,
      request: REQUEST,
      state: 'closed',
      reason: 'revoked',
      seconds: 600,
      renewals: 0,
      idleSeconds: null,
      version: 3,
      createdAt: at(-60),
      issuedAt: at(-60),
      expiresAt: at(540),
      endedAt: at(-15),
      closedAt: at(-10),
      legs: [...legs],
      ...over,
    },
  };
}

/** A broker that gives these answers and is out of reach for everything else. */
function world(answers: Partial<BrokerClient>, terminal?: number): TestWorld {
  const made = testWorld({ now: () => NOW, ...(terminal === undefined ? {} : { terminal }) });
  const away = async (): Promise<never> => {
    throw new JitError({ code: 'ERR_BROKER_UNREACHABLE', message: 'away' });
  };
  // The commands under test call nothing else.
  const client = { getGrant: away, entries: async () => ({ entries: [] }), ...answers } as BrokerClient;
  const context = { ...made.context, broker: async () => ({ ref: await made.context.brokerRef(), client }) };
  return { ...made, context };
}

const revokeAll = async (context: Context, format: Format): Promise<number> =>
  await revoke.bind({ words: [], values: new Map(), switches: new Set(['all']), tail: null, format }).run(context);

const revoking = (items: readonly Outcome[]): Partial<BrokerClient> => ({
  revokeMine: async () => ({ items: [...items] }),
});

test('each target says when it was gone and how that was verified', async () => {
  const legs = [gone('db', -12, 'no role and no session of it is left'), gone('web', -10, 'a probe was denied')];
  const { context, said } = world(revoking([outcome(legs)]));
  assert.equal(await revokeAll(context, 'human'), 0);
  assert.equal(
    said.stdout,
    `${GRANT}  gone at 14:03:20  look at db, web\n` +
      '  db: gone at 14:03:18: no role and no session of it is left\n' +
      '  web: gone at 14:03:20: a probe was denied\n',
  );
});

test('a target that has not confirmed says until when access could last, and why, while the others are gone', async () => {
  const legs = [
    gone('db', -12, 'no role is left'),
    leg('taken', { notAfter: at(300) }),
    leg('late', { revocation: { kind: 'expiry-only' }, notAfter: at(200) }),
    leg('dead', { attempts: 3, problem: 'no answer', notAfter: at(400) }),
  ];
  const open = outcome(legs, { state: 'revoking', closedAt: null });
  const { context, said } = world(revoking([open]));
  assert.equal(await revokeAll(context, 'human'), 10);
  assert.deepEqual(said.stdout.split('\n'), [
    `${GRANT}  not confirmed yet; access could last until in 6m40s (14:10:10)  look at db, taken, late, dead`,
    '  db: gone at 14:03:18: no role is left',
    '  taken: revocation taken; access ends at the latest in 5m (14:08:30)',
    '  late: nothing more is handed out; access ends at the latest in 3m20s (14:06:50)',
    '  dead: not revoked yet; access could last until in 6m40s (14:10:10): no answer',
    '',
  ]);
  const json = world(revoking([open]));
  assert.equal(await revokeAll(json.context, 'json'), 10);
  const [item] = JSON.parse(json.said.stdout).items;
  assert.deepEqual([item.goneAt, item.residualUntil], [null, at(400)]);
  assert.deepEqual(item.legs, [
    { target: 'db', goneAt: at(-12), proof: 'no role is left', residualUntil: null, problem: null },
    { target: 'taken', goneAt: null, proof: null, residualUntil: at(300), problem: null },
    { target: 'late', goneAt: null, proof: null, residualUntil: at(200), problem: null },
    { target: 'dead', goneAt: null, proof: null, residualUntil: at(400), problem: 'no answer' },
  ]);
});

test('a revocation that is stuck is never said to be over: status 10, until when access could last, what the cloud says, where to look again', async () => {
  const legs = [gone('db', -12, 'no role is left'), leg('dead', { attempts: 9, problem: 'no', notAfter: at(400) })];
  const stuck = outcome(legs, { state: 'stuck', closedAt: null });
  const { context, said } = world(revoking([stuck]));
  assert.equal(await revokeAll(context, 'human'), 10);
  assert.match(said.stdout, /not confirmed yet; access could last until in 6m40s/);
  assert.match(said.stdout, /^  dead: not revoked yet; access could last until in 6m40s \(14:10:10\): no$/m);
  assert.match(said.stderr, /jit goes on trying; look again with: jit show gr_/);
  const json = world(revoking([stuck]));
  assert.equal(await revokeAll(json.context, 'json'), 10);
  const [item] = JSON.parse(json.said.stdout).items;
  assert.deepEqual([item.goneAt, item.residualUntil], [null, at(400)]);
});

test('why nothing was granted names the targets that failed, and claims no more than is known', () => {
  const none = { at: at(-1), proof: 'the cloud issued nothing' };
  const failed = (target: string): LegView => leg(target, { state: 'gone', problem: 'no rights', gone: none });
  assert.equal(failedWords([failed('db')]), 'the cloud issued nothing: no rights');
  const revoked = gone('db', -1, 'no role is left');
  assert.equal(failedWords([revoked]), 'it could not be granted, and nothing of it is left');
  assert.equal(
    failedWords([failed('db'), gone('web', -1, 'a probe was denied'), failed('kube')]),
    'nothing was granted, since not all targets issued it: db: no rights; kube: no rights',
  );
  assert.equal(
    failedWords([leg('db', { state: 'maybe-issued', problem: 'no answer' }), leg('web')]),
    'it could not be granted: db: no answer; what may have been issued is being revoked',
  );
  assert.equal(
    failedWords([leg('db', { state: 'maybe-issued' })]),
    'it could not be granted; what may have been issued is being revoked',
  );
});

const entry = (sequence: number, type: string, data: object) => ({
  sequence,
  line: JSON.stringify({ v: 1, seq: sequence, at: at(-60 + sequence), type, actor: { kind: 'broker' }, data }),
});

const POLICY = JSON.stringify({ Statement: [{ Action: 's3:GetObject', Resource: ['a'.repeat(30), 'b'.repeat(30)] }] });
const STORY = [
  entry(0, 'grant.intended', { target: 'web', name: 'jit_web' }),
  entry(1, 'grant.issued', { target: 'web', granted: 'an earlier one' }),
  entry(2, 'grant.issued', { target: 'web', granted: POLICY, notAfter: at(300) }),
  entry(3, 'grant.issued', { target: 'db', granted: 'GRANT shop_read TO jit_db;\nALTER ROLE jit_db;' }),
];

test('a grant shows for each target its name there, its revocation, the exact permission, and how it was seen to be gone', async () => {
  const legs = [
    gone('web', -10, 'a probe was denied'),
    leg('db', { revocation: { kind: 'within', seconds: 300 }, problem: 'no answer' }),
  ];
  const answers = { getGrant: async () => outcome(legs), entries: async () => ({ entries: STORY }) };
  const { context, said } = world(answers, 60);
  assert.equal(await showOutcome(context, GRANT, 'human'), 0);
  const text = said.stdout.replaceAll(/\u001b\[[\d;]*m/g, '');
  assert.match(text, /^target +web, postgres$/m);
  assert.match(text, /^called +jit_web$/m);
  assert.match(text, /^revocation +works at once$/m);
  assert.match(text, /^gone +2026-11-22 14:03:20 \(10s ago\): a probe was\n +denied$/m);
  assert.match(text, /^revocation +works within 5m$/m);
  assert.match(text, /^dead by +2026-11-22 14:08:30/m);
  assert.match(text, /^problem +no answer$/m);
  assert.match(text, /^granted\n {2}\{\n {4}"Statement": \[\n {6}\{\n {8}"Action": "s3:GetObject",\n/m);
  assert.match(text, /^granted\n {2}GRANT shop_read TO jit_db;\n {2}ALTER ROLE jit_db;$/m);
  assert.doesNotMatch(text, /an earlier one|granted=/);
  for (const line of text.split('\n')) assert(line.length <= 60 || !line.includes('Resource'), line);
  const json = world(answers);
  await showOutcome(json.context, GRANT, 'json');
  const shown: { granted: object[]; timeline: { details: string[] }[] } = JSON.parse(json.said.stdout);
  assert.deepEqual(shown.granted, [
    { target: 'web', permission: POLICY },
    { target: 'db', permission: 'GRANT shop_read TO jit_db;\nALTER ROLE jit_db;' },
  ]);
  assert.ok(shown.timeline[1]?.details.includes('granted=an earlier one'));
});

test('what a target calls things, says or was given cannot act on the terminal', async () => {
  const evil = 'x\u001b[2J\u202e\u200b\r\nroot: gone';
  const legs = [
    leg('web', { name: evil, problem: evil, state: 'gone', gone: { at: at(-1), proof: evil } }),
    leg('db', { problem: evil }),
  ];
  const story = [entry(0, 'grant.issued', { target: 'web', granted: evil })];
  const answers = {
    ...revoking([outcome(legs)]),
    getGrant: async () => outcome(legs),
    entries: async () => ({ entries: story }),
  };
  const shown = world(answers);
  await showOutcome(shown.context, GRANT, 'human');
  const ended = world(answers);
  await revokeAll(ended.context, 'human');
  for (const { stdout } of [shown.said, ended.said]) {
    assert.doesNotMatch(stdout, RAW);
    assert.doesNotMatch(stdout, /^root: gone/m);
    assert.match(stdout, /\\x1b\[2J\\u\{202e\}/);
  }
});

test('of a real grant at the sandbox: the session, the policy that it was given, and the probe by which it was seen to be gone', async (t) => {
  const home = tempHome(t);
  const jit = async (...args: readonly string[]) => run(process.execPath, [resolve('bin/jit'), ...args], home);
  const ask = [
    'request',
    's3:GetObject',
    'arn:aws:s3:::sandbox-reports/*',
    '--for',
    '5m',
    '--reason',
    'a look',
    '--json',
  ];
  const { id }: GrantView = JSON.parse(succeeded(await jit(...ask)).stdout).grant;
  const live = succeeded(await jit('show', id)).stdout;
  assert.match(live, new RegExp(`^called +arn:aws:sts::000000000000:assumed-role/jit-sandbox/${id}$`, 'm'));
  assert.match(live, /^revocation +works at once$/m);
  assert.match(live, /^granted\n {2}\{\n {4}"Version": "2012-10-17",\n[^]*"aws:CurrentTime"/m);
  assert.match(live, /^dead by /m);
  const ended = succeeded(await jit('revoke', id)).stdout;
  assert.match(
    ended,
    new RegExp(`^${id}  gone at [\\d:]+  .*\n {2}sandbox: gone at [\\d:]+: a session with the same tag was denied`),
  );
  assert.match(
    succeeded(await jit('show', id)).stdout,
    /^gone +\S+ [\d:]+ \(.*\): a session with the same tag was denied/m,
  );
});
