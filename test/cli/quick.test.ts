/**
 * The quick ways say what the long ways say. Program, keeper, broker and sandbox are real.
 * @module
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempHome } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';

const JIT = join(import.meta.dirname, '..', '..', 'bin', 'jit');

test('jit status says the same the quick way and the long way, for people and for programs', async (t) => {
  const { env } = tempHome(t);
  const jit = (variables: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ended> =>
    run(process.execPath, [JIT, ...args], { env: { ...env, ...variables } });
  const ask = ['--for', '10m', '--reason', 'x'];
  const first = await jit({}, 'request', 's3:ListBucket', 'arn:aws:s3:::sandbox-reports', ...ask);
  assert.equal(first.status, 0, first.stderr);
  const second = await jit({}, 'request', 's3:GetObject', 'arn:aws:s3:::sandbox-reports/*', ...ask, '--profile', 'p');
  assert.equal(second.status, 0, second.stderr);
  // A variable of sudo makes it look around first, which is the long way; root in its own home may go on.
  const long = { SUDO_UID: '0' };
  const parts = ({ stdout }: Ended): readonly string[] =>
    stdout
      .replaceAll(/ +/g, ' ')
      .replaceAll(/in \w+ \(/g, 'in …(')
      .split('\n');
  assert.deepEqual(parts(await jit({}, 'status')), parts(await jit(long, 'status')));
  const documentOf = ({ stdout }: Ended): unknown =>
    JSON.parse(stdout, (name, value: unknown) => (name === 'remainingMs' ? typeof value : value));
  assert.deepEqual(documentOf(await jit({}, 'status', '--json')), documentOf(await jit(long, 'status', '--json')));
});
