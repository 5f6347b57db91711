import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JitError } from '../../src/core/errors.ts';
import { loadPolicies } from '../../src/policy/load.ts';
import { load, REQUEST } from './questions.ts';

const breakGlass = (annotations: string, body = ''): string =>
  `${annotations} permit (principal is Jit::User, action == Jit::Action::"BreakGlass", resource) ${body};`;

const refusals: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  ['a syntax error', 'permit (principal, action', /p0\.cedar:1: unexpected/],
  [
    'an unknown attribute',
    `forbid (principal, ${REQUEST}, resource) when { context.accss == "x" };`,
    /accss.*did you mean `access`/,
  ],
  [
    'the reason, which rules may not read',
    `forbid (principal, ${REQUEST}, resource) when { context.reason like "*" };`,
    /`reason`.*not found/,
  ],
  ['an unknown action', 'forbid (principal, action == Jit::Action::"Requst", resource);', /Requst/],
  ['a rule that can never match', `forbid (principal, ${REQUEST}, resource) when { false };`, /impossible/],
  [
    'letters that only look Latin',
    `forbid (principal, ${REQUEST}, resource) when { context.operation == "dеploy" };`,
    /mixed scripts/,
  ],
  [
    'a misspelt annotation',
    `@tier("manual") @aprovers("2") permit (principal, ${REQUEST}, resource);`,
    /policy p0\.cedar#1: unknown annotation @aprovers, did you mean @approvers\?/,
  ],
  [
    'an annotation named __proto__',
    `@tier("auto") @__proto__("x") permit (principal, ${REQUEST}, resource);`,
    /unknown annotation @__proto__/,
  ],
  [
    'a misspelt tier',
    `@id("x") @tier("atuo") permit (principal, ${REQUEST}, resource);`,
    /policy x: @tier\("atuo"\) is not a tier/,
  ],
  ['a permit without tier', `permit (principal, ${REQUEST}, resource);`, /needs @tier/],
  ['a tier without value', `@tier permit (principal, ${REQUEST}, resource);`, /@tier\(""\) is not a tier/],
  [
    'a break-glass tier on Request',
    `@tier("break-glass") permit (principal, ${REQUEST}, resource);`,
    /belongs to a permit on action BreakGlass/,
  ],
  [
    'another tier on BreakGlass',
    '@tier("auto") permit (principal, action == Jit::Action::"BreakGlass", resource);',
    /can only be "break-glass"/,
  ],
  [
    'an agent that would break glass',
    '@id("x") permit (principal is Jit::Agent, action == Jit::Action::"BreakGlass", resource);',
    /policy x: .*(?:impossible|unable to find an applicable action)/i,
  ],
  [
    'an agent named by its id that would break glass',
    'permit (principal == Jit::Agent::"https://idp.example.com|bot", action == Jit::Action::"BreakGlass", resource);',
    /(?:impossible|unable to find an applicable action)/i,
  ],
  [
    'break-glass for whoever asks, pipelines included',
    'permit (principal, action == Jit::Action::"BreakGlass", resource);',
    /says in its scope of what type they are: principal is Jit::User.*for a pipeline principal is Jit::Workload/,
  ],
  [
    'break-glass for a group of whoever is in it',
    'permit (principal in Jit::Group::"on-call", action == Jit::Action::"BreakGlass", resource);',
    /says in its scope of what type they are/,
  ],
  [
    'break-glass for people in a condition, where it has to be in the scope',
    'permit (principal, action == Jit::Action::"BreakGlass", resource) when { principal is Jit::User };',
    /says in its scope of what type they are/,
  ],
  ['approvers in an emergency', breakGlass('@approvers("2")'), /@approvers has no meaning on a permit on BreakGlass/],
  ['a warning of an hour', breakGlass('@warn("1h")'), /@warn\("1h"\): at most 15m/],
  ['a warning that is no time', breakGlass('@warn("soon")'), /@warn\("soon"\): that is not a duration/],
  ['a hand-over of another kind', breakGlass('@handover("end")'), /@handover\("end"\): it is "ends" or "stays"/],
  [
    'a sealed path by one person',
    breakGlass('@sealed("1") @sealed_group("on-call")'),
    /not a whole number from 2 to 20/,
  ],
  [
    'a sealed path by nobody in particular',
    breakGlass('@sealed("2")'),
    /@sealed\("2"\) and @sealed_group.* go together/,
  ],
  ['a sealed path by nobody', breakGlass('@sealed_group("on-call")'), /go together/],
  [
    'a sealed path that is longer than the open one',
    breakGlass('@max("10m") @sealed("2") @sealed_group("on-call") @sealed_max("15m")'),
    /@sealed_max\("15m"\): longer than the 10m of @max/,
  ],
  ['a length of no sealed path', breakGlass('@sealed_max("5m")'), /@sealed_max needs @sealed/],
  [
    'a sealed path on Request',
    `@tier("auto") @sealed("2") @sealed_group("on-call") permit (principal, ${REQUEST}, resource);`,
    /@sealed has no meaning on a permit on another action than BreakGlass/,
  ],
  [
    'a warning on Request',
    `@tier("auto") @warn("2m") permit (principal, ${REQUEST}, resource);`,
    /@warn has no meaning/,
  ],
  [
    'a hand-over on Approve',
    '@handover("ends") permit (principal, action == Jit::Action::"Approve", resource);',
    /@handover has no meaning/,
  ],
  [
    'a hand-over on a forbid',
    '@handover("ends") forbid (principal, action == Jit::Action::"BreakGlass", resource);',
    /@handover has no meaning on a forbid/,
  ],
  [
    'an incident on Request',
    `@tier("auto") permit (principal, ${REQUEST}, resource) when { context.incident.open };`,
    /incident/,
  ],
  [
    'an unknown fact of the incident',
    breakGlass('', 'when { context.incident.sevrity == 1 }'),
    /sevrity.*did you mean/,
  ],
  [
    'an agent that would approve',
    '@id("x") permit (principal is Jit::Agent, action == Jit::Action::"Approve", resource);',
    /policy x: .*(?:impossible|unable to find an applicable action)/i,
  ],
  [
    'a bad @max',
    `@tier("auto") @max("5x") permit (principal, ${REQUEST}, resource);`,
    /@max\("5x"\): that is not a duration/,
  ],
  ['a bad @idle', `@tier("auto") @idle("0") permit (principal, ${REQUEST}, resource);`, /@idle\("0"\)/],
  [
    'an @idle within which no use can be seen',
    `@tier("auto") @idle("119s") permit (principal, ${REQUEST}, resource);`,
    /@idle\("119s"\): use cannot be seen within less than 2m/,
  ],
  [
    'no approvers',
    `@tier("manual") @approvers("0") permit (principal, ${REQUEST}, resource);`,
    /@approvers\("0"\): not a whole number from 1/,
  ],
  ['half an approver', `@tier("manual") @approvers("1.5") permit (principal, ${REQUEST}, resource);`, /@approvers/],
  [
    'approvers where nobody approves',
    `@tier("auto") @approvers("2") permit (principal, ${REQUEST}, resource);`,
    /@approvers needs @tier\("manual"\)/,
  ],
  ['bad @renewals', `@tier("auto") @renewals("-1") permit (principal, ${REQUEST}, resource);`, /@renewals/],
  ['an unknown need', `@tier("auto") @needs("luck") permit (principal, ${REQUEST}, resource);`, /"ticket"/],
  ['a tier on a forbid', `@tier("auto") forbid (principal, ${REQUEST}, resource);`, /no meaning on a forbid/],
  [
    'a tier on Approve',
    '@tier("auto") permit (principal, action == Jit::Action::"Approve", resource);',
    /no meaning on/,
  ],
  ['a permit on every action', '@tier("auto") permit (principal, action, resource);', /exactly one action/],
  [
    'a permit on two actions',
    '@tier("auto") permit (principal, action in [Jit::Action::"Request", Jit::Action::"Approve"], resource);',
    /exactly one action/,
  ],
  ['a template', 'forbid (principal == ?principal, action, resource);', /templates/],
  ['an unusable id', '@id("a#b") forbid (principal, action, resource);', /@id must be/],
  [
    'the same id twice',
    '@id("a") forbid (principal, action, resource);\n@id("a") forbid (principal, action, resource);',
    /p0\.cedar:2 policy a: the id is taken by p0\.cedar:1/,
  ],
  ['the same annotation twice', '@id("a") @id("b") forbid (principal, action, resource);', /duplicate annotation/],
  [
    'a description with an escape sequence',
    '@description("\\u{1b}[2J") forbid (principal, action, resource);',
    /@description must be one line/,
  ],
  [
    'an access level that does not exist',
    `forbid (principal, ${REQUEST}, resource) when { context.access == "raed" };`,
    /context\.access is never "raed": it is list, read/,
  ],
  [
    'a breadth that does not exist, in a list',
    `forbid (principal, ${REQUEST}, resource) when { !(["wide", "broad"].contains(context.breadth)) };`,
    /context\.breadth is never "wide"/,
  ],
  [
    'half a character',
    `@tier("auto") permit (principal, ${REQUEST}, resource) when { context.operation == "\ud800" };`,
    /not valid Unicode/,
  ],
];

