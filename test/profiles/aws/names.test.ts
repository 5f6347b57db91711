import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { awsFiles, checkProfileName } from '../../../src/profiles/aws/names.ts';

test('the files are those of the aws tools: the variables, ~/ in them, and ~/.aws otherwise', () => {
  const home = { config: '/h/.aws/config', credentials: '/h/.aws/credentials' };
  assert.deepEqual(awsFiles({ HOME: '/h' }, 'linux'), home);
  assert.deepEqual(awsFiles({ HOME: '/h', AWS_CONFIG_FILE: '' }, 'linux'), home);
  const env = { HOME: '/h', AWS_CONFIG_FILE: '~/x', AWS_SHARED_CREDENTIALS_FILE: '/y' };
  assert.deepEqual(awsFiles(env, 'linux'), { config: '/h/x', credentials: '/y' });
  assert.deepEqual(awsFiles({ AWS_CONFIG_FILE: '/x', AWS_SHARED_CREDENTIALS_FILE: '/y' }, 'linux'), {
    config: '/x',
    credentials: '/y',
  });
});

test('a relative path and a missing HOME are exit 11', () => {
  for (const env of [
    {},
    { HOME: 'h' },
    { HOME: '/h', AWS_CONFIG_FILE: 'x' },
    { HOME: '/h', AWS_SHARED_CREDENTIALS_FILE: './x' },
  ]) {
    assert.throws(
      () => awsFiles(env, 'linux'),
      (thrown) => thrown instanceof JitError && thrown.code === 'ERR_LOCAL_FILE',
    );
  }
});

test('ordinary profile names pass unchanged', () => {
  for (const name of [
    'a',
    'jit-deploy',
    'ops@prod',
    '0x',
    'A.b_c',
    'x'.repeat(64),
    '__proto_'.slice(2),
    'constructor',
  ]) {
    assert.equal(checkProfileName(name), name);
  }
});

test('names that could leave their line, their section or their meaning are exit 2 with a hint, never cleaned', () => {
  const bad = [
    '',
    'default',
    '../../.ssh/config',
    '/etc/passwd',
    '~',
    '~/x',
    'a/b',
    'a..b',
    '-x',
    '.x',
    'x'.repeat(65),
    'a b',
    'a]',
    '[a',
    'a#',
    'ü',
    'x\n[default]\ncredential_process=sh -c id',
    'x\n',
    'x\r',
    'x\0',
    'x\u0085',
    'x\u2028',
    '\u202ex',
    '__proto__',
    'x\t',
    'x"',
    "x'",
    'x\\',
    '$x',
  ];
  for (const name of bad) {
    assert.throws(
      () => checkProfileName(name),
      (thrown) =>
        thrown instanceof JitError &&
        thrown.code === 'ERR_PROFILE_NAME' &&
        thrown.facts.exit === 2 &&
        thrown.hint !== undefined,
      JSON.stringify(name),
    );
  }
});
