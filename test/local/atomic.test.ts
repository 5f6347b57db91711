import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { JitError } from '../../src/core/errors.ts';
import { openOwnFile, readOwnFile, removeFile, replaceFile, sweepTemps } from '../../src/local/atomic.ts';
import { ground, mount, run } from './ground.ts';
import { skipUnless, skipUnlessRoot } from '../support/tools.ts';

const MODULE = JSON.stringify(join(import.meta.dirname, '../../src/local/atomic.ts'));
const OLD = 'old content\n';
const NEW = Buffer.from('new content\n');

async function refusal(attempt: Promise<unknown>): Promise<string> {
  const thrown: unknown = await attempt.then(
    () => assert.fail('it was not refused'),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof JitError, String(thrown));
  assert.equal(thrown.code, 'ERR_LOCAL_FILE');
  return `${thrown.message} | ${thrown.hint ?? ''}`;
}

function fileWith(t: TestContext, mode = 0o600): { top: string; path: string } {
  const top = ground(t);
  const path = join(top, 'file');
  fs.writeFileSync(path, OLD);
  fs.chmodSync(path, mode);
  return { top, path };
}

const temps = (dir: string): string[] => fs.readdirSync(dir).filter((name) => name.endsWith('.tmp'));
const program = (code: string): string[] => [
  '--input-type=module',
  '-e',
  `import { replaceFile } from ${MODULE}; ${code}`,
];

test('a new file is 0600 also under umask 000, an existing one keeps its mode, and no temp stays', async (t) => {
  const top = ground(t);
  const code = program(`await replaceFile(${JSON.stringify(join(top, 'new'))}, Buffer.from('x'), { mode: 0o600 });`);
  const ended = await run('sh', ['-c', 'umask 000; exec "$0" "$@"', process.execPath, ...code]);
  assert.equal(ended.status, 0, ended.stderr);
  assert.equal(fs.statSync(join(top, 'new')).mode & 0o777, 0o600);
  for (const mode of [0o644, 0o640, 0o400]) {
    fs.writeFileSync(join(top, `f${mode}`), OLD, { mode });
    fs.chmodSync(join(top, `f${mode}`), mode);
    await replaceFile(join(top, `f${mode}`), NEW, { mode: 0o600 });
    assert.equal(fs.statSync(join(top, `f${mode}`)).mode & 0o777, mode);
    assert.deepEqual(fs.readFileSync(join(top, `f${mode}`)), NEW);
  }
  assert.deepEqual(temps(top), []);
});

test("the user's own symbolic link stays a link, and its target is replaced where it is", async (t) => {
  const { top, path } = fileWith(t);
  fs.mkdirSync(join(top, 'home'));
  const link = join(top, 'home', 'config');
  fs.symlinkSync('../file', link);
  assert.equal((await readOwnFile(link, 100))?.toString(), OLD);
  await replaceFile(link, NEW, { mode: 0o600 });
  assert.ok(fs.lstatSync(link).isSymbolicLink());
  assert.deepEqual(fs.readFileSync(path), NEW);
  assert.deepEqual(fs.readdirSync(join(top, 'home')), ['config']);
});

test('a link to nothing, to a folder, to a device and in a circle are refused, and nothing is created', async (t) => {
  const top = ground(t);
  for (const [name, target] of [
    ['nothing', 'none'],
    ['folder', '.'],
    ['device', '/dev/null'],
    ['circle', 'circle'],
  ] as const) {
    fs.symlinkSync(target, join(top, name));
    await refusal(readOwnFile(join(top, name), 100));
    await refusal(replaceFile(join(top, name), NEW, { mode: 0o600 }));
  }
  assert.deepEqual(fs.readdirSync(top).toSorted(), ['circle', 'device', 'folder', 'nothing']);
});

test(
  'a FIFO, a device, a folder and a second hard link are refused without waiting for them',
  { skip: skipUnless('mkfifo') },
  async (t) => {
    const { top, path } = fileWith(t);
    spawnSync('mkfifo', [join(top, 'fifo')]);
    fs.linkSync(path, join(top, 'second'));
    for (const odd of [join(top, 'fifo'), '/dev/null', top, path]) {
      assert.match(await refusal(readOwnFile(odd, 100)), /not a regular file|hard link/);
      assert.match(await refusal(replaceFile(odd, NEW, { mode: 0o600 })), /not a regular file|hard link/);
    }
    assert.equal(fs.readFileSync(join(top, 'second'), 'utf8'), OLD);
  },
);