for (const [name, text, message] of refusals) {
  test(`refused with file, policy and cause: ${name}`, async () => {
    await assert.rejects(load(text), (error) => {
      assert.ok(error instanceof JitError);
      assert.equal(error.code, 'ERR_CONFIG');
      assert.match(error.message, message);
      return true;
    });
  });
}

test('all problems of all files are listed at once, each with its line', async () => {
  const one = `// a comment; with a semicolon\n\n@tier("atuo")\npermit (principal, ${REQUEST}, resource);`;
  const two = `forbid (principal, action, resource) when { context.nope };`;
  await assert.rejects(
    load(one, two),
    /p0\.cedar:3 policy p0\.cedar#1: @tier[^]*p1\.cedar:1 policy p1\.cedar#1: .*nope/,
  );
});

test('policies without @id are numbered as they come in the file, beyond ten as well', async () => {
  const texts = Array.from(
    { length: 25 },
    (_, index) => `@description("number ${index + 1}")\nforbid (principal, action, resource);`,
  );
  const set = await load(texts.join('\n'));
  assert.deepEqual(
    set.policies().map(({ id, description, line }) => ({ id, description, line })),
    texts.map((_, index) => ({ id: `p0.cedar#${index + 1}`, description: `number ${index + 1}`, line: index * 2 + 1 })),
  );
});

