/**
 * The encrypted file: real files and real cryptography, in a home of its own.
 * @module
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Secret } from '../../../src/core/secret.ts';
import { openSecretStore, type SecretPlace } from '../../../src/identity/secrets/open.ts';
import type { AskPassphrase } from '../../../src/identity/secrets/passphrase.ts';
import type { SecretStore } from '../../../src/identity/secrets/store.ts';
import { localPaths } from '../../../src/local/paths.ts';
import { tempHome } from '../../support/home.ts';
import { run } from '../../support/run.ts';
import { skipUnlessRoot } from '../../support/tools.ts';

const PASSPHRASE = 'correct horse battery staple';

interface Place {
  readonly file: string;
  readonly state: string;
  readonly passphrase: string;
  readonly env: Readonly<Record<string, string>>;
  readonly notes: string[];
  open(change?: Partial<SecretPlace>): Promise<SecretStore>;
}

function place(t: TestContext): Place {
  const home = tempHome(t);
  const paths = localPaths(home.env, 'linux', process.geteuid?.() ?? 0);
  const passphrase = join(home.path, 'passphrase');
  writeFileSync(passphrase, `${PASSPHRASE}\n`, { mode: 0o600 });
  const env = { ...home.env, JIT_SECRET_STORE: 'file', JIT_SECRET_PASSPHRASE_FILE: passphrase };
  const notes: string[] = [];
  return {
    file: join(paths.state, 'secrets.json'),
    state: paths.state,
    passphrase,
    env,
    notes,
    open: (change) =>
      openSecretStore({
        choice: 'file',
        env,
        paths,
        platform: 'linux',
        note: (line) => void notes.push(line),
        ask: null,
        ...change,
      }),
  };
}

const plain = async (store: SecretStore, name: string): Promise<string | null> =>
  (await store.get(name))?.expose() ?? null;

/** A store with one secret in it; what it says later concerns a file that is already there. */
async function filled(t: TestContext): Promise<Place> {
  const here = place(t);
  await (await here.open()).set('a', new Secret('kept'));
  return here;
}

/** Nothing can be read or stored, for this reason, and the file stays as it is. */
async function refuses(here: Place, message: RegExp, change?: Partial<SecretPlace>): Promise<void> {
  const before = existsSync(here.file) ? readFileSync(here.file) : null;
  const store = await here.open(change);
  await assert.rejects(store.get('a'), { code: 'ERR_KEYCHAIN', message });
  await assert.rejects(store.set('a', new Secret('x')), { code: 'ERR_KEYCHAIN', message });
  assert.deepEqual(existsSync(here.file) ? readFileSync(here.file) : null, before);
}

test('secrets are kept under their names, private, and the first one comes with a warning', async (t) => {
  const here = place(t);
  const store = await here.open();
  assert.equal(await store.get('a'), null);
  await store.delete('a');
  assert.ok(!existsSync(here.file));
  await store.set('a', new Secret('one'));
  await store.set('a', new Secret('two é🔑\n'));
  await store.set('__proto__', new Secret('three'));
  const again = await here.open();
  assert.equal(await plain(again, 'a'), 'two é🔑\n');
  assert.equal(await plain(again, '__proto__'), 'three');
  assert.equal(await again.get('toString'), null);
  await again.delete('a');
  assert.equal(await plain(store, 'a'), null);
  assert.equal(await plain(store, '__proto__'), 'three');
  assert.equal(statSync(here.file).mode & 0o777, 0o600);
  assert.deepEqual(here.notes, [
    `secrets are kept in ${here.file}, encrypted: whoever has that file and ${here.passphrase} has your sessions`,
  ]);
});

test('equal secrets under equal names never look alike, and their length is all that shows', async (t) => {
  const here = place(t);
  const store = await here.open();
  const looks = new Set<string>();
  for (let time = 0; time < 5; time += 1) {
    await store.set('a', new Secret('the same'));
    const text = readFileSync(here.file, 'utf8');
    assert.ok(!text.includes('the same'));
    looks.add(text);
  }
  assert.equal(looks.size, 5);
});

