import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readToken } from '../../../src/identity/workload/jwt.ts';
import { JitError } from '../../../src/core/errors.ts';
import { tempFolder } from '../../support/home.ts';
import { AUDIENCE, asking, refused, signed, source } from './support.ts';

test('a token file counts before a token variable, and both are handed out once', async (t) => {
  const [one, two] = [signed({ jti: 'one' }), signed({ jti: 'two' })];
  const path = join(tempFolder(t), 'token');
  writeFileSync(path, `${one}\n`);
  const both = await source('token').fetch(asking({ JIT_TOKEN_FILE: path, JIT_TOKEN: two }));
  assert.equal(both.token.expose(), one);
  assert.equal(both.renewal, 'fixed');
  assert.equal((await source('token').fetch(asking({ JIT_TOKEN: two }))).token.expose(), two);
  await refused(
    source('token').fetch(asking({ JIT_TOKEN: ' ' })),
    'ERR_NOT_SIGNED_IN',
    /neither.*\n.*jit\.example\.com/,
  );
});

test('a token file that is a link is read through it, as the kubelet swaps it', async (t) => {
  const folder = tempFolder(t);
  const tokens = [signed({ jti: 'old' }), signed({ jti: 'new' })];
  for (const [at, token] of tokens.entries()) {
    mkdirSync(join(folder, `..v${at}`));
    writeFileSync(join(folder, `..v${at}`, 'jit'), token);
  }
  symlinkSync('..v0', join(folder, '..data'));
  symlinkSync('..data/jit', join(folder, 'jit'));
  const kubernetes = source('kubernetes', { projectedToken: join(folder, 'jit') });
  assert.equal(await kubernetes.detect({}), true);
  assert.equal((await kubernetes.fetch(asking({}))).token.expose(), tokens[0]);
  symlinkSync('..v1', join(folder, '..next'));
  renameSync(join(folder, '..next'), join(folder, '..data'));
  const proof = await kubernetes.fetch(asking({}));
  assert.equal(proof.token.expose(), tokens[1]);
  assert.equal(proof.renewal, 'fixed');
});

test('files that are no token files are refused with the path and never the content', async (t) => {
  const folder = tempFolder(t);
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  assert.equal(spawnSync('mkfifo', [join(folder, 'pipe')]).status, 0);
  const cases: readonly [path: string, words: RegExp][] = [
    [join(folder, 'absent'), /does not exist/],
    [folder, /is not a regular file|cannot be/],
    [join(folder, 'pipe'), /is not a regular file/],
    ['/dev/zero', /is not a regular file/],
    ['token', /is not an absolute path/],
    [file('empty', ' \n'), /is empty/],
    [file('large', 'e'.repeat(20_000)), /is larger than/],
    [file('long', 'e'.repeat(16_500)), /is longer than 16384 characters/],
    [file('opaque', 'hunter2-hunter2'), /is not a signed JSON Web Token/],
    [file('two', `${signed()}\n${signed()}`), /is not a signed JSON Web Token/],
  ];
  for (const [path, words] of cases) {
    await refused(source('token').fetch(asking({ JIT_TOKEN_FILE: path })), 'ERR_NOT_SIGNED_IN', words, ['hunter2']);
  }
});

test('GitLab: the token of id_tokens, and the exact lines where there is none', async () => {
  const token = signed();
  const gitlab = source('gitlab');
  assert.equal((await gitlab.fetch(asking({ JIT_ID_TOKEN: token }))).token.expose(), token);
  const error = await refused(gitlab.fetch(asking({ GITLAB_CI: 'true' })), 'ERR_NOT_SIGNED_IN', /no JIT_ID_TOKEN/);
  assert.equal(error.hint, `add to the job: id_tokens: { JIT_ID_TOKEN: { aud: ${AUDIENCE} } }`);
});

test('Kubernetes: the default token of a pod is for the API server, and never leaves', async (t) => {
  const path = join(tempFolder(t), 'token');
  const token = signed({ aud: ['https://kubernetes.default.svc.cluster.local'] });
  writeFileSync(path, token);
  const kubernetes = source('kubernetes', { projectedToken: '/nonexistent/jit' });
  assert.equal(await kubernetes.detect({}), false);
  const configured = { JIT_KUBERNETES_TOKEN_FILE: path };
  assert.equal(await kubernetes.detect(configured), true);
  const words =
    /is for https:\/\/kubernetes\.default.*\n.*projected serviceAccountToken with the audience.*default token/;
  await refused(kubernetes.fetch(asking(configured)), 'ERR_NOT_SIGNED_IN', words, [token]);
  await refused(kubernetes.fetch(asking({})), 'ERR_NOT_SIGNED_IN', /does not exist/);
});

test('a token for somebody else as well, for nobody, or that is over, stays here', async () => {
  const now = Math.floor(Date.now() / 1_000);
  const cases: readonly [claims: Record<string, unknown>, words: RegExp][] = [
    [{ aud: [AUDIENCE, 'https://vault.example'] }, /is for https:\/\/vault\.example, and this broker is/],
    [{ aud: `${AUDIENCE}/` }, /is for https:\/\/jit\.example\.com\/, and/],
    [{ aud: [] }, /names no audience/],
    [{ aud: undefined }, /names no audience/],
    [{ aud: 'a\u202e\u001b[31m' }, /is for a\\u\{202e\}\\x1b\[31m/],
    [{ exp: now - 61 }, /is over/],
  ];
  for (const [claims, words] of cases) {
    const JIT_TOKEN = signed(claims);
    await refused(source('token').fetch(asking({ JIT_TOKEN })), 'ERR_NOT_SIGNED_IN', words, [JIT_TOKEN]);
  }
  // Clocks differ by a minute at most, and a list of one is the same as one.
  await source('token').fetch(asking({ JIT_TOKEN: signed({ exp: now - 30, aud: [AUDIENCE] }) }));
});

test('whatever is no JSON Web Token is refused, and none of it is in the message', () => {
  const rules = { what: 'it', audience: AUDIENCE, now: Date.now(), hint: 'another' };
  const part = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map((json) => Buffer.from(json).toString('base64url')),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
      const text = parts.join('.');
      assert.throws(
        () => readToken(text, rules),
        (thrown) =>
          thrown instanceof JitError && thrown.code === 'ERR_NOT_SIGNED_IN' && /^it (is|names) /.test(thrown.message),
      );
    }),
  );
});
