import assert from 'node:assert/strict';
import { exec } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { fromIni } from '@aws-sdk/credential-providers';
import * as fc from 'fast-check';
import { JitError } from '../../../src/core/errors.ts';
import { credentialProcess } from '../../../src/profiles/aws/command-line.ts';
import { writeProfile } from '../../../src/profiles/aws/write.ts';
import { run } from '../../local/ground.ts';
import { skipUnless } from '../../support/tools.ts';
import { entry, grant, scene } from './scene.ts';

const ID = grant(1);
const line = (runtime: string, script: string, platform: NodeJS.Platform = 'linux'): string =>
  credentialProcess({ runtime, script }, { grant: ID }, platform);

test('plain paths stay bare, which every SDK reads; paths with blanks are quoted', () => {
  assert.equal(
    line('/usr/bin/node', '/opt/jit/bin/jit'),
    `/usr/bin/node /opt/jit/bin/jit credential ${ID} --format aws`,
  );
  assert.equal(line('/a b/node', "/it's (1)/jit"), `"/a b/node" "/it's (1)/jit" credential ${ID} --format aws`);
  const windows = line('C:\\Program Files\\node.exe', 'C:\\jit\\bin\\jit', 'win32');
  assert.equal(windows, `"C:\\Program Files\\node.exe" C:\\jit\\bin\\jit credential ${ID} --format aws`);
});

test('paths that some reader would take for something else are refused with the remedy', () => {
  const bad = [
    'node',
    './node',
    '',
    '/a"b',
    '/a$b',
    '/a`b',
    '/a\\b',
    '/a\nb',
    '/a\rb',
    '/a\0b',
    '/a\u0085b',
    '/a\u2028b',
    '/a #b',
    '/a\t;b',
    '/a\ud800',
  ];
  for (const path of bad) {
    for (const attempt of [() => line(path, '/x'), () => line('/x', path)]) {
      assert.throws(
        attempt,
        (thrown) =>
          thrown instanceof JitError && thrown.code === 'ERR_LOCAL_FILE' && /install jit/.test(thrown.hint ?? ''),
      );
    }
  }
  for (const path of ['C:\\a%PATH%', 'C:\\a&b', 'C:\\ü', 'C:\\a b\\', 'node.exe', '/usr/bin/node\u0007']) {
    assert.throws(() => line(path, 'C:\\x', 'win32'), JitError);
  }
});

const path = fc
  .array(fc.constantFrom(...Array.from("ab/ .;#&|<>()*?![]{}~'=%^,:@+-é€😀")), { minLength: 1, maxLength: 12 })
  .map((parts) => `/${parts.join('')}`);

test(
  'property: /bin/sh and shlex read the same words out of it, and they are the paths',
  { skip: skipUnless('python3') },
  async () => {
    const cases = fc.sample(fc.tuple(path, path), 60).flatMap(([runtime, script]) => {
      try {
        return [{ runtime, script, text: line(runtime, script) }];
      } catch {
        return [];
      }
    });
    assert.ok(cases.length > 20);
    const python =
      'import json, shlex, sys; print(json.dumps([shlex.split(text) for text in json.loads(sys.argv[1])]))';
    const split = await run('python3', ['-c', python, JSON.stringify(cases.map(({ text }) => text))]);
    const rest = ['credential', ID, '--format', 'aws'];
    assert.deepEqual(
      JSON.parse(split.stdout),
      cases.map(({ runtime, script }) => [runtime, script, ...rest]),
    );
    const script = cases.map(({ text }) => `printf '%s\\0' ${text}`).join('\n');
    const { stdout } = await promisify(exec)(script);
    assert.deepEqual(
      stdout.split('\0').slice(0, -1),
      cases.flatMap(({ runtime, script: at }) => [runtime, at, ...rest]),
    );
  },
);

test('the JavaScript SDK and the aws program get keys from a profile with blanks and quotes in its path', async (t) => {
  const { home, files, deps } = scene(t);
  const odd = join(home, "a 'b' (c) & d");
  fs.mkdirSync(odd);
  const keys = {
    Version: 1,
    AccessKeyId: 'ASIAEXAMPLE',
    SecretAccessKey: 'secret',
    SessionToken: 'token',
    Expiration: '2099-01-01T00:00:00Z',
  };
  const script = join(odd, 'jit');
  fs.writeFileSync(
    script,
    `require('fs').writeFileSync(${JSON.stringify(join(home, 'argv'))}, JSON.stringify(process.argv.slice(2))); console.log(${JSON.stringify(JSON.stringify(keys))})`,
  );
  fs.symlinkSync(process.execPath, join(odd, 'node'));
  await writeProfile(files, entry({ command: { runtime: join(odd, 'node'), script } }), deps);
  const arguments_ = ['credential', ID, '--format', 'aws'];
  const provider = fromIni({ profile: 'jit-reports', filepath: files.credentials, configFilepath: files.config });
  assert.equal((await provider()).accessKeyId, 'ASIAEXAMPLE');
  assert.deepEqual(JSON.parse(fs.readFileSync(join(home, 'argv'), 'utf8')), arguments_);
  await t.test('aws', { skip: skipUnless('aws') }, async () => {
    fs.rmSync(join(home, 'argv'));
    const env = { HOME: home, AWS_EC2_METADATA_DISABLED: 'true' };
    const ended = await run('aws', ['configure', 'export-credentials', '--profile', 'jit-reports'], env);
    const listed =
      ended.status === 0 ? ended : await run('aws', ['configure', 'list', '--profile', 'jit-reports'], env);
    assert.equal(listed.status, 0, listed.stderr);
    assert.match(listed.stdout, /ASIAEXAMPLE|MPLE.*custom-process/);
    assert.deepEqual(JSON.parse(fs.readFileSync(join(home, 'argv'), 'utf8')), arguments_);
  });
});

test('the target of one of several is named; a name from a broker that is none is refused, since a shell would read it', () => {
  const at = (target: string): string =>
    credentialProcess({ runtime: '/n', script: '/j' }, { grant: ID, target }, 'linux');
  assert.equal(at('web-prod'), `/n /j credential ${ID} --format aws --target web-prod`);
  for (const target of ['', 'web;id', '$(id)', 'a b', 'a\nb', '-x', 'Web', '../a']) {
    assert.throws(() => at(target), { code: 'ERR_BROKER_REPLY' }, target);
  }
});
