/**
 * The environment of a child, and variables for shells.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as fc from 'fast-check';
import type { Env } from '../../src/cli/context.ts';
import type { AwsSettings } from '../../src/core/credential.ts';
import { accessEnvironment, applyChange, losses } from '../../src/cli/exec/environment.ts';
import type { Access } from '../../src/profiles/tool.ts';
import { shellLines } from '../../src/cli/shell.ts';
import { tempFolder } from '../support/home.ts';
import { run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';

const ACCESS: Access & { readonly tool: AwsSettings } = {
  grant: 'gr_01hv3k9x7m2q5w8e4r6t0yabcd',
  tool: {
    kind: 'aws',
    identity: 'issued',
    account: '000000000000',
    region: 'us-east-1',
    endpoint: 'http://127.0.0.1:4566',
  },
  endpoint: { url: 'http://127.0.0.1:9/x', tokenFile: '/run/jit/token' },
  target: 'sandbox',
  external: 'arn:aws:sts::000000000000:assumed-role/jit/gr_01hv3k9x7m2q5w8e4r6t0yabcd',
  secretFile: '/run/jit/secret',
  command: { runtime: '/usr/bin/node', script: '/opt/jit/bin/jit' },
  expiresAt: 0,
};

async function childOf(
  env: Env,
  access: Access = ACCESS,
): Promise<{ readonly env: Env; readonly lost: readonly string[] }> {
  const change = await accessEnvironment(env, 'linux', access.grant, [access]);
  return { env: applyChange(env, change), lost: losses(env, change) };
}

function home(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = tempFolder(t);
  mkdirSync(join(folder, '.aws'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content, { mode: 0o600 });
  return folder;
}

test('an empty home: the child finds the endpoint, the region and the grant, and keeps what is its own', async (t) => {
  const HOME = home(t, {});
  const child = await childOf({ HOME, PATH: '/bin', EDITOR: 'vi', AWS_PAGER: '', AWS_CA_BUNDLE: '/ca' });
  assert.deepEqual(child.env, {
    HOME,
    PATH: '/bin',
    EDITOR: 'vi',
    AWS_PAGER: '',
    AWS_CA_BUNDLE: '/ca',
    AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://127.0.0.1:9/x',
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/run/jit/token',
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:4566',
    JIT_GRANT: ACCESS.grant,
  });
  assert.deepEqual(child.lost, []);
});

test('whatever would come before the grant, or lead elsewhere, is taken out and named', async (t) => {
  const conflicting = [
    'AWS_ACCESS_KEY_ID',
    'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
    'AWS_CREDENTIAL_EXPIRATION',
    'AWS_DEFAULT_PROFILE',
    'AWS_ENDPOINT_URL_S3',
    'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
    'AWS_PROFILE',
    'AWS_ROLE_ARN',
    'AWS_ROLE_SESSION_NAME',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SECURITY_TOKEN',
    'AWS_SESSION_TOKEN',
    'AWS_WEB_IDENTITY_TOKEN_FILE',
  ];
  const HOME = home(t, {});
  const child = await childOf({
    HOME,
    AWS_REGION: 'eu-west-1',
    ...Object.fromEntries(conflicting.map((name) => [name, 'x'])),
  });
  for (const name of conflicting) assert.equal(child.env[name], undefined, name);
  assert.equal(child.env['AWS_REGION'], 'us-east-1');
  assert.deepEqual(
    child.lost,
    conflicting.filter((name) => !name.startsWith('AWS_CONTAINER')),
  );
});

test('where the access is their own, whatever signs the user in stays, and only the region is said', async (t) => {
  const own = {
    HOME: home(t, { '.aws/config': '[default]\nsso_session = corp\n' }),
    AWS_PROFILE: 'corp',
    AWS_REGION: 'eu-west-1',
  };
  const child = await childOf(own, { ...ACCESS, tool: { ...ACCESS.tool, identity: 'own', endpoint: null } });
  assert.deepEqual(child.env, {
    ...own,
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    JIT_GRANT: ACCESS.grant,
  });
  assert.deepEqual(child.lost, []);
});

test("for real AWS the parent's endpoint goes too, and none is set", async (t) => {
  const child = await childOf(
    { HOME: home(t, {}), AWS_ENDPOINT_URL: 'http://localhost:1' },
    { ...ACCESS, tool: { ...ACCESS.tool, endpoint: null } },
  );
  assert.equal(child.env['AWS_ENDPOINT_URL'], undefined);
  assert.deepEqual(child.lost, ['AWS_ENDPOINT_URL']);
});

const DEFAULTS: readonly (readonly [string, Readonly<Record<string, string>>, Readonly<Record<string, string>>])[] = [
  ['keys', { '.aws/credentials': '[default]\naws_access_key_id = A\n' }, { AWS_SHARED_CREDENTIALS_FILE: '/dev/null' }],
  [
    'a role',
    { '.aws/config': '[default]\nregion = x\nrole_arn = arn:aws:iam::1:role/x\n' },
    { AWS_CONFIG_FILE: '/dev/null' },
  ],
  [
    '[profile default]',
    { '.aws/config': '[profile default]\ncredential_process = x\n' },
    { AWS_CONFIG_FILE: '/dev/null' },
  ],
  ['sign-on', { '.aws/config': '[default]\nsso_session = x\n' }, { AWS_CONFIG_FILE: '/dev/null' }],
  [
    'an endpoint',
    { '.aws/config': '[default]\nendpoint_url = http://localhost:1\n' },
    { AWS_CONFIG_FILE: '/dev/null' },
  ],
  ['~/.boto', { '.boto': '[Credentials]\naws_access_key_id = A\n' }, { BOTO_CONFIG: '/dev/null' }],
  ['only a region', { '.aws/config': '[default]\nregion = eu-west-1\noutput = json\n' }, {}],
  [
    'other profiles',
    { '.aws/config': '[profile x]\nrole_arn = y\n', '.aws/credentials': '[x]\naws_access_key_id = A\n' },
    {},
  ],
];

for (const [what, files, wanted] of DEFAULTS) {
  test(`a default profile with ${what}: ${Object.keys(wanted).join() || 'nothing'} is hidden`, async (t) => {
    const HOME = home(t, files);
    const child = await childOf({ HOME });
    const hidden = Object.fromEntries(Object.entries(child.env).filter(([, value]) => value === '/dev/null'));
    assert.deepEqual(hidden, wanted);
    assert.equal(child.lost.length, Object.keys(wanted).length);
  });
}

test('behind a proxy the sandbox on this machine is still reached directly', async (t) => {
  const HOME = home(t, {});
  const child = await childOf({ HOME, HTTP_PROXY: 'http://proxy:3128', NO_PROXY: 'intranet' });
  assert.equal(child.env['NO_PROXY'], 'intranet,127.0.0.1');
  assert.equal((await childOf({ HOME })).env['NO_PROXY'], undefined);
});

test('whatever a value holds, a real shell reads back exactly that', { skip: skipUnless('sh') }, async () => {
  const value = fc
    .string({ unit: 'grapheme', maxLength: 20 })
    .filter((text) => !text.includes('\0') && text.isWellFormed());
  await fc.assert(
    fc.asyncProperty(value, async (text) => {
      const lines = shellLines({ set: new Map([['A', text]]), removed: ['B'] }, 'sh');
      const env = { PATH: process.env['PATH'] ?? '', B: 'b' };
      const { stdout } = await run('sh', ['-c', `${lines}printf '%s|%s' "$A" "\${B-unset}"`], { env });
      assert.equal(stdout, `${text}|unset`);
    }),
    { numRuns: 40 },
  );
});

test('fish and PowerShell get their own quoting', () => {
  const change = { set: new Map([['A', "it's a \\ test"]]), removed: ['B'] };
  assert.equal(shellLines(change, 'fish'), "set -e B\nset -gx A 'it\\'s a \\\\ test'\n");
  assert.equal(shellLines(change, 'pwsh'), "Remove-Item -ErrorAction Ignore Env:B\n$env:A = 'it''s a \\ test'\n");
});
