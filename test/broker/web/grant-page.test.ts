/**
 * The page of a grant: for each target what it was given, what it is called there and how it was seen to be gone, with nothing
 * that others wrote acting on the page.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { makeHref } from '../../../src/broker/web/address.ts';
import { grantPage } from '../../../src/broker/web/pages/grant.ts';
import type { Frame } from '../../../src/broker/web/pages/layout.ts';
import { readSteps, type Step } from '../../../src/broker/web/timeline.ts';
import { grantId, requestId } from '../../../src/core/ids.ts';
import type { GrantView, LegView, Outcome } from '../../../src/wire/views.ts';

const NOW = Date.parse('2026-11-22T10:00:00Z');
const at = (seconds: number): string => new Date(NOW + seconds * 1_000).toISOString();
const frame: Frame = {
  href: makeHref('https://jit.example'),
  assets: { style: '/style', script: '/script' },
  now: NOW,
  viewer: null,
};
const POLICY = JSON.stringify({ Statement: [{ Effect: 'Allow', Action: 's3:GetObject' }] });

const leg = (target: string, over: Partial<LegView> = {}): LegView => ({
  target,
  provider: 'aws',
  environment: 'prod',
  sandbox: false,
  state: 'issued',
  tool: null,
  name: `session-${target}`,
  revocation: { kind: 'within', seconds: 300 },
  notAfter: at(1_800),
  attempts: 0,
  problem: null,
  gone: null,
  ...over,
});

async function shown(legs: readonly LegView[], steps: readonly Step[]): Promise<string> {
  const [id, request] = [grantId(new Uint8Array(16)), requestId(new Uint8Array(16))];
  const outcome: Outcome['request'] = {
    id: request,
    hash: 'a'.repeat(64),
    state: 'approved',
    tier: 'auto',
    why: 'permitted',
    requester: { kind: 'user', issuer: 'https://id.example', subject: 'ada', name: 'Ada' },
    asks: [{ operation: 'look', resources: [] }],
    permissions: [],
    seconds: 1_800,
    reason: 'a look',
    ticket: null,
    incident: null,
    policy: 'v1',
    createdAt: at(0),
    grant: id,
    version: 1,
    deadline: null,
    quorum: [],
    votes: [],
    can: [],
  };
  const grant: GrantView = {
    id,
    request,
    state: 'revoking',
    reason: 'revoked',
    seconds: 1_800,
    renewals: 0,
    idleSeconds: null,
    version: 1,
    createdAt: at(0),
    issuedAt: at(0),
    expiresAt: at(1_800),
    endedAt: at(1),
    closedAt: null,
    legs: [...legs],
  };
  return String(await grantPage(frame, { request: outcome, grant, steps, hindsight: null }));
}

const issued = (sequence: number, target: string, granted: string) => ({
  sequence,
  line: JSON.stringify({
    at: at(sequence),
    type: 'grant.issued',
    actor: { kind: 'broker' },
    data: { target, granted },
  }),
});

const words = (html: string): string => html.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');

test('each target has its name there, its class of revocation, the exact permission, and its own end with the proof', async () => {
  const legs = [
    leg('web', { state: 'gone', gone: { at: at(9), proof: 'a probe was denied' } }),
    leg('db', { revocation: { kind: 'expiry-only' }, problem: 'no answer' }),
  ];
  const steps = readSteps([
    issued(1, 'web', 'an earlier one'),
    issued(2, 'web', POLICY),
    issued(3, 'db', 'GRANT a TO b'),
  ]);
  const page = await shown(legs, steps);
  const text = words(page);
  assert.match(text, /web \(aws, prod \) There it is called session-web ; a revocation works within 5 minutes\./);
  assert.match(text, /gone at 22 Nov 2026, 10:00:09 UTC : a probe was denied/);
  assert.match(text, /db .*session-db ; credentials that are out cannot be taken back; they work until their end\./);
  assert.match(text, /issued; no credential of it works after 22 Nov 2026, 10:30:00 UTC .*Problem: no answer/);
  const [, where = '', story = ''] = page.split(/<h2 id="(?:where|story)"/);
  assert.match(where, /&quot;Statement&quot;: \[\n {4}\{\n {6}&quot;Effect&quot;: &quot;Allow&quot;/);
  assert.match(where, /GRANT a TO b/);
  assert.doesNotMatch(where, /an earlier one/);
  assert.match(story, /an earlier one/, 'the story leaves nothing out');
  assert.doesNotMatch(words(page), /granted: /);
});

test('no two regions of a page have one name, and a permission can be reached by keyboard', async () => {
  const steps = readSteps([issued(1, 'web', POLICY), issued(2, 'db', POLICY), issued(3, 'web', POLICY)]);
  const page = await shown([leg('web'), leg('db')], steps);
  const labels = [...page.matchAll(/<pre\s+tabindex="0"\s+role="region"\s+aria-label="([^"]*)"/g)].map(
    ([, label]) => label,
  );
  assert.equal(labels.length, 5);
  assert.equal(new Set(labels).size, labels.length);
});

test('whatever a target calls things, says or was given, the page keeps its markup', async () => {
  const page = async (text: string): Promise<string> => {
    const over = { name: text, problem: text, state: 'gone', gone: { at: at(9), proof: text } } as const;
    return shown([leg('web', over), leg('db', { problem: text })], readSteps([issued(1, 'web', text)]));
  };
  const tags = (html: string): readonly string[] => html.match(/<[^>]*>/g) ?? [];
  const plain = tags(await page('x'));
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 60 }), async (text) => {
      assert.deepEqual(tags(await page(`x${text}`)), plain);
    }),
    {
      numRuns: 200,
      examples: [['</code></pre><script>alert(1)</script>'], ['" onfocus="alert(1)'], ['\u202e\u001b[2J']],
    },
  );
});
