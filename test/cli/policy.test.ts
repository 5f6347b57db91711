/**
 * `jit policy` on real files, through the real command line: the worked example, and what is said about mistakes.
 * @module
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readCommandLine } from '../../src/cli/program.ts';
import { JitError } from '../../src/core/errors.ts';
import { testWorld } from './world.ts';

const EXAMPLE = fileURLToPath(new URL('../../src/policy/example/', import.meta.url));
const CONFIG = join(EXAMPLE, 'broker.yaml');
const CASES = join(EXAMPLE, 'cases.yaml');

interface Said {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function jit(...argv: readonly string[]): Promise<Said> {
  const { context, said } = testWorld({ now: () => Date.parse('2026-03-25T10:00:00Z') });
  const invocation = readCommandLine(['policy', ...argv]);
  assert.ok(invocation.kind === 'run');
  const status = await invocation.bound.run(context);
  return { status, ...said };
}

/** A copy of the example, one of whose files is changed. */
async function changed(t: TestContext, file: string, change: (text: string) => string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'jit-policy-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await cp(EXAMPLE, folder, { recursive: true });
  const path = join(folder, file);
  const before = await readFile(path, 'utf8');
  const after = change(before);
  assert.notEqual(after, before, 'the change changes something');
  await writeFile(path, after);
  return folder;
}

test('the worked example comes out as its cases say, and nothing in it is doubtful', async () => {
  const tested = await jit('test', CASES, '--config', CONFIG);
  assert.equal(tested.status, 0, tested.stdout);
  assert.match(tested.stdout, /\n[56]\d passed, 0 failed\n$/);
  const checked = await jit('check', EXAMPLE, '--config', CONFIG, '--strict');
  assert.equal(checked.status, 0, checked.stdout);
  assert.match(checked.stdout, /^37 policies, 0 warnings\n$/);
});

test('the policies of a new broker have nothing doubtful either', async () => {
  const { status, stdout } = await jit('check', '--strict');
  assert.equal(status, 0, stdout);
});

test('a case that comes out otherwise is shown with what was expected, and the exit status is 1', async (t) => {
  const folder = await changed(t, 'people.cedar', (text) =>
    text.replace('@approvers("2")\n@approver_group("leads")', ''),
  );
  const { status, stdout } = await jit('test', join(folder, 'cases.yaml'), '--config', CONFIG);
  assert.equal(status, 1);
  assert.match(
    stdout,
    /wrong a change needs two leads \(.*cases\.yaml:\d+\)\n +quorum\n +expected {2}2 of leads\n +actual {4}1 of those who may approve/,
  );
  assert.match(stdout, / failed\n$/);
  const open = await changed(t, 'revocations.cedar', (text) => text.replace('context.requesterKind != "user"', 'true'));
  const wide = await jit('test', join(open, 'cases.yaml'), '--config', CONFIG);
  assert.match(
    wide.stdout,
    /wrong a change needs two leads .*\n +bob\n +expected {2}may not revoke\n +actual {4}may revoke/,
  );
  const json = await jit('test', join(folder, 'cases.yaml'), '--config', CONFIG, '--json');
  assert.equal(json.status, 1);
  const document: unknown = JSON.parse(json.stdout);
  assert.ok(typeof document === 'object' && document !== null && 'schema' in document && 'failed' in document);
  assert.equal(document.schema, 'jit.policy-test/v1');
  assert.ok(typeof document.failed === 'number' && document.failed > 0);
});

