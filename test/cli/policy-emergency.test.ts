/**
 * `jit policy` on break-glass, on the rules of the worked example: explained by flags, held to cases, checked and compared.
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

async function jit(...argv: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> {
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
  assert.notEqual(change(before), before, 'the change changes something');
  await writeFile(path, change(before));
  return folder;
}

const ROLLBACK = ['--operation', 'rollback-web', '--access', 'write', '--target', 'prod-web', '--config', CONFIG];
const ENGINEER = [...ROLLBACK, '--group', 'engineers', '--break-glass'];
const explained = async (...flags: readonly string[]): Promise<string> =>
  (await jit('explain', EXAMPLE, ...flags)).stdout;

test('explain tells what an emergency gives, with when it goes and what happens at a hand-over', async () => {
  const said = await explained(...ENGINEER, '--severity', '2', '--service', 'web', '--responder');
  assert.match(said, /^decision +break-glass\n/);
  assert.match(
    said,
    /terms +up to 1h, renewed up to 4 times, ended when unused for 30m, gone as soon as the\s+incident is closed,/,
  );
  assert.match(said.replace(/\s+/g, ' '), /ended by a hand-over of the on-call duty/);
  assert.match(said, /emergency-web +break-glass +it decides/);
});

test('explain tells a denied emergency which condition fails, for the answer and for each rule', async () => {
  const said = await explained(...ENGINEER, '--severity', '4', '--service', 'web', '--on-call', '2');
  assert.match(said, /^decision +denied\n/);
  const line = said.replace(/\s+/g, ' ');
  assert.match(
    line,
    /why you are neither responder nor first on call for the incident, and its severity 4 is too low \(policy emergency-web\)/,
  );
  assert.match(line, /or possible as responder or first on call for it, and with severity 2 or more severe/);
  assert.match(line, /emergency-web break-glass context\.incident\.severity <= 2/);
  assert.doesNotMatch(said, /deploy-web/, 'rules on requests are none of it');
});

test('explain without --break-glass looks at rules on requests alone', async () => {
  const said = await explained(...ROLLBACK, '--group', 'engineers');
  assert.doesNotMatch(said, /emergency-/);
});

test('explain knows commanders, sources that are silent, drills, pipelines and agents', async () => {
  const sensitive = ['--operation', 'read-customer', '--access', 'read', '--target', 'prod-data', '--config', CONFIG];
  const data = [...sensitive, '--group', 'engineers', '--break-glass', '--severity', '1', '--ticket'];
  assert.match(await explained(...data, '--responder'), /why +you are not commander for the incident/);
  assert.match(
    await explained(...data, '--commander'),
    /^decision +(?:break-glass|denied\nwhy +the reason is too short)/,
  );
  const logs = ['--operation', 'read-logs', '--access', 'read', '--target', 'prod-web', '--config', CONFIG];
  const silent = await explained(...logs, '--group', 'on-call', '--break-glass', '--source-down');
  assert.match(silent, /^decision +break-glass\n/);
  assert.match(silent.replace(/\s+/g, ' '), /without its source confirmed by 2 of on-call, up to 15m/);
  const long = await explained(...logs, '--group', 'on-call', '--break-glass', '--source-down', '--for', '20m');
  assert.match(long, /why +at most 15m here/);
  assert.match(await explained(...ENGINEER, '--drill'), /a drill is for the sandbox/);
  const agent = await explained(...ROLLBACK, '--kind', 'agent', '--break-glass', '--responder');
  assert.match(agent, /an agent cannot break glass/);
  const pipeline = await explained(
    ...ROLLBACK,
    '--kind',
    'workload',
    '--break-glass',
    '--severity',
    '1',
    '--service',
    'web',
  );
  assert.match(pipeline, /emergency-pipeline-rollback +break-glass +principal == Jit::Workload::/);
});

test('the document of an explained emergency has decision, hint and every rule on BreakGlass', async () => {
  const document: unknown = JSON.parse(await explained(...ENGINEER, '--severity', '4', '--responder', '--json'));
  assert.ok(typeof document === 'object' && document !== null && 'policies' in document && 'decision' in document);
  assert.equal(document.decision, 'denied');
  assert.ok(Array.isArray(document.policies));
  const ids = document.policies.map((each: { id: string }) => each.id);
  assert.ok(ids.includes('emergency-web') && ids.includes('no-drills-in-prod') && !ids.includes('prod-change'));
});

const misused: readonly (readonly [argv: readonly string[], message: RegExp])[] = [
  [[...ROLLBACK, '--severity', '1'], /--severity is about an incident/],
  [[...ROLLBACK, '--responder'], /--responder is about an incident/],
  [[...ENGINEER, '--severity', '0'], /--severity is a whole number from 1 to 5/],
  [[...ENGINEER, '--severity', '6'], /--severity is a whole number from 1 to 5/],
  [[...ENGINEER, '--on-call', 'first'], /--on-call is a whole number/],
];

for (const [argv, message] of misused) {
  test(`refused with the way it is meant: jit policy explain ${argv.slice(6).join(' ')}`, () => {
    assert.throws(
      () => readCommandLine(['policy', 'explain', EXAMPLE, ...argv]),
      (thrown) => thrown instanceof JitError && thrown.code === 'ERR_USAGE' && message.test(thrown.message),
    );
  });
}

test('a case of an emergency that comes out otherwise is shown with what was expected', async (t) => {
  const folder = await changed(t, 'emergencies.cedar', (text) =>
    text
      .replace('@sealed("2")', '@sealed("3")')
      .replace('@warn("2m")', '@warn("5m")')
      .replace('@handover("ends")', '@handover("stays")')
      .replace('context.incident.severity <= 2', 'context.incident.severity <= 4'),
  );
  const { status, stdout } = await jit('test', join(folder, 'cases.yaml'), '--config', CONFIG);
  assert.equal(status, 1);
  assert.match(stdout, /sealed\n +expected {2}2 of on-call\n +actual {4}3 of on-call/);
  assert.match(stdout, /warn\n +expected {2}2m\n +actual {4}5m/);
  assert.match(stdout, /handover\n +expected {2}ends\n +actual {4}stays/);
  assert.match(
    stdout,
    /wrong a small incident is no emergency[^]*?decision\n +expected {2}denied\n +actual {4}break-glass/,
  );
});

const mistakes: readonly (readonly [name: string, change: (text: string) => string, message: RegExp])[] = [
  [
    'an emergency without its incident',
    (text) => text.replace('    incident: { severity: 4, services: [web], responder: true }\n', ''),
    /cases\.yaml:\d+: cases\.\d+\.incident: missing/,
  ],
  [
    'an incident of a plain request',
    (text) => text.replace('    action: break-glass\n', ''),
    /incident: needs action: break-glass/,
  ],
  [
    'a severity that there is not',
    (text) => text.replace('severity: 4,', 'severity: 7,'),
    /cases\.yaml:\d+: .*incident\.severity/,
  ],
  [
    'an unknown fact',
    (text) => text.replace('severity: 4,', 'sevrity: 4,'),
    /unknown field sevrity, did you mean severity\?/,
  ],
  [
    'voters on an emergency',
    (text) => text.replace('      decision: break-glass\n', '      decision: break-glass\n      may_approve: [cleo]\n'),
    /may_approve: nobody approves an emergency beforehand/,
  ],
  [
    'a sealed path of a plain request',
    (text) => text.replace('      decision: auto\n', '      decision: auto\n      sealed: false\n'),
    /sealed: needs action: break-glass/,
  ],
];

for (const [name, change, message] of mistakes) {
  test(`a mistake about emergencies in the file of cases is told with its line: ${name}`, async (t) => {
    const folder = await changed(t, 'cases.yaml', change);
    const outcome = await jit('test', join(folder, 'cases.yaml'), '--config', CONFIG).catch((thrown: unknown) => {
      assert.ok(thrown instanceof JitError && thrown.code === 'ERR_CONFIG');
      return { status: 2, stderr: thrown.message };
    });
    assert.equal(outcome.status, 2);
    assert.match(outcome.stderr, message);
  });
}

test('check warns of a break-glass rule that any open incident satisfies, and of operations that there are not', async (t) => {
  const folder = await changed(
    t,
    'emergencies.cedar',
    (text) =>
      `${text}\n@id("loose") permit (principal is Jit::User, action == Jit::Action::"BreakGlass", resource == Jit::Target::"staging")\nwhen { context.operation == "rolback-web" };\n`,
  );
  const { status, stdout } = await jit('check', folder, '--config', CONFIG, '--strict');
  assert.equal(status, 1);
  assert.match(stdout, /emergencies\.cedar:\d+ policy loose: does not look at the incident.*\[any-incident\]/);
  assert.match(stdout, /policy loose: the configuration has no operation rolback-web, did you mean rollback-web\?/);
});

test('check refuses a break-glass rule that would reach pipelines by accident, and says what to write', async (t) => {
  const folder = await changed(t, 'emergencies.cedar', (text) =>
    text.replace('principal is Jit::User in Jit::Group::"engineers"', 'principal in Jit::Group::"engineers"'),
  );
  const { status, stdout } = await jit('check', folder);
  assert.equal(status, 1);
  assert.match(
    stdout,
    /emergencies\.cedar:\d+ policy emergency-web: a permit on BreakGlass says in its scope .*principal is Jit::User/,
  );
});

test('diff tells who gains and loses break-glass, in which incidents', async (t) => {
  const after = await changed(t, 'emergencies.cedar', (text) =>
    text
      .replace(
        'context.incident.severity <= 2 && context.incident.services.contains("web")',
        'context.incident.severity <= 3 && context.incident.services.contains("web")',
      )
      .replace('@max("30m")\n@renewals("2")\n@reason("20")', '@max("45m")\n@renewals("2")\n@reason("20")')
      .replace(
        'context.incident.severity == 1 && context.incident.commander',
        'context.incident.severity == 1 && context.incident.commander && context.incident.responder && resource.environment == "dev"',
      ),
  );
  const { status, stdout } = await jit('diff', EXAMPLE, after, '--config', CONFIG);
  assert.equal(status, 0);
  assert.match(
    stdout,
    /gains +user in engineers +prod-web +.*rollback-web.* in an incident of severity 3.*denied +break-glass, up to 1h, 4 renewals, idle 30m, until hand-over/,
  );
  assert.match(
    stdout,
    /loses +user in engineers +prod-data +.*read-customer in an incident.*break-glass, up to 15m.* +denied/,
  );
  assert.match(
    stdout,
    /changes +user in payments +prod-payments .*break-glass, up to 30m.*warning 2m.*break-glass, up to 45m/,
  );
  const requests = stdout
    .split('\n')
    .filter((line) => /^(?:gains|loses|changes)/.test(line) && !line.includes('in an incident'));
  assert.deepEqual(requests, [], 'nothing changes without an emergency');
});
