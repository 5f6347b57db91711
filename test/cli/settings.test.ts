/**
 * config.yaml: strict keys, and which broker is chosen.
 * @module
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Context } from '../../src/cli/context.ts';
import { chosenBroker, parseSettings } from '../../src/cli/settings.ts';
import { keyOf, writeSetting } from '../../src/cli/settings-edit.ts';
import { JitError } from '../../src/core/errors.ts';
import { tempHome } from '../support/home.ts';
import { testWorld } from './world.ts';

const WORK = 'broker: work\nbrokers:\n  work:\n    url: https://jit.example.com\n';

function place(t: TestContext, text: string | null, env: Readonly<Record<string, string>> = {}): Context {
  const { context } = testWorld({ env: { ...tempHome(t).env, ...env } });
  const { configFile } = context.paths();
  if (text !== null) {
    mkdirSync(dirname(configFile), { recursive: true });
    writeFileSync(configFile, text);
  }
  return context;
}

test('no file and no variable: the embedded broker', async (t) => {
  const context = place(t, null);
  assert.deepEqual(await chosenBroker(context.env, context.paths()), {
    kind: 'embedded',
    socket: context.paths().brokerSocket,
  });
});

test('the file names a broker; JIT_BROKER wins with a name or an address', async (t) => {
  const name = async (env: Readonly<Record<string, string>>): Promise<string> => {
    const context = place(t, WORK, env);
    const ref = await chosenBroker(context.env, context.paths());
    return ref.kind === 'url' ? `${ref.name} ${ref.url.href}` : ref.kind;
  };
  assert.equal(await name({}), 'work https://jit.example.com/');
  assert.equal(await name({ JIT_BROKER: 'embedded' }), 'embedded');
  assert.equal(await name({ JIT_BROKER: 'work' }), 'work https://jit.example.com/');
  assert.equal(await name({ JIT_BROKER: 'https://other.example.com' }), 'other.example.com https://other.example.com/');
  assert.equal(await name({ JIT_BROKER: 'https://jit.example.com' }), 'work https://jit.example.com/');
  await assert.rejects(name({ JIT_BROKER: 'wrok' }), { code: 'ERR_CONFIG', hint: 'did you mean work?' });
  await assert.rejects(name({ JIT_BROKER: 'http://other.example.com' }), { code: 'ERR_USAGE' });
});

const WRONG: readonly (readonly [text: string, said: RegExp])[] = [
  ['brokr: x\n', /no setting brokr/],
  ['broker: work\n', /not in brokers/],
  ['broker: 3\n', /broker is not text/],
  ['brokers: []\n', /not a table/],
  ['brokers:\n  work:\n    ulr: x\n', /no setting brokers.work.ulr/],
  ['brokers:\n  work: {}\n', /brokers.work.url is missing/],
  ['brokers:\n  Work:\n    url: https://x\n', /cannot be the name/],
  ['brokers:\n  embedded:\n    url: https://x\n', /cannot be the name/],
  ['brokers:\n  w:\n    url: http://jit.example.com\n', /plain http/],
  ['brokers:\n  w:\n    url: https://user:pw@x\n', /no user name/],
  ['broker: [\n', /line \d+ is not YAML/],
  ['broker: a\nbroker: b\n', /line \d+ is not YAML/],
  ['a: &a [x,x]\nb: *a\n', /aliases/],
  ['- x\n', /not a table/],
];

for (const [text, said] of WRONG) {
  test(`refused with status 2: ${JSON.stringify(text)}`, async () => {
    await assert.rejects(parseSettings(text, 'config.yaml'), (thrown) => {
      assert.ok(thrown instanceof JitError, String(thrown));
      assert.match(thrown.message, said);
      return thrown.facts.exit === 2;
    });
  });
}

test('changing one setting keeps comments and order, and the file is private', async (t) => {
  const context = place(t, null);
  const { configFile } = context.paths();
  await writeSetting(context, keyOf('brokers.work.url'), 'https://jit.example.com');
  assert.equal(statSync(configFile).mode & 0o777, 0o600);
  writeFileSync(configFile, `# ours\n${readFileSync(configFile, 'utf8')}`);
  await writeSetting(context, keyOf('broker'), 'work');
  const text = readFileSync(configFile, 'utf8');
  assert.match(text, /^# ours\n/);
  assert.equal((await parseSettings(text, 'x')).broker, 'work');
});

test('what would make the file invalid is refused, and it stays as it was', async (t) => {
  const context = place(t, WORK);
  const { configFile } = context.paths();
  await assert.rejects(writeSetting(context, keyOf('broker'), 'home'), { code: 'ERR_CONFIG' });
  await assert.rejects(writeSetting(context, keyOf('brokers.work.url'), null), { code: 'ERR_CONFIG' });
  assert.equal(readFileSync(configFile, 'utf8'), WORK);
  const broken = place(t, 'broker: [\n');
  await assert.rejects(writeSetting(broken, keyOf('broker'), 'embedded'), { code: 'ERR_CONFIG' });
  assert.equal(readFileSync(broken.paths().configFile, 'utf8'), 'broker: [\n');
  assert.ok(existsSync(configFile));
  chmodSync(configFile, 0o600);
});