const mistakes: readonly (readonly [name: string, change: (text: string) => string, message: RegExp])[] = [
  [
    'an unknown person',
    (text) => text.replace('who: bob', 'who: bop'),
    /cases\.yaml:\d+: cases\.\d+\.who: there is no person "bop", did you mean bob\?/,
  ],
  ['an unknown target', (text) => text.replace('target: prod-data', 'target: prod-date'), /did you mean prod-data\?/],
  [
    'an unknown field',
    (text) => text.replace('    who: ada', '    whoo: ada'),
    /cases\.yaml:\d+: .*unknown field whoo, did you mean who\?/,
  ],
  [
    'a wrong expectation',
    (text) => text.replace('expect: auto', 'expect: automatic'),
    /cases\.yaml:\d+: .*expect\.decision/,
  ],
  [
    'a voter who does not exist',
    (text) => text.replace('may_approve: [bob]', 'may_approve: [bbo]'),
    /may_approve: there is no person "bbo"/,
  ],
  [
    'somebody to end it who does not exist',
    (text) => text.replace('may_revoke: [ivy]', 'may_revoke: [ivi]'),
    /may_revoke: there is no person "ivi"/,
  ],
  ['a wildcard of unsaid breadth', (text) => text.replace('    breadth: broad\n', ''), /breadth: missing/],
  [
    'a raw permission of unsaid access',
    (text) => text.replace('    access: write\n', ''),
    /access: missing: list, read/,
  ],
  [
    'a time without zone',
    (text) => text.replace("'2026-03-25T22:00:00+01:00'", "'2026-03-25T22:00:00'"),
    /at: not a time such as/,
  ],
  ['a duration that is none', (text) => text.replace('for: 8h', 'for: 8x'), /for: that is not a duration/],
  [
    'an agent of an agent',
    (text) => text.replace('acts_for: ada', 'acts_for: guests-agent'),
    /acts_for: an agent acts for a user/,
  ],
  [
    'the same name twice',
    (text) => text.replace('name: but for those on call', 'name: a word is no reason'),
    /is the name of another case/,
  ],
  ['no YAML', (text) => `${text}\n  }`, /cases\.yaml:\d+: /],
];

for (const [name, change, message] of mistakes) {
  test(`a mistake in the file of cases is told with its line: ${name}`, async (t) => {
    const folder = await changed(t, 'cases.yaml', change);
    const outcome = await jit('test', join(folder, 'cases.yaml'), '--config', CONFIG).catch((thrown: unknown) => {
      assert.ok(thrown instanceof JitError && thrown.code === 'ERR_CONFIG');
      return { status: 2, stdout: '', stderr: thrown.message };
    });
    assert.equal(outcome.status, 2);
    assert.match(outcome.stderr, message);
    assert.equal(outcome.stdout, '');
  });
}

test('check tells all errors, with file and line, and exits 1', async (t) => {
  const folder = await changed(t, 'guards.cedar', (text) =>
    text.replace('"prod"', '"prod').replace('@during', '@durin'),
  );
  const { status, stdout } = await jit('check', folder);
  assert.equal(status, 1);
  assert.match(stdout, /error {3}guards\.cedar:\d+: /);
  assert.match(stdout, /the set cannot be used/);
});

test('check warns of what does not do what it seems to, and exits 1 with --strict only', async (t) => {
  const folder = await changed(
    t,
    'machines.cedar',
    (text) =>
      `${text}\n@id("extra") @tier("self-serve") permit (principal is Jit::Workload in Jit::Group::"pipelines", action == Jit::Action::"Request", resource)\nwhen { resource.environment == "staging" && context.access == "read" };`,
  );
  const warned = await jit('check', folder, '--config', CONFIG);
  assert.equal(warned.status, 0);
  assert.match(
    warned.stdout,
    /warning machines\.cedar:\d+ policy extra: never decides: pipelines-staging .* \[shadowed\]/,
  );
  assert.equal((await jit('check', folder, '--config', CONFIG, '--strict')).status, 1);
  const renamed = await changed(t, 'broker.yaml', (text) => text.replace('prod-payments:', 'payments:'));
  const strange = await jit('check', renamed, '--config', join(renamed, 'broker.yaml'));
  assert.match(strange.stdout, /payments-change: the configuration has no target prod-payments.*\[not-configured\]/);
});

test('explain says what decided, what stands in the way of the others and what would change it', async () => {
  const look = ['--operation', 'logs:GetLogEvents', '--access', 'read', '--target', 'prod-web', '--config', CONFIG];
  const day = await jit('explain', EXAMPLE, ...look, '--group', 'engineers', '--at', '2026-03-25T11:00:00+01:00');
  assert.equal(day.status, 0);
  assert.match(day.stdout, /^decision +self-serve\n/);
  assert.match(day.stdout, /prod-look-office-hours +self-serve +it decides/);
  assert.match(day.stdout, /on-call-look +auto +principal is Jit::User in Jit::Group::"on-call"/);
  const night = await jit('explain', EXAMPLE, ...look, '--group', 'engineers', '--at', '2026-03-25T23:00:00+01:00');
  assert.match(night.stdout, /^decision +manual\n/);
  assert.match(night.stdout, /approved by 1 of on-call/);
  assert.match(
    night.stdout,
    /prod-look-office-hours +self-serve +it counts during Mon-Fri 07:00-20:00 Europe\/Berlin, next from Thu 2026-03-26 07:00/,
  );
  const long = await jit('explain', EXAMPLE, ...look, '--group', 'engineers', '--for', '3h');
  assert.match(long.stdout, /^decision +denied\nwhy +at most 1h here\nor +--for 1h/);
});

