/**
 * Who may end what others hold: rules on action Revoke, asked about the caller, the holder and the place.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../../src/core/principal.ts';
import type { Question } from '../../src/policy/question.ts';
import { JANE, load, PROD, SANDBOX } from './questions.ts';

const REVOKE = 'action == Jit::Action::"Revoke"';
const MAX: Principal = { ...JANE, subject: 'max', name: 'Max', groups: ['security'] };
const AGENT: Principal = { kind: 'agent', issuer: 'https://ci.example', subject: 'bot', name: 'bot', groups: ['bots'] };
const PIPELINE: Principal = { ...AGENT, kind: 'workload', subject: 'pipeline' };
const NOW = Date.parse('2026-03-25T10:00:00Z');

const security = `permit (principal in Jit::Group::"security", ${REVOKE}, resource);\n`;
const anybody = `permit (principal, ${REVOKE}, resource);\n`;
const when = (condition: string): string => `permit (principal, ${REVOKE}, resource) when { ${condition} };\n`;

interface Asked {
  readonly caller?: Principal;
  readonly holder?: Principal;
  readonly target?: Question['target'];
  readonly now?: number;
}

async function may(
  text: string,
  { caller = MAX, holder = JANE, target = PROD, now = NOW }: Asked = {},
): Promise<boolean> {
  return (await load(text)).mayRevoke(caller, { holder, target, now });
}

test('without a permit on Revoke nobody ends what others hold, whatever else they may', async () => {
  assert.equal(await may(''), false);
  const rest = `@tier("auto") permit (principal, action == Jit::Action::"Request", resource);
permit (principal, action == Jit::Action::"Approve", resource);`;
  assert.equal(await may(rest), false);
  assert.equal(await may(security), true);
  assert.equal(await may(security, { caller: { ...MAX, groups: [] } }), false);
});

test('rules see the place and the holder: kind, identity, groups, and those of the person behind an agent', async () => {
  assert.equal(await may(when('resource.environment == "prod"')), true);
  assert.equal(await may(when('resource.environment == "prod"'), { target: SANDBOX }), false);
  assert.equal(await may(when('context.requesterKind == "user"')), true);
  assert.equal(await may(when('context.requesterKind == "user"'), { holder: AGENT }), false);
  assert.equal(await may(when('context.requesterIssuer == "https://ci.example"'), { holder: AGENT }), true);
  assert.equal(await may(when('context.requesterSubject == "jane"')), true);
  const team = when('context.requesterPersonGroups.contains(Jit::Group::"sre")');
  assert.equal(await may(team), true);
  assert.equal(await may(team, { holder: { ...AGENT, groups: ['sre'] } }), false);
  assert.equal(await may(team, { holder: { ...AGENT, actsFor: { ...JANE, kind: 'user' } } }), true);
  assert.equal(await may(when('context.requesterGroups.contains(Jit::Group::"bots")'), { holder: AGENT }), true);
});

test('pipelines may where a rule says so, and an agent never where its person may not', async () => {
  assert.equal(await may(anybody, { caller: PIPELINE }), true);
  assert.equal(await may(security, { caller: PIPELINE }), false);
  const bots = 'permit (principal in Jit::Group::"bots", action == Jit::Action::"Revoke", resource);\n';
  assert.equal(await may(bots, { caller: AGENT }), true);
  const hers: Principal = { ...AGENT, actsFor: { ...MAX, kind: 'user' } };
  assert.equal(await may(bots, { caller: hers }), false);
  assert.equal(await may(bots + security, { caller: hers }), true);
  assert.equal(await may(security, { caller: hers }), false);
});

test('a forbid wins, and hours count', async () => {
  assert.equal(await may(`${security}forbid (principal, action, resource);`), false);
  assert.equal(
    await may(`${security}forbid (principal, ${REVOKE}, resource) when { resource.tags.contains("x") };`),
    true,
  );
  const office = `@hours("Mon-Fri 08:00-18:00 Europe/Berlin") ${security}`;
  assert.equal(await may(office), true);
  assert.equal(await may(office, { now: Date.parse('2026-03-28T10:00:00Z') }), false);
  assert.equal(await may(office, { now: Number.NaN }), false);
});

test('names that no rule can tell apart are no', async () => {
  assert.equal(await may(anybody, { caller: { ...MAX, issuer: 'https://idp.example.com|x' } }), false);
  assert.equal(await may(anybody, { caller: { ...MAX, subject: 'm\ud800' } }), false);
  assert.equal(await may(anybody, { holder: { ...JANE, subject: 'j\udc00' } }), false);
});

test('terms of other actions, and what the action does not know, are refused when they are loaded', async () => {
  await assert.rejects(load(`@tier("auto") ${security}`), /@tier has no meaning/);
  await assert.rejects(load(when('context.access == "read"')), /access/);
  await assert.rejects(load(when('context.requesterKind == "robot"')), /requesterKind is never "robot"/);
});
