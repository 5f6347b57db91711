import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { JitError } from '../../src/core/errors.ts';
import { editFile } from '../../src/local/edit.ts';
import type { Edit } from '../../src/local/edit.ts';
import { ground } from './ground.ts';
import { eventually } from '../support/eventually.ts';

/** Appends one line unless it is there: the smallest idempotent edit. Its outcome is what it saw. */
function addLine(before: Buffer | null): Edit<string> {
  const text = before?.toString() ?? '';
  if (text.includes('ours\n')) return { kind: 'keep', outcome: 'there' };
  return { kind: 'write', bytes: Buffer.from(`${text}ours\n`), outcome: text };
}

test('an edit with nothing to do touches nothing, not even the time of the file', async (t) => {
  const path = join(ground(t), 'f');
  fs.writeFileSync(path, 'ours\n');
  const before = fs.statSync(path, { bigint: true });
  assert.equal(await editFile(path, addLine), 'there');
  const after = fs.statSync(path, { bigint: true });
  assert.deepEqual([after.ino, after.mtimeNs], [before.ino, before.mtimeNs]);
});

test('a program that writes between our reading and our writing keeps its update', async (t) => {
  const path = join(ground(t), 'f');
  fs.writeFileSync(path, 'a\n');
  let times = 0;
  const outcome = await editFile(path, (before) => {
    if (times++ === 0) fs.appendFileSync(path, 'b\n');
    return addLine(before);
  });
  assert.equal(outcome, 'a\nb\n');
  assert.equal(fs.readFileSync(path, 'utf8'), 'a\nb\nours\n');
});

test('a program that had opened the old file and writes into it after our change keeps its update', async (t) => {
  const path = join(ground(t), 'f');
  fs.writeFileSync(path, 'a\n');
  const theirs = fs.openSync(path, 'r+');
  t.after(() => {
    fs.closeSync(theirs);
  });
  const old = fs.statSync(path).ino;
  const editing = editFile(path, addLine);
  await eventually(() => fs.statSync(path).ino !== old);
  fs.ftruncateSync(theirs);
  fs.writeSync(theirs, 'a\nlate\n', 0);
  await editing;
  assert.equal(fs.readFileSync(path, 'utf8'), 'a\nlate\nours\n');
});

test('a program that writes its older copy over our change right after it does not undo it', async (t) => {
  const path = join(ground(t), 'f');
  fs.writeFileSync(path, 'a\n');
  const old = fs.statSync(path).ino;
  const editing = editFile(path, addLine);
  await eventually(() => fs.statSync(path).ino !== old);
  fs.writeFileSync(path, 'a\nstale copy\n');
  await editing;
  assert.equal(fs.readFileSync(path, 'utf8'), 'a\nstale copy\nours\n');
});

test('while another program holds its lock nothing is changed, and no reader sees a file without its update', async (t) => {
  const folder = ground(t);
  const [path, lockOfOthers] = [join(folder, 'f'), join(folder, 'f.lock')];
  fs.writeFileSync(path, 'a\n');
  const seen: string[] = [];
  let times = 0;
  const editing = editFile(
    path,
    (before) => {
      // It takes the lock after we have read, and writes a little later.
      if (times++ === 0) {
        fs.writeFileSync(lockOfOthers, '', { flag: 'wx' });
        setTimeout(() => {
          seen.push(fs.readFileSync(path, 'utf8'));
          fs.writeFileSync(path, 'a\ntheirs\n');
          fs.rmSync(lockOfOthers);
        }, 60);
      }
      return addLine(before);
    },
    { lockOfOthers },
  );
  await editing;
  assert.deepEqual(seen, ['a\n']);
  assert.equal(fs.readFileSync(path, 'utf8'), 'a\ntheirs\nours\n');
});

test('a lock that somebody left behind is not waited for, and stays', async (t) => {
  const folder = ground(t);
  const [path, lockOfOthers] = [join(folder, 'f'), join(folder, 'f.lock')];
  fs.writeFileSync(lockOfOthers, '');
  for (const when of [Date.now() - 10_000, Date.now() + 86_400_000]) {
    fs.rmSync(path, { force: true });
    fs.utimesSync(lockOfOthers, new Date(when), new Date(when));
    assert.equal(await editFile(path, addLine, { lockOfOthers }), '');
    assert.ok(fs.existsSync(lockOfOthers));
  }
});

test('a lock that is taken anew for ever is given up on, with nothing changed', async (t) => {
  const folder = ground(t);
  const [path, lockOfOthers] = [join(folder, 'f'), join(folder, 'f.lock')];
  fs.writeFileSync(path, 'a\n');
  fs.writeFileSync(lockOfOthers, '');
  await assert.rejects(editFile(path, addLine, { patienceMs: 100, lockOfOthers }), { code: 'ERR_LOCAL_FILE' });
  assert.equal(fs.readFileSync(path, 'utf8'), 'a\n');
});

test('a file that another program has just truncated is not taken for an empty one', async (t) => {
  const path = join(ground(t), 'f');
  fs.writeFileSync(path, '');
  setTimeout(() => {
    fs.writeFileSync(path, 'a\n');
  }, 2);
  await editFile(path, addLine);
  assert.equal(fs.readFileSync(path, 'utf8'), 'a\nours\n');
});

test('a file that never stands still is given up with exit 11', async (t) => {
  const path = join(ground(t), 'f');
  fs.writeFileSync(path, 'a\n');
  let times = 0;
  const restless = (before: Buffer | null): Edit<string> => {
    fs.writeFileSync(path, `a ${times++}\n`);
    return addLine(before);
  };
  await assert.rejects(
    editFile(path, restless, { patienceMs: 200 }),
    (thrown) => thrown instanceof JitError && /keeps changing/.test(thrown.message),
  );
});

test('removing removes the file, but empties one that is reached through a link', async (t) => {
  const top = ground(t);
  const empty = (before: Buffer | null): Edit<null> =>
    before === null || before.length === 0 ? { kind: 'keep', outcome: null } : { kind: 'remove', outcome: null };
  fs.writeFileSync(join(top, 'f'), 'x');
  fs.writeFileSync(join(top, 'g'), 'x');
  fs.symlinkSync('g', join(top, 'link'));
  await editFile(join(top, 'f'), empty);
  await editFile(join(top, 'link'), empty);
  assert.deepEqual(fs.readdirSync(top).toSorted(), ['g', 'link']);
  assert.equal(fs.readFileSync(join(top, 'g'), 'utf8'), '');
});

test('temps that killed jit processes left beside the file are swept', async (t) => {
  const top = ground(t);
  fs.writeFileSync(join(top, '.jit-999999999-0123456789abcdef.tmp'), 'x');
  await editFile(join(top, 'f'), addLine);
  assert.deepEqual(fs.readdirSync(top), ['f']);
});