test('explain takes a case of the file, and shows the person behind an agent', async () => {
  const name = 'an agent gets nothing that its person would not get';
  const { stdout } = await jit('explain', EXAMPLE, '--config', CONFIG, '--cases', CASES, '--case', name, '--json');
  const document: unknown = JSON.parse(stdout);
  assert.ok(typeof document === 'object' && document !== null && 'policies' in document && 'person' in document);
  assert.ok(Array.isArray(document.policies) && document.person !== null);
  const look: unknown = document.policies.find((each: { id: string }) => each.id === 'agents-look');
  assert.ok(typeof look === 'object' && look !== null && 'missing' in look);
  assert.deepEqual(look.missing, ['principal.actsFor in Jit::Group::"engineers"']);
});

test('diff lists who gains and who loses what, over cases and over all that the policies name', async (t) => {
  const after = await changed(t, 'people.cedar', (text) =>
    text
      .replace(
        'permit (principal is Jit::User in Jit::Group::"analysts"',
        'permit (principal is Jit::User in Jit::Group::"engineers"',
      )
      .replace('@tier("auto")\n@max("4h")', '@tier("self-serve")\n@max("4h")'),
  );
  const { status, stdout, stderr } = await jit('diff', EXAMPLE, after, '--config', CONFIG, '--cases', CASES);
  assert.equal(status, 0);
  assert.match(stdout, /gains +user in engineers +prod-data .*denied +manual by 1 of data-owners/);
  assert.match(
    stdout,
    /loses +user in analysts +prod-data .*manual by 1 of data-owners, up to 1h, idle 15m, ticket, reason of 20 +denied/,
  );
  assert.match(stdout, /loses +ada +staging +looking at staging is automatic +auto, up to 4h +self-serve, up to 4h/);
  assert.match(stderr, /questions were asked of both/);
  const flag = await jit('check', '--diff', EXAMPLE, after, '--config', CONFIG, '--cases', CASES);
  assert.deepEqual(flag, { status, stdout, stderr }, 'the flag is the same');
  const between = await jit('check', EXAMPLE, '--diff', after, '--config', CONFIG, '--cases', CASES);
  assert.equal(between.stdout, stdout);
  const same = await jit('diff', EXAMPLE, EXAMPLE, '--config', CONFIG);
  assert.equal(same.stdout, 'nobody gains or loses anything\n');
});

const misused: readonly (readonly [argv: readonly string[], message: RegExp])[] = [
  [['chekc'], /cannot chekc/],
  [['check', 'a', 'b'], /at most 1 path$/],
  [['test'], /the file of cases is missing/],
  [['test', 'cases.yaml', '--strict'], /takes no --strict/],
  [['diff', 'a'], /before and after/],
  [['check', '--diff', 'a'], /before and after/],
  [['check', '--diff', 'a', 'b', 'c'], /at most 2 paths/],
  [['check', '--diff', 'a', 'b', '--strict'], /jit policy check --diff takes no --strict/],
  [['test', 'cases.yaml', '--diff'], /jit policy test takes no --diff/],
  [['diff', 'a', 'b', '--diff'], /jit policy diff takes no --diff/],
  [['explain', '.'], /what to explain is missing/],
  [['explain', '.', '--case', 'x'], /--case names a case of a file/],
  [
    ['explain', '.', '--operation', 's3:GetObject', '--access', 'raed', '--target', 'x'],
    /--access is one of list, read/,
  ],
  [['explain', '.', '--operation', 's3:GetObject'], /where is missing/],
];

for (const [argv, message] of misused) {
  test(`refused with the way it is meant: jit policy ${argv.join(' ')}`, () => {
    assert.throws(
      () => readCommandLine(['policy', ...argv]),
      (thrown) => thrown instanceof JitError && thrown.code === 'ERR_USAGE' && message.test(thrown.message),
    );
  });
}

test('files that cannot be read, and folders without policies, are told', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'jit-policy-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await assert.rejects(jit('check', join(folder, 'missing')), { code: 'ERR_LOCAL_FILE' });
  await assert.rejects(jit('check', folder), { code: 'ERR_CONFIG', message: /holds no \.cedar file/ });
  await writeFile(join(folder, 'latin.cedar'), Buffer.from([0x2f, 0x2f, 0xe9]));
  await assert.rejects(jit('check', folder), { code: 'ERR_LOCAL_FILE', message: /not UTF-8/ });
});
