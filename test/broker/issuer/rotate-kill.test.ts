/**
 * `kill -9` of a rotation at the system calls that change something, with a real process under strace.
 * @module
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openKeyFile, rotateKeys } from '../../../src/broker/issuer/rotate.ts';
import { readKeyFile } from '../../../src/broker/issuer/key-file.ts';
import { tempFolder } from '../../support/home.ts';
import { run } from '../../support/run.ts';
import { skipUnless } from '../../support/tools.ts';

const SYSCALLS = 'openat,write,pwrite64,fchmod,fsync,rename,unlink,close';
const ROTATE = import.meta.resolve('../../../src/broker/issuer/rotate.ts');

test(
  'a rotation killed at any point leaves the old keys or the new ones, and the next one works (real process, strace)',
  {
    skip: skipUnless('strace'),
  },
  async (t) => {
    const folder = tempFolder(t);
    const file = join(folder, 'issuer.json');
    const [first] = (await openKeyFile(file, Date.now)).stored;
    const rotate = async (trace: readonly string[]) => {
      const script = `const { rotateKeys } = await import(${JSON.stringify(ROTATE)});
      await rotateKeys(${JSON.stringify(file)}, { kind: 'at-once' }, Date.now);`;
      return run('strace', [...trace, process.execPath, '--input-type=module', '-e', script]);
    };
    const log = `${folder}.calls`;
    t.after(() => rmSync(log, { force: true }));
    const whole = await rotate(['-f', '--seccomp-bpf', '-o', log, '-e', `trace=${SYSCALLS}`]);
    assert.equal(whole.status, 0, whole.stderr);
    const points = changes(readFileSync(log, 'latin1'));
    assert.ok(points.length >= 5, points.map(({ syscall }) => syscall).join());

    let last = readKeyFile(file)?.stored[0]?.kid;
    assert.notEqual(last, first?.kid);
    for (const { syscall, nth } of points) {
      const trace = `trace=${syscall}`;
      const inject = `inject=${syscall}:signal=SIGKILL:when=${nth}`;
      await rotate(['-f', '--seccomp-bpf', '-o', '/dev/null', '-e', trace, '-e', inject]);
      const left = readKeyFile(file)?.stored;
      assert.equal(left?.length, 1, `${syscall} ${nth}`);
      await rotateKeys(file, { kind: 'at-once' }, Date.now);
      assert.deepEqual(readdirSync(folder).toSorted(), ['issuer.json', 'issuer.lock'], `${syscall} ${nth}`);
      assert.notEqual(readKeyFile(file)?.stored[0]?.kid, last);
      last = readKeyFile(file)?.stored[0]?.kid;
    }
  },
);

interface Point {
  readonly syscall: string;
  readonly nth: number;
}

/** The calls of a trace that touch the key file or its successor, each counted within its thread as strace counts them. */
function changes(trace: string): readonly Point[] {
  const calls = new Map<string, number>();
  const points: Point[] = [];
  let written = false;
  for (const line of trace.split('\n')) {
    const [, thread, syscall] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (thread === undefined || syscall === undefined) continue;
    const nth = (calls.get(`${thread} ${syscall}`) ?? 0) + 1;
    calls.set(`${thread} ${syscall}`, nth);
    const creates = line.includes('.tmp') && line.includes('O_CREAT');
    written ||= creates;
    const counts = creates || /"\{\\"v\\":2/.test(line) || (written && /^(?:fchmod|fsync|rename)$/.test(syscall));
    if (counts) points.push({ syscall, nth });
  }
  return points;
}
