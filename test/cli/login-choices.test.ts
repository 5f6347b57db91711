/**
 * What `jit login`, `jit logout` and `jit whoami` decide and say, against the broker's own session routes. Only the way to the
 * identity provider is a stand-in.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Context } from '../../src/cli/context.ts';
import type { Identity } from '../../src/cli/identity.ts';
import { readCommandLine } from '../../src/cli/program.ts';
import { JitError } from '../../src/core/errors.ts';
import { PERSON, type SessionBrokerOptions, WORKLOAD } from '../fakes/sessions.ts';
import { ciSource, type Scene, scene } from '../identity/session/scene.ts';
import { tempHome } from '../support/home.ts';
import { testWorld, type TestWorld } from './world.ts';

interface Desk extends TestWorld {
  readonly at: Scene;
  readonly configFile: string;
  /** Runs a command line; the error, if it ended with one. */
  jit(...argv: readonly string[]): Promise<JitError | number>;
}

async function desk(t: TestContext, options: SessionBrokerOptions = {}, config?: string): Promise<Desk> {
  const at = await scene(t, options);
  const home = tempHome(t);
  const configFile = join(home.path, '.config', 'jit', 'config.yaml');
  mkdirSync(join(home.path, '.config', 'jit'), { recursive: true });
  const named = config ?? `broker: work\nbrokers: { work: { url: '${at.broker.audience}' } }\n`;
  writeFileSync(configFile, named);
  const world = testWorld({ env: home.env, ref: at.broker.ref });
  const identity: Identity = {
    account: (ref) => ({ ref, ...at.process() }),
    bring: async ({ thumbprint, provider }) => {
      assert.equal(provider.name, 'okta');
      return at.idp.signIn('ada', thumbprint);
    },
    workload: async (name) => at.sources.find((each) => name === null || each.name === name) ?? null,
    revokeIdp: () => async () => ({ kind: 'revoked' }),
    close: () => undefined,
  };
  const context: Context = { ...world.context, identity: async () => identity };
  return {
    ...world,
    context,
    at,
    configFile,
    jit: async (...argv) => {
      world.said.stdout = '';
      world.said.stderr = '';
      const invocation = readCommandLine(argv);
      if (invocation.kind === 'help') throw new TypeError('help');
      try {
        return await invocation.bound.run(context);
      } catch (thrown) {
        if (thrown instanceof JitError) return thrown;
        throw thrown;
      }
    },
  };
}

const TWO = { providers: [PERSON, { ...PERSON, name: 'entra' }, WORKLOAD] };

test('several identity providers off a terminal: the message lists them and the hint says what to add', async (t) => {
  const { jit } = await desk(t, TWO);
  const error = await jit('login');
  assert.ok(error instanceof JitError);
  assert.deepEqual(
    [error.code, error.message, error.hint],
    ['ERR_MISSING_INPUT', 'the broker has several identity providers: okta, entra', 'add: --provider okta'],
  );
  assert.equal(await jit('login', '--provider', 'okta'), 0);
  const wrong = await jit('login', 'work', '--provider', 'otka', '--force');
  assert.ok(wrong instanceof JitError && wrong.hint === 'did you mean okta?');
});

test('a second sign-in says so and asks nobody; --force makes a new session and ends the old one', async (t) => {
  const { jit, said, at } = await desk(t);
  assert.equal(await jit('login', '--json'), 0);
  const first = JSON.parse(said.stdout);
  assert.deepEqual([first.signedIn, first.source, first.broker.name], ['now', null, 'work']);
  assert.equal(await jit('login', '--json'), 0);
  const second = JSON.parse(said.stdout);
  assert.deepEqual([second.signedIn, second.id], ['before', first.id]);
  assert.equal(await jit('login', '--force', '--json'), 0);
  assert.notEqual(JSON.parse(said.stdout).id, first.id);
  assert.deepEqual(await at.broker.audit(), ['session.opened', 'session.confirmed', 'session.opened', 'session.ended']);
});

test('whoever the provider vouches for no more is not told that all is well, but signed in anew', async (t) => {
  const { jit, said, at } = await desk(t);
  await jit('login', '--json');
  const first = JSON.parse(said.stdout);
  at.idp.forget();
  assert.equal(await jit('login', '--json'), 0);
  const second = JSON.parse(said.stdout);
  assert.deepEqual([second.signedIn, second.id === first.id], ['now', false]);
});

test('a workload by name, and by itself off a terminal; a person beside it keeps their own session', async (t) => {
  const { jit, said, at } = await desk(t);
  at.sources = [ciSource()];
  assert.equal(await jit('login', '--json'), 0);
  assert.deepEqual([JSON.parse(said.stdout).source, at.memory.kept.size, at.keychain.kept.size], ['github', 1, 0]);
  assert.equal(await jit('login', '--as', 'github'), 0);
  assert.match(said.stderr, /^jit: you are already signed in to work$/m);
  assert.equal(await jit('login', '--as', 'github', '--force'), 0);
  assert.match(said.stderr, /^jit: signed in to work$/m);
  assert.equal(await jit('whoami'), 0);
  assert.match(said.stdout, /^provider +ci, by github$/m);
});

test('an address that is new gets the name that was given, and becomes the one in use only if there was none', async (t) => {
  const { jit, configFile, at } = await desk(t, {}, 'broker: embedded\n');
  const unnamed = await jit('login', at.broker.audience);
  assert.ok(unnamed instanceof JitError && unnamed.hint === 'add: --name work', String(unnamed));
  const bad = await jit('login', at.broker.audience, '--name', 'Not A Name');
  assert.ok(bad instanceof JitError && bad.facts.exit === 2);
  assert.equal(readFileSync(configFile, 'utf8'), 'broker: embedded\n');
  assert.equal(await jit('login', at.broker.audience, '--name', 'lab'), 0);
  const after = readFileSync(configFile, 'utf8');
  assert.match(after, /^broker: embedded$/m);
  assert.match(after, /lab:\n +url: http:/);
  const again = await jit('login', at.broker.audience, '--name', 'other');
  assert.ok(again instanceof JitError && /has a name already/.test(again.message));
});

test('what answers like no broker gets no name', async (t) => {
  const { jit, configFile, at } = await desk(t, {}, '{}\n');
  await at.broker.stop();
  const error = await jit('login', at.broker.audience, '--name', 'lab');
  assert.ok(error instanceof JitError && error.code === 'ERR_BROKER_UNREACHABLE');
  assert.equal(readFileSync(configFile, 'utf8'), '{}\n');
});

test('signing out says what became of it, and of nobody', async (t) => {
  const { jit, said } = await desk(t);
  assert.equal(await jit('logout'), 0);
  assert.equal(said.stdout, 'nobody is signed in to work\n');
  await jit('login');
  assert.equal(await jit('logout', '--json'), 0);
  const { brokers } = JSON.parse(said.stdout);
  assert.deepEqual([brokers[0].sessions[0].broker, brokers[0].sessions[0].provider], ['ended', 'revoked']);
});

test('command lines that contradict themselves are refused before anything is asked', async (t) => {
  const { jit } = await desk(t);
  for (const argv of [
    ['login', '--as', 'github', '--device'],
    ['logout', 'work', '--all'],
    ['whoami', 'a', 'b'],
  ]) {
    await assert.rejects(jit(...argv), { code: 'ERR_USAGE' }, argv.join(' '));
  }
});