test('terms are read, with their defaults', async () => {
  const set = await load(
    `@id("full") @tier("manual") @max("1h30m") @approvers("2") @approver_group("sre-leads") @renewals("3") @idle("15m") @needs("ticket")
     permit (principal, ${REQUEST}, resource);
     @id("bare") @tier("manual") permit (principal, ${REQUEST}, resource);
     @id("open") permit (principal is Jit::User, action == Jit::Action::"BreakGlass", resource);`,
  );
  const terms = Object.fromEntries(set.policies().map((policy) => [policy.id, policy.terms]));
  assert.deepEqual(terms['full'], {
    tier: 'manual',
    maxSeconds: 5_400,
    quorum: [{ group: 'sre-leads', approvers: 2 }],
    renewals: 3,
    idleSeconds: 900,
    needsTicket: true,
    minReason: 0,
  });
  assert.deepEqual(terms['bare'], {
    tier: 'manual',
    maxSeconds: 3_600,
    quorum: [{ group: null, approvers: 1 }],
    renewals: 0,
    idleSeconds: null,
    needsTicket: false,
    minReason: 0,
  });
  assert.equal(terms['open'], null);
  assert.deepEqual(
    set.policies().map(({ emergency }) => emergency === null),
    [true, true, false],
  );
});

test('the version depends on the content and on nothing else', async () => {
  const a = { name: 'a.cedar', text: 'forbid (principal, action, resource);\n' };
  const b = { name: 'b.cedar', text: `@tier("auto") permit (principal, ${REQUEST}, resource);\n` };
  const { version } = await loadPolicies({ sources: [a, b] });
  assert.match(version, /^[0-9a-f]{64}$/);
  assert.equal((await loadPolicies({ sources: [b, a] })).version, version);
  assert.equal((await loadPolicies({ sources: [b, { ...a, text: a.text.replace('\n', '\r\n') }] })).version, version);
  assert.notEqual((await loadPolicies({ sources: [{ ...a, text: `${a.text}//` }, b] })).version, version);
  await assert.rejects(loadPolicies({ sources: [a, a] }), /given twice/);
});

const giants: readonly (readonly [name: string, condition: string])[] = [
  ['brackets', `${'('.repeat(100_000)}true${')'.repeat(100_000)}`],
  ['negations', `${'!('.repeat(1_000)}true${')'.repeat(1_000)}`],
  ['conjunctions', `true${' && true'.repeat(20_000)}`],
  ['sums', `1${' + 1'.repeat(1_000)} == 1`],
  ['choices', `${'if true then true else '.repeat(1_000)}true`],
  ['attributes', `context${'.a'.repeat(5_000)}`],
  ['indices', `context${'["a"]'.repeat(5_000)}`],
];

for (const [name, condition] of giants) {
  test(`a policy made to exhaust the engine (${name}) is refused, and the engine still decides afterwards`, async () => {
    await assert.rejects(
      load(`forbid (principal, ${REQUEST}, resource) when { ${condition} };`),
      /nested deeper|too long/,
    );
    await load(`forbid (principal, ${REQUEST}, resource) when { context.named };`);
  });
}

test('brackets and operators in strings and comments count for nothing', async () => {
  const noise = '([{ && + if '.repeat(300);
  await load(`// ${noise}\nforbid (principal, ${REQUEST}, resource) when { context.operation == "${noise}\\"" };`);
});
