/**
 * Runs `commit-loop.ts` and looks at what it left behind.
 * @module
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { DatabaseSync } from 'node:sqlite';
import { leafHash } from '../../../../src/audit/entry.ts';
import { gr } from '../samples.ts';

const LOOP = new URL('commit-loop.ts', import.meta.url).pathname;

/** What each version of a grant looks like when nothing of its commit is missing. */
const EXPECTED: Readonly<Record<string, { readonly state: string; readonly effects: string }>> = {
  1: { state: 'issuing', effects: 'issue' },
  2: { state: 'active', effects: 'expire' },
  3: { state: 'revoking', effects: 'expire,revoke' },
  4: { state: 'closed', effects: 'expire' },
};

export interface Run {
  /** The highest acknowledged version by grant number. */
  readonly acknowledged: ReadonlyMap<number, number>;
  /** The codes of commits that were refused. */
  readonly failures: readonly string[];
}

export interface Loop {
  readonly file: string;
  readonly first: number;
  readonly atOnce: number;
  readonly lives: number;
  /** What the process does at a refused commit. Default: it goes on with the next grant. */
  readonly atFailure?: 'die';
  /** A program that runs the process, such as a tracer, with its arguments. */
  readonly under?: readonly string[];
}

/** @param onLine called after each line of the child, with their number so far; may kill the child. */
export async function runLoop(loop: Loop, onLine: (child: ChildProcess, lines: number) => void): Promise<Run> {
  const args = [loop.file, loop.first, loop.atOnce, loop.lives, loop.atFailure ?? 'go-on'].map(String);
  const [program = process.execPath, ...rest] = [...(loop.under ?? []), process.execPath, LOOP, ...args];
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => {
    output += chunk;
    onLine(child, output.split('\n').length - 1);
  });
  await once(child, 'close');
  const acknowledged = new Map<number, number>();
  const failures: string[] = [];
  // A line that was cut by the kill says nothing.
  for (const line of output
    .slice(0, output.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)) {
    const [number = '', version = '', code = ''] = line.split(' ');
    if (version === 'failed') failures.push(code);
    else acknowledged.set(Number(number), Number(version));
  }
  return { acknowledged, failures };
}

/** Every acknowledged commit is there, and each commit is there whole or not at all: state, effects, entries, numbering. */
export function requireWhole(file: string, acknowledged: ReadonlyMap<number, number>): ReadonlyMap<string, number> {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    assert.equal(db.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
    assert.deepEqual(db.prepare('PRAGMA foreign_key_check').all(), []);
    const versions = new Map<string, number>();
    const rows = db.prepare(`
      SELECT id, version, state,
        (SELECT group_concat(kind) FROM (SELECT kind FROM effects WHERE grant_n = grants.n ORDER BY kind)) AS effects,
        (SELECT count(*) FROM entries WHERE grant_n = grants.n) AS entries,
        (SELECT count(*) FROM legs WHERE grant_n = grants.n) AS legs,
        (SELECT count(*) FROM requests WHERE requests.grant_id = grants.id AND requests.n = grants.n) AS requests
      FROM grants`);
    for (const { id, version, ...rest } of rows.all()) {
      assert.deepEqual(
        { ...rest },
        { ...EXPECTED[String(version)], entries: version, legs: 1, requests: 1 },
        String(id),
      );
      versions.set(String(id), Number(version));
    }
    for (const [number, version] of acknowledged) {
      const found = versions.get(gr(number)) ?? 0;
      assert.ok(found >= version, `${gr(number)} was acknowledged at ${version} and is at ${found}`);
    }
    for (const [sequence, row] of db.prepare('SELECT seq, line, leaf FROM entries ORDER BY seq').all().entries()) {
      assert.equal(row['seq'], sequence);
      const line: unknown = JSON.parse(String(row['line']));
      assert.ok(typeof line === 'object' && line !== null && 'seq' in line && line.seq === sequence);
      assert.deepEqual(row['leaf'], new Uint8Array(leafHash(String(row['line']))));
    }
    return versions;
  } finally {
    db.close();
  }
}
