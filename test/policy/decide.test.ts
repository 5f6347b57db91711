import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { reasonLength } from '../../src/policy/question.ts';
import type { Verdict } from '../../src/policy/verdict.ts';
import { forbids, permits, policies, questions, withIds } from './rules.ts';
import { ask, JANE, load, PROD, REQUEST } from './questions.ts';

const permit = (annotations: string, when = 'true'): string =>
  `${annotations} permit (principal, ${REQUEST}, resource) when { ${when} };\n`;
const forbid = (when: string): string => `forbid (principal, ${REQUEST}, resource) when { ${when} };\n`;

function denied(verdict: Verdict): Extract<Verdict, { kind: 'deny' }> {
  assert.equal(verdict.kind, 'deny');
  return verdict;
}

test('no policy at all, and none that matches, deny', async () => {
  assert.equal(denied((await load()).decide(ask())).why, 'no policy permits this');
  assert.equal(
    denied((await load(permit('@tier("auto")', 'resource.sandbox'))).decide(ask())).why,
    'no policy permits this',
  );
});

test('a forbid wins over every permit and its description is the answer', async () => {
  const set = await load(
    permit('@tier("auto")') +
      `@id("no-reading") @description("reading is closed this week") ${forbid('context.access == "read"')}`,
  );
  const verdict = denied(set.decide(ask()));
  assert.equal(verdict.why, 'reading is closed this week');
  assert.deepEqual(verdict.policyIds, ['no-reading']);
});

test('a forbid over all actions also forbids requests', async () => {
  const set = await load(permit('@tier("auto")') + 'forbid (principal is Jit::Agent, action, resource);');
  assert.equal(set.decide(ask()).kind, 'permit');
  denied(set.decide(ask({ principal: { ...JANE, kind: 'agent' } })));
});

test('a forbid that fails while it is evaluated denies: Cedar alone would skip it and allow', async () => {
  const set = await load(
    permit('@tier("auto")') + `@id("broken") ${forbid('context.seconds * 9223372036854775807 < 0')}`,
  );
  const verdict = denied(set.decide(ask()));
  assert.equal(verdict.why, 'the policies could not be evaluated');
  assert.deepEqual(verdict.policyIds, ['broken']);
});

test('a permit that fails while it is evaluated denies even where another permits', async () => {
  const set = await load(
    permit('@tier("auto")') + permit('@tier("auto")', 'context.seconds * 9223372036854775807 < 0'),
  );
  denied(set.decide(ask()));
});

test('of the permits whose limits are met the least demanding decides, and the others are named', async () => {
  const set = await load(
    permit('@id("quick") @tier("auto") @max("15m")') +
      permit('@id("asked") @tier("manual") @max("8h") @approvers("2") @approver_group("leads")'),
  );
  const short = set.decide(ask({ seconds: 900 }));
  assert.ok(short.kind === 'permit');
  assert.deepEqual([short.tier, short.policyId, short.maxSeconds, short.also], ['auto', 'quick', 900, ['asked']]);
  const long = set.decide(ask({ seconds: 901 }));
  assert.ok(long.kind === 'permit');
  assert.deepEqual([long.tier, long.policyId, long.quorum], ['manual', 'asked', [{ group: 'leads', approvers: 2 }]]);
  assert.equal(long.hint, 'with --for 15m it is automatic');
  const tooLong = denied(set.decide(ask({ seconds: 28_801 })));
  assert.deepEqual([tooLong.why, tooLong.hint], ['at most 8h here', '--for 15m (auto) or --for 8h (manual)']);
});

test('when only limits stand in the way, the denial says which and gives the flag', async () => {
  const hour = await load(permit('@id("hour") @tier("auto") @max("1h")'));
  const tooLong = denied(hour.decide(ask({ seconds: 3_601 })));
  assert.deepEqual([tooLong.why, tooLong.hint, tooLong.policyIds], ['at most 1h here', '--for 1h', ['hour']]);
  const ticket = await load(permit('@tier("auto") @max("1h") @needs("ticket")'));
  const without = denied(ticket.decide(ask()));
  assert.deepEqual([without.why, without.hint], ['a ticket is needed', '--ticket ID']);
  const both = denied(ticket.decide(ask({ seconds: 7_200 })));
  assert.deepEqual([both.why, both.hint], ['at most 1h here, and a ticket is needed', '--for 1h --ticket ID']);
  assert.equal(ticket.decide(ask({ hasTicket: true })).kind, 'permit');
});