test('files, links and folders of another user are refused', { skip: skipUnlessRoot() }, async (t) => {
  const { top, path } = fileWith(t);
  fs.symlinkSync(path, join(top, 'link'));
  fs.lchownSync(join(top, 'link'), 65_534, 65_534);
  assert.match(await refusal(replaceFile(join(top, 'link'), NEW, { mode: 0o600 })), /link of another user/);
  fs.chownSync(path, 65_534, 65_534);
  for (const attempt of [readOwnFile(path, 100), replaceFile(path, NEW, { mode: 0o600 })]) {
    assert.match(await refusal(attempt), /belongs to another user \| make it yours with: sudo chown 0 /);
  }
  fs.mkdirSync(join(top, 'theirs'));
  fs.chownSync(join(top, 'theirs'), 65_534, 65_534);
  assert.match(
    await refusal(replaceFile(join(top, 'theirs', 'f'), NEW, { mode: 0o600 })),
    /folder belongs to another user/,
  );
  assert.equal(fs.readFileSync(path, 'utf8'), OLD);
});

test('a folder that everybody can write to is refused unless it is sticky', async (t) => {
  const { top, path } = fileWith(t);
  fs.chmodSync(top, 0o777);
  assert.match(
    await refusal(replaceFile(path, NEW, { mode: 0o600 })),
    /everybody can write to the folder \| close it with: chmod o-w /,
  );
  fs.chmodSync(top, 0o1777);
  assert.equal(await replaceFile(path, NEW, { mode: 0o600 }), 'replaced');
});

test(
  'an ordinary user without rights on the folder gets exit 11 and the old file',
  { skip: skipUnlessRoot('setpriv') },
  async (t) => {
    const { top, path } = fileWith(t);
    fs.chownSync(path, 65_534, 65_534);
    fs.chownSync(top, 65_534, 65_534);
    fs.chmodSync(top, 0o500);
    const code = program(
      `await replaceFile(${JSON.stringify(path)}, Buffer.from('x'), { mode: 0o600 }).catch((e) => console.log(e.code, e.message, e.hint));`,
    );
    const ended = await run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, ...code]);
    if (ended.status !== 0) return t.skip(`this user cannot run node: ${ended.stderr}`);
    assert.match(ended.stdout, /ERR_LOCAL_FILE .*permission is denied .*jit exec/);
    assert.equal(fs.readFileSync(path, 'utf8'), OLD);
  },
);

test('a larger file than allowed is refused; an absent one is null', async (t) => {
  const { top, path } = fileWith(t);
  assert.equal((await readOwnFile(path, OLD.length))?.toString(), OLD);
  assert.match(await refusal(readOwnFile(path, OLD.length - 1)), /larger than 11 bytes/);
  assert.equal(await readOwnFile(join(top, 'none'), 10), null);
  assert.equal(await readOwnFile(join(top, 'none', 'none'), 10), null);
});

test(
  'on a full disk the old file stays whole, the message says so, and no temp stays',
  { skip: skipUnlessRoot('mount') },
  async (t) => {
    const top = ground(t);
    const skipped = mount(top, '-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs');
    if (skipped !== null) return t.skip(skipped);
    const path = join(top, 'file');
    fs.writeFileSync(path, OLD);
    assert.match(
      await refusal(replaceFile(path, Buffer.alloc(128 * 1024), { mode: 0o600 })),
      /no space is left.*free some space/,
    );
    assert.equal(fs.readFileSync(path, 'utf8'), OLD);
    assert.deepEqual(fs.readdirSync(top), ['file']);
    await replaceFile(path, NEW, { mode: 0o600 });
  },
);

test(
  'on a read-only disk the message names the file and the way without files',
  { skip: skipUnlessRoot('mount') },
  async (t) => {
    const { top, path } = fileWith(t);
    const skipped = mount(top, '--bind', top);
    if (skipped !== null) return t.skip(skipped);
    assert.equal(spawnSync('mount', ['-o', 'remount,ro,bind', top]).status, 0);
    assert.match(
      await refusal(replaceFile(path, NEW, { mode: 0o600 })),
      /file: the file system is read-only \| jit exec/,
    );
  },
);

test(
  'a single file mounted by a container is refused with the remedy',
  { skip: skipUnlessRoot('mount') },
  async (t) => {
    const { top, path } = fileWith(t);
    fs.writeFileSync(join(top, 'host'), OLD);
    const skipped = mount(path, '--bind', join(top, 'host'));
    if (skipped !== null) return t.skip(skipped);
    assert.match(await refusal(replaceFile(path, NEW, { mode: 0o600 })), /mount point.*mount the folder/);
    assert.deepEqual(temps(top), []);
  },
);

