/**
 * `jit policy explain` about a request: launcher, embedded broker, sandbox and policies are the real ones.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readCommandLine } from '../../src/cli/program.ts';
import { explanationViewSchema } from '../../src/wire/views.ts';
import { type Home, tempHome } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';
import { succeeded } from './shared.ts';

const JIT = resolve('bin/jit');
const RULES = `
@id("look") @tier("auto") @max("15m")
permit(principal, action == Jit::Action::"Request", resource) when { context.access == "read" };
@id("no-salaries") @description("salaries are not for jit")
forbid(principal, action == Jit::Action::"Request", resource)
when { context.resource like "*salaries*" };
`;

function ownBroker(t: TestContext): Home {
  const home = tempHome(t);
  const folder = join(home.path, '.config', 'jit');
  mkdirSync(join(folder, 'rules'), { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'broker.yaml'), 'policies: ./rules\n', { mode: 0o600 });
  writeFileSync(join(folder, 'rules', 'own.cedar'), RULES, { mode: 0o600 });
  return home;
}

const jit = async ({ env }: Home, ...args: readonly string[]): Promise<Ended> =>
  run(process.execPath, [JIT, ...args], { env });

const asks = (operation: string, resource: string, time: string): readonly string[] => [
  'request',
  operation,
  `arn:aws:s3:::${resource}`,
  '--for',
  time,
  '--reason',
  'look at it',
];

async function deniedId(home: Home, line: readonly string[]): Promise<string> {
  const { status, stdout } = await jit(home, ...line, '--json');
  assert.equal(status, 5, stdout);
  const [id] = /req_\w{26}/.exec(stdout) ?? [];
  assert.ok(id !== undefined, stdout);
  return id;
}

test('a denied request is explained: which rule it was, and what would change it', async (t) => {
  const home = ownBroker(t);
  const forbidden = await deniedId(home, asks('s3:GetObject', 'sandbox-reports/salaries.csv', '5m'));
  const { stdout } = succeeded(await jit(home, 'policy', 'explain', forbidden));
  assert.match(stdout, new RegExp(`^request +${forbidden}$`, 'm'));
  assert.match(stdout, /^decided +denied: salaries are not for jit\nby rule +no-salaries$/m);
  assert.match(stdout, /^policies +[0-9a-f]{12}, still the present ones$/m);
  assert.match(stdout, /^permission +s3:GetObject\nresource +arn:aws:s3:::sandbox-reports\/salaries\.csv$/m);
  assert.match(stdout, /^no-salaries +forbids +it decides$/m);

  const changing = await deniedId(home, asks('s3:PutObject', 'sandbox-reports/a.csv', '5m'));
  const write = succeeded(await jit(home, 'policy', 'explain', changing));
  assert.match(write.stdout, /^decided +denied: no policy permits this$/m);
  assert.match(write.stdout, /^look +auto +context\.access == "read"$/m);

  const long = await deniedId(home, asks('s3:GetObject', 'sandbox-reports/a.csv', '1h'));
  const told = succeeded(await jit(home, 'policy', 'explain', long));
  assert.match(told.stdout, /^asked now +denied: at most 15m here\nby rule +look\nor +--for 15m$/m);
});

test('a grant is explained by its request, as one document too; an unknown id is not found', async (t) => {
  const home = ownBroker(t);
  const made = succeeded(await jit(home, ...asks('s3:GetObject', 'sandbox-reports/a.csv', '5m'), '--json'));
  const { grant } = JSON.parse(made.stdout);
  const { stdout } = succeeded(await jit(home, 'policy', 'explain', grant.id, '--json'));
  const { schema, broker, ...view } = JSON.parse(stdout);
  assert.deepEqual([schema, broker], ['jit.request-explanation/v1', 'embedded']);
  const { request, decided, now, questions } = explanationViewSchema.parse(view);
  assert.deepEqual([request, decided.state, decided.policies], [grant.request, 'approved', ['look']]);
  assert.deepEqual([now?.state, now?.tier, questions.length], ['approved', 'auto', 1]);
  const unknown = await jit(home, 'policy', 'explain', `req_${'0'.repeat(26)}`);
  assert.equal(unknown.status, 9, unknown.stderr);
  assert.match(unknown.stderr, /^jit: there is no request req_0{26} of yours$/m);
});

test('an id takes nothing beside it, and what only looks like one is a file', () => {
  const id = `req_${'0'.repeat(26)}`;
  const refused = (...argv: readonly string[]): string => {
    try {
      readCommandLine(['policy', 'explain', ...argv]);
      return 'taken';
    } catch (thrown) {
      return thrown instanceof Error ? thrown.message : 'else';
    }
  };
  assert.equal(refused(id), 'taken');
  assert.equal(refused(id, '--json'), 'taken');
  assert.equal(refused(id, '--ticket'), 'an id says everything, --ticket too');
  assert.equal(refused(id, '--config', 'broker.yaml'), 'an id says everything, --config too');
  assert.equal(refused(id, id), 'jit policy explain takes at most 1 path');
  assert.match(refused('req_notes'), /^what to explain is missing/);
});