test('every pair of permission and resource has to be permitted: one allowed name does not carry the others', async () => {
  const set = await load(
    permit('@tier("auto")', 'context.permission == "s3:GetObject" && context.resource like "arn:aws:s3:::reports/*"'),
  );
  const permission = ask().permission;
  assert.equal(set.decide(ask()).kind, 'permit');
  denied(set.decide(ask({ permission: { ...permission, actions: ['s3:GetObject', 's3:DeleteObject'] } })));
  denied(
    set.decide(ask({ permission: { ...permission, resources: [...permission.resources, 'arn:aws:s3:::payroll/*'] } })),
  );
  denied(set.decide(ask({ permission: { ...permission, actions: [] } })));
  denied(set.decide(ask({ permission: { ...permission, resources: [] } })));
});

test('a wildcard among the permissions is denied: it would slip past a forbid that names one', async () => {
  const set = await load(permit('@tier("auto")') + forbid('context.permission == "s3:DeleteObject"'));
  for (const action of ['s3:*', 's3:Delete?bject', '*']) {
    denied(set.decide(ask({ permission: { ...ask().permission, actions: [action] } })));
  }
});

test('hostile names are only names: they match nothing but themselves', async () => {
  const set = await load(
    `@tier("auto") permit (principal in Jit::Group::"admins", ${REQUEST}, resource == Jit::Target::"prod");`,
  );
  const hostile = [
    '__proto__',
    'constructor',
    'admins"',
    '"admins',
    'Jit::Group::"admins"',
    'admins\0',
    ' admins',
    'Admins',
    'ａdmins',
    '\\u{61}dmins',
    '*',
    'x" || true || "',
  ];
  for (const name of hostile) {
    denied(set.decide(ask({ principal: { ...JANE, groups: [name], subject: name, name } })));
    denied(set.decide(ask({ principal: { ...JANE, groups: ['admins'] }, target: { ...PROD, name } })));
  }
  assert.equal(set.decide(ask({ principal: { ...JANE, groups: [...hostile, 'admins'] } })).kind, 'permit');
});

test('issuer and subject together are the identity: no other pair reads the same', async () => {
  const set = await load(
    `@tier("auto") permit (principal == Jit::User::"https://idp.example.com|jane", ${REQUEST}, resource);`,
  );
  assert.equal(set.decide(ask()).kind, 'permit');
  denied(set.decide(ask({ principal: { ...JANE, issuer: 'os' } })));
  denied(set.decide(ask({ principal: { ...JANE, kind: 'agent' } })));
  denied(set.decide(ask({ principal: { ...JANE, issuer: 'https://idp.example.com|', subject: 'jane' } })));
});

test('a name that is not valid Unicode and a duration that is not whole seconds are denied', async () => {
  const set = await load(permit('@tier("auto") @max("30d")'));
  denied(set.decide(ask({ principal: { ...JANE, subject: '\ud800' } })));
  for (const seconds of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])
    denied(set.decide(ask({ seconds })));
  denied(set.decide(ask({ permission: { ...ask().permission, target: 'elsewhere' } })));
});

test('more groups than anybody reads cost nothing', async () => {
  const set = await load(`@tier("auto") permit (principal in Jit::Group::"sre", ${REQUEST}, resource);`);
  const groups = [...Array.from({ length: 20_000 }, (_, index) => `g${index}`), 'sre'];
  assert.equal(set.decide(ask({ principal: { ...JANE, groups } })).kind, 'permit');
});

