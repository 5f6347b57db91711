/**
 * Completion scripts, run by the shells that are there.
 * @module
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMANDS } from '../../src/cli/commands/all.ts';
import { COMPLETION_SHELLS, completionScript } from '../../src/cli/completion.ts';
import { tempFolder } from '../support/home.ts';
import { run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';

/** What bash offers for these words, the last one being typed. `jit` is a stand-in with two live grants. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const script = `
    jit() { printf 'gr_one\ngr_two\n'; }
    ${completionScript('bash', COMMANDS)}
    COMP_WORDS=(jit ${words.map((word) => `'${word}'`).join(' ')})
    COMP_CWORD=${words.length}
    _jit
    printf '%s\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await run('bash', ['-c', script]);
  assert.equal(stderr, '');
  return stdout.split('\n').filter((line) => line !== '');
}

test('bash offers commands, options, values and live grants', { skip: skipUnless('bash') }, async () => {
  assert.deepEqual(await offered('re'), ['request', 'renew', 'revoke', 'review']);
  assert.deepEqual(await offered('request', '--wr'), ['--write-credentials']);
  assert.deepEqual(await offered('revoke', ''), ['gr_one', 'gr_two']);
  assert.deepEqual(await offered('show', 'gr_t'), ['gr_two']);
  assert.deepEqual(await offered('completion', ''), ['bash', 'zsh', 'fish']);
  assert.deepEqual(await offered('env', '--shell', ''), ['sh', 'fish', 'pwsh']);
  assert.deepEqual(await offered('request', '--reason', ''), [], 'nothing instead of something wrong');
  assert.deepEqual(await offered('exec', 'x', '--', 'bas').then((found) => found.includes('bash')), true);
});

for (const shell of COMPLETION_SHELLS) {
  test(`the script for ${shell} knows every command`, () => {
    const script = completionScript(shell, COMMANDS);
    for (const { name } of COMMANDS) assert.ok(script.includes(name), name);
  });
  test(`${shell} takes the script`, { skip: skipUnless(shell) }, async (t) => {
    const file = join(tempFolder(t), 'completion');
    writeFileSync(file, completionScript(shell, COMMANDS));
    const { status, stderr } = await run(shell, ['-n', file]);
    assert.deepEqual([status, stderr], [0, '']);
  });
}
