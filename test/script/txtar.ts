/**
 * Scripts for the command line, in the txtar form: a script, then files that lie in its home.
 *
 * `jit …` and `sh …` run a command that must succeed; `jit(5) …` must end with that status, `sh(*) …` with any but 0. What follows looks at the last one:
 * `stdout REGEX`, `stderr REGEX`, `! stdout REGEX`; `let NAME .path.in.json` takes a value out of stdout for `$NAME`.
 * `eventually sh …` repeats until it succeeds. `exists`, `! exists`, `same A B`, `copy A B`, `setenv NAME VALUE` and `unsetenv NAME` do what they say; `kill REGEX` kills what runs in this home under such a command line.
 * @module
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { type Home, processesOf } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';

/** A script and its files. */
export interface Archive {
  readonly lines: readonly string[];
  readonly files: ReadonlyMap<string, string>;
}

export function parseArchive(text: string): Archive {
  const lines: string[] = [];
  const files = new Map<string, string>();
  let name: string | null = null;
  for (const line of text.split('\n')) {
    const header = /^-- (\S+) --$/.exec(line)?.[1];
    if (header !== undefined) {
      name = header;
      files.set(name, '');
    } else if (name === null) lines.push(line);
    else files.set(name, `${files.get(name) ?? ''}${line}\n`);
  }
  // The last line end belongs to the archive and not to its last file.
  for (const [file, content] of files) files.set(file, content.replace(/\n\n$/, '\n'));
  return { lines, files };
}

const JIT = resolve('bin/jit');

/** Runs a script in a home. Throws at the first line that does not hold, naming it. */
export async function runScript(archive: Archive, home: Home): Promise<void> {
  for (const [name, content] of archive.files) {
    mkdirSync(dirname(join(home.path, name)), { recursive: true });
    writeFileSync(join(home.path, name), content, { mode: 0o600 });
  }
  const state: State = {
    home,
    env: { ...home.env },
    names: new Map([
      ['HOME', home.path],
      ['JIT', JIT],
    ]),
    last: null,
  };
  for (const [index, line] of archive.lines.entries()) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    try {
      await runLine(substitute(text, state.names), state);
    } catch (thrown) {
      const { last } = state;
      const seen = last === null ? '' : `\nstatus ${String(last.status)}\n${last.stdout}\n${last.stderr}`;
      throw new Error(`line ${index + 1}: ${text}: ${thrown instanceof Error ? thrown.message : ''}${seen}`, {
        cause: thrown,
      });
    }
  }
}

interface State {
  readonly home: Home;
  readonly env: Record<string, string>;
  readonly names: Map<string, string>;
  last: Ended | null;
}

function substitute(text: string, names: ReadonlyMap<string, string>): string {
  return text.replace(/\$([A-Z]+)\b/g, (whole, name: string) => names.get(name) ?? whole);
}

async function runLine(text: string, state: State): Promise<void> {
  const { home, env, names } = state;
  const [, wanted = '', verb = '', rest = ''] = /^(! |eventually )?(\S+)\s*([\s\S]*)$/.exec(text) ?? [];
  const [, program, status = '0'] = /^(jit|sh)(?:\((\d+|\*)\))?$/.exec(verb) ?? [];
  if (program !== undefined) {
    const command = program === 'jit' ? `exec '${JIT}' ${rest}` : rest;
    const once = async (): Promise<boolean> => {
      state.last = await run('sh', ['-c', command], { env, cwd: home.path });
      return status === '*' ? state.last.status !== 0 : state.last.status === Number(status);
    };
    if (wanted === 'eventually ') await eventually(once);
    else assert.ok(await once(), `it should have ended with ${status === '*' ? 'a failure' : status}`);
    return;
  }
  const negated = wanted === '! ';
  const { stdout = '', stderr = '' } = state.last ?? {};
  switch (verb) {
    case 'stdout':
      return look(stdout, rest, negated);
    case 'stderr':
      return look(stderr, rest, negated);
    case 'exists':
      assert.equal(existsSync(join(home.path, rest)), !negated);
      return;
    case 'same': {
      const [a = '', b = ''] = rest.split(' ');
      assert.equal(readFileSync(join(home.path, a), 'latin1'), readFileSync(join(home.path, b), 'latin1'));
      return;
    }
    case 'copy': {
      const [a = '', b = ''] = rest.split(' ');
      cpSync(join(home.path, a), join(home.path, b));
      return;
    }
    case 'setenv': {
      const [name = '', ...value] = rest.split(' ');
      env[name] = value.join(' ');
      return;
    }
    case 'kill': {
      const found = processesOf(home.path).filter((pid) =>
        new RegExp(rest).test(readFileSync(`/proc/${pid}/cmdline`, 'latin1')),
      );
      assert.ok(found.length > 0, 'nobody to kill');
      for (const pid of found) process.kill(pid, 'SIGKILL');
      return;
    }
    case 'unsetenv':
      delete env[rest];
      return;
    case 'let': {
      const [name = '', path = ''] = rest.split(' ');
      names.set(name, valueAt(JSON.parse(stdout), path));
      return;
    }
    default:
      throw new Error(`no such verb: ${verb}`);
  }
}

function look(text: string, pattern: string, negated: boolean): void {
  const found = new RegExp(pattern, 'm').test(text);
  assert.ok(found !== negated, negated ? 'it should not match' : 'it should match');
}

function valueAt(value: unknown, path: string): string {
  const found = path
    .split('.')
    .filter((part) => part !== '')
    .reduce(
      (inside: unknown, part) =>
        typeof inside === 'object' && inside !== null ? new Map(Object.entries(inside)).get(part) : undefined,
      value,
    );
  assert.ok(typeof found === 'string' || typeof found === 'number', `nothing at ${path}`);
  return String(found);
}