/** One replacement in a process of its own in which strace strikes at the nth such call of the one file thread. */
async function struck(top: string, strike: string): Promise<number | null> {
  const code = program(
    `await replaceFile(${JSON.stringify(join(top, 'file'))}, Buffer.from(${JSON.stringify(NEW.toString())}), { mode: 0o600 })
      .catch((e) => process.exit(e.facts.exit));`,
  );
  const args = ['-qq', '-f', '-o', '/dev/null', '-e', `inject=${strike}`, process.execPath, ...code];
  return (await run('strace', args, { UV_THREADPOOL_SIZE: '1' })).status;
}

test(
  'an error of the disk at fchmod, fsync or rename is exit 11, with the old file and no temp (strace)',
  { skip: skipUnless('strace') },
  async (t) => {
    const { top, path } = fileWith(t);
    for (const call of ['fchmod', 'fsync', 'rename']) {
      assert.equal(await struck(top, `${call}:error=EIO:when=1`), 11);
      assert.deepEqual([fs.readFileSync(path, 'utf8'), temps(top)], [OLD, []]);
    }
  },
);

test(
  'kill -9 at each step leaves the old or the new file, and the next sweep removes the temp (strace)',
  { skip: skipUnless('strace') },
  async (t) => {
    const { top, path } = fileWith(t);
    const rounds = [
      ['fchmod:when=1', OLD],
      ['fsync:when=1', OLD],
      ['rename:when=1', OLD],
      ['fsync:when=2', NEW.toString()],
    ] as const;
    for (const [at, content] of rounds) {
      fs.writeFileSync(path, OLD);
      assert.notEqual(await struck(top, at.replace(':', ':signal=SIGKILL:')), 0);
      assert.equal(fs.readFileSync(path, 'utf8'), content, at);
      assert.equal(temps(top).length, content === OLD ? 1 : 0, at);
      for (const name of temps(top)) assert.equal(fs.statSync(join(top, name)).mode & 0o777, 0o600);
      await sweepTemps(top);
      assert.deepEqual(fs.readdirSync(top), ['file']);
    }
  },
);

test('a file that changed since it was read is not replaced: other bytes, another inode, or gone', async (t) => {
  const { path } = fileWith(t);
  const changes: readonly (() => void)[] = [
    () => fs.writeFileSync(path, OLD.toUpperCase()),
    () => fs.appendFileSync(path, 'more'),
    () => fs.rmSync(path),
    () => (fs.copyFileSync(path, `${path}2`), fs.renameSync(`${path}2`, path)),
  ];
  for (const change of changes) {
    fs.writeFileSync(path, OLD);
    const read = await openOwnFile(path, 100);
    assert.ok(read !== null);
    await read.handle.close();
    change();
    const before = fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : null;
    assert.equal(await replaceFile(path, NEW, { mode: 0o600, expect: read }), 'changed');
    assert.equal(await removeFile(path, read), 'changed');
    assert.equal(fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : null, before);
  }
  fs.writeFileSync(path, OLD);
  assert.equal(await replaceFile(path, NEW, { mode: 0o600, expect: 'absent' }), 'changed');
  assert.deepEqual(temps(join(path, '..')), []);
});

test('a sweep removes only temps of dead jit processes: nothing younger, of living ones, or with another name', async (t) => {
  const top = ground(t);
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const stale = `.jit-${dead}-0123456789abcdef.tmp`;
  const kept = [
    `.jit-${process.pid}-0123456789abcdef.tmp`,
    `.jit-${dead}-0123456789abcdeX.tmp`,
    `jit-${dead}-0123456789abcdef.tmp`,
    'config.tmp',
  ];
  for (const name of [stale, ...kept]) fs.writeFileSync(join(top, name), '');
  fs.mkdirSync(join(top, `.jit-${dead}-aaaaaaaaaaaaaaaa.tmp`));
  assert.equal(await sweepTemps(top, Date.now() - 60_000), 0);
  assert.equal(await sweepTemps(top, Date.now() + 60_000), 1);
  assert.deepEqual(fs.readdirSync(top).toSorted(), [`.jit-${dead}-aaaaaaaaaaaaaaaa.tmp`, ...kept].toSorted());
  assert.equal(await sweepTemps(join(top, 'none')), 0);
});