test('the choice is never guessed: without a keychain and without the setting there is no file', async (t) => {
  const here = place(t);
  await assert.rejects(here.open({ choice: 'keychain', env: {} }), {
    code: 'ERR_NO_KEYCHAIN',
    hint: /JIT_SECRET_STORE=file/,
  });
  assert.ok(!existsSync(here.file));
});

test('without a passphrase file and without a terminal it is refused, with the way to make one', async (t) => {
  const here = place(t);
  const { JIT_SECRET_PASSPHRASE_FILE: _, ...env } = here.env;
  await assert.rejects(here.open({ env }), {
    code: 'ERR_KEYCHAIN',
    message: /no terminal/,
    hint: /JIT_SECRET_PASSPHRASE/,
  });
  await assert.rejects(here.open({ env: { ...env, JIT_SECRET_PASSPHRASE_FILE: 'relative' } }), {
    code: 'ERR_KEYCHAIN',
    message: /not an absolute path/,
  });
});

test('a person is asked once, told that it is new, and asked again after a wrong answer', async (t) => {
  const here = place(t);
  const { JIT_SECRET_PASSPHRASE_FILE: _, ...env } = here.env;
  const asked: string[] = [];
  const answers = [PASSPHRASE, 'not the right one', PASSPHRASE];
  const ask: AskPassphrase = async (use) => {
    asked.push(use);
    return new Secret(answers.shift() ?? '');
  };
  const first = await here.open({ env, ask });
  assert.equal(await first.get('a'), null);
  assert.deepEqual(asked, []);
  await first.set('a', new Secret('x'));
  await first.set('b', new Secret('y'));
  assert.deepEqual(asked, ['new']);
  const second = await here.open({ env, ask });
  await assert.rejects(second.get('a'), { code: 'ERR_KEYCHAIN', message: /another passphrase/ });
  assert.equal(await plain(second, 'a'), 'x');
  assert.equal(await plain(second, 'b'), 'y');
  assert.deepEqual(asked, ['new', 'known', 'known']);
  const short = place(t);
  const weak = await short.open({
    env: { ...env, HOME: short.env['HOME'] ?? '' },
    ask: async () => new Secret('short'),
  });
  await assert.rejects(weak.set('a', new Secret('x')), { code: 'ERR_KEYCHAIN', message: /less than 12 characters/ });
  assert.ok(!existsSync(short.file));
});

test('a wrong passphrase is told apart from damage, and neither is written over', async (t) => {
  const here = await filled(t);
  writeFileSync(here.passphrase, 'another passphrase');
  await refuses(here, /does not open .* it was made with another passphrase$/);
  writeFileSync(here.passphrase, PASSPHRASE);
  assert.equal(await plain(await here.open(), 'a'), 'kept');
});

test('every flipped byte and every cut is noticed', async (t) => {
  const here = await filled(t);
  const good = readFileSync(here.file);
  const text = good.toString('utf8');
  const entryAt = text.indexOf('"a"') + 10;
  const places = ['"jit.secrets', '"salt": "', '"check": "', '"sum": "'].map(
    (mark) => text.indexOf(mark) + mark.length + 3,
  );
  for (const at of [...places, entryAt, entryAt + 20, entryAt + 40]) {
    const bad = Buffer.from(good);
    bad[at] = bad[at] === 0x41 ? 0x42 : 0x41;
    writeFileSync(here.file, bad);
    await assert.rejects((await here.open()).get('a'), { code: 'ERR_KEYCHAIN', message: /is damaged/ }, `byte ${at}`);
    assert.deepEqual(readFileSync(here.file), bad);
  }
  for (const length of [0, 1, Math.floor(good.length / 2), good.length - 2]) {
    writeFileSync(here.file, good.subarray(0, length));
    await refuses(here, /is damaged: it is cut short or not JSON$/);
  }
  for (const other of ['null', '[]', '{}', '{"schema":"jit.secrets/v2"}', '{"schema":"jit.secrets/v1","salt":1}']) {
    writeFileSync(here.file, other);
    await refuses(here, /is damaged/);
  }
  writeFileSync(here.file, good);
  assert.equal(await plain(await here.open(), 'a'), 'kept');
});