test('the answer does not depend on the order of policies or files', async () => {
  await fc.assert(
    fc.asyncProperty(
      policies,
      fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
      questions,
      async (texts, keys, question) => {
        const named = withIds(texts);
        const shuffled = named
          .map((text, index) => ({ text, key: keys[index] ?? 0 }))
          .toSorted((a, b) => a.key - b.key)
          .map(({ text }) => text);
        const [one, other] = await Promise.all([load(named.join('\n')), load(...shuffled)]);
        assert.deepEqual(one.decide(question), other.decide(question));
      },
    ),
    { numRuns: 60 },
  );
});

test('adding a forbid never widens, and a forbid that holds always denies', async () => {
  await fc.assert(
    fc.asyncProperty(policies, forbids, questions, async (texts, extra, question) => {
      const before = (await load(withIds(texts).join('\n'))).decide(question);
      const after = (await load(withIds([...texts, extra]).join('\n'))).decide(question);
      if (before.kind === 'deny') denied(after);
      else if (after.kind === 'permit') assert.deepEqual(after, before);
      const always = (await load(withIds([...texts, `forbid (principal, action, resource);`]).join('\n'))).decide(
        question,
      );
      denied(always);
    }),
    { numRuns: 60 },
  );
});

test('adding a permit never turns a permit into a denial unless it fails, nor demands more', async () => {
  const order = ['auto', 'self-serve', 'manual'];
  await fc.assert(
    fc.asyncProperty(policies, permits, questions, async (texts, extra, question) => {
      const before = (await load(withIds(texts).join('\n'))).decide(question);
      const after = (await load(withIds([...texts, extra]).join('\n'))).decide(question);
      if (before.kind !== 'permit' || extra.includes('9223372036854775807')) return;
      assert.ok(after.kind === 'permit');
      assert.ok(order.indexOf(after.tier) <= order.indexOf(before.tier));
    }),
    { numRuns: 60 },
  );
});

test('a reason can be asked for that is more than a word', async () => {
  const set = await load(permit('@id("long") @tier("auto") @reason("20")'));
  assert.equal(set.decide(ask({ reasonLength: 20 })).kind, 'permit');
  const short = denied(set.decide(ask({ reasonLength: 19 })));
  assert.deepEqual([short.why, short.hint], ['the reason is too short', '--reason TEXT (20 characters or more)']);
  assert.equal(denied(set.decide(ask({ reasonLength: Number.NaN }))).why, 'the reason is too short');
  const either = await load(permit('@tier("auto") @reason("20")') + permit('@tier("auto") @needs("ticket")'));
  const neither = denied(either.decide(ask({ reasonLength: 3 })));
  assert.equal(neither.why, 'a ticket is needed, or a longer reason');
  assert.equal(either.decide(ask({ reasonLength: 3, hasTicket: true })).kind, 'permit');
  await assert.rejects(load(permit('@tier("auto") @reason("0")')), /@reason\("0"\): not a whole number from 1 to 200/);
});

test('a reason is as long as what is left without the white space around it', () => {
  assert.equal(reasonLength('  fix 😀  \n'), 5);
});

test('rules can look at the tags of a target', async () => {
  const set = await load(
    permit('@tier("auto")', '!resource.tags.contains("sensitive")') +
      permit('@tier("manual")', 'resource.tags.contains("sensitive")'),
  );
  const tier = (tags: readonly string[]): string => {
    const verdict = set.decide(ask({ target: { ...PROD, tags } }));
    return verdict.kind === 'permit' ? verdict.tier : 'denied';
  };
  assert.deepEqual([tier(['sensitive', 'pci']), tier(['pci']), tier([])], ['manual', 'auto', 'auto']);
  const { tags: _, ...untagged } = PROD;
  const verdict = set.decide(ask({ target: untagged }));
  assert.ok(verdict.kind === 'permit' && verdict.tier === 'auto');
});

test('an access level, a breadth or a risk that rules cannot know is denied', async () => {
  const set = await load(permit('@tier("auto")'));
  const strange = (question: object): Verdict => set.decide({ ...ask(), ...question });
  assert.equal(
    denied(strange({ assessment: { access: 'delete', breadth: 'exact' } })).why,
    'there is no access delete',
  );
  assert.equal(denied(strange({ operation: { named: true, risk: 'none' } })).why, 'there is no risk none');
});