test('an entry moved to another name, or to another file of the same passphrase, does not open', async (t) => {
  const here = await filled(t);
  await (await here.open()).set('b', new Secret('other'));
  const text = readFileSync(here.file, 'utf8');
  writeFileSync(here.file, text.replace('"a":', '"x":').replace('"b":', '"a":').replace('"x":', '"b":'));
  await assert.rejects((await here.open()).get('a'), { code: 'ERR_KEYCHAIN', message: /is damaged/ });
  const there = await filled(t);
  const line = /"a": "[^"]+"/;
  const foreign = readFileSync(there.file, 'utf8').replace(line, line.exec(text)?.[0] ?? '');
  writeFileSync(there.file, foreign);
  await assert.rejects((await there.open()).get('a'), { code: 'ERR_KEYCHAIN', message: /is damaged/ });
});

test('a file or passphrase that others can read is refused', async (t) => {
  const here = await filled(t);
  for (const path of [here.file, here.passphrase]) {
    for (const mode of [0o640, 0o604, 0o666]) {
      chmodSync(path, mode);
      await refuses(here, /open to other users$/);
    }
    chmodSync(path, 0o600);
  }
  chmodSync(here.state, 0o755);
  await assert.rejects((await here.open()).set('a', new Secret('x')), {
    code: 'ERR_KEYCHAIN',
    message: /open to other users/,
  });
  chmodSync(here.state, 0o700);
  writeFileSync(here.passphrase, 'too short\n');
  await refuses(here, /less than 12 characters/);
});

test('a passphrase file that is missing, a folder or a FIFO is refused', async (t) => {
  const here = await filled(t);
  const gone = { ...here.env, JIT_SECRET_PASSPHRASE_FILE: join(here.state, 'none') };
  await refuses(here, /names a file that is not there/, { env: gone });
  await refuses(here, /not a regular file/, { env: { ...gone, JIT_SECRET_PASSPHRASE_FILE: here.state } });
  const fifo = join(here.state, 'fifo');
  spawnSync('mkfifo', ['-m', '600', fifo]);
  await refuses(here, /not a regular file/, { env: { ...gone, JIT_SECRET_PASSPHRASE_FILE: fifo } });
});

test("another user's file, and a link of theirs, are refused", { skip: skipUnlessRoot('chown') }, async (t) => {
  const here = await filled(t);
  for (const path of [here.file, here.passphrase]) {
    spawnSync('chown', ['65534', path]);
    await refuses(here, /belongs to another user$/);
    spawnSync('chown', ['0', path]);
  }
  const real = join(here.state, 'elsewhere');
  spawnSync('mv', [here.file, real]);
  symlinkSync(real, here.file);
  assert.equal(await plain(await here.open(), 'a'), 'kept');
  spawnSync('chown', ['-h', '65534', here.file]);
  await refuses(here, /./);
});

test('processes that store at the same time lose nothing', async (t) => {
  const here = place(t);
  const names = Array.from({ length: 6 }, (_, each) => `name ${each}`);
  const ended = await Promise.all(
    names.map((name) =>
      run(process.execPath, ['test/identity/secrets/process.ts', 'set', name], { env: here.env, input: `of ${name}` }),
    ),
  );
  assert.deepEqual(new Set(ended.map(({ status }) => status)), new Set([0]));
  const store = await here.open();
  for (const name of names) assert.equal(await plain(store, name), `of ${name}`);
});

test('a full disk leaves the old secrets as they were', { skip: skipUnlessRoot('mount', 'umount') }, async (t) => {
  const here = await filled(t);
  const good = readFileSync(here.file);
  const small = join(here.env['HOME'] ?? '', 'small');
  mkdirSync(small);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k,mode=0700', 'tmpfs', small]);
  if (mounted.status !== 0) {
    t.skip('needs the right to mount');
    return;
  }
  try {
    const file = join(small, 'secrets.json');
    writeFileSync(file, good, { mode: 0o600 });
    const store = await here.open({ paths: { state: small, locks: join(here.state, 'locks') } });
    await assert.rejects(store.set('b', new Secret('x'.repeat(40_000))), {
      code: 'ERR_KEYCHAIN',
      message: /no space is left on the disk/,
    });
    assert.deepEqual(readFileSync(file), good);
    assert.equal(await plain(store, 'a'), 'kept');
  } finally {
    spawnSync('umount', ['-l', small]);
  }
});
