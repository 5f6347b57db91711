/**
 * A secret does not show by any of the ways in which values are usually shown.
 * @module
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { format, inspect } from 'node:util';
import * as fc from 'fast-check';
import { JitError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';

const CANARY = 'canary-4f9d1c';
const keys = { accessKeyId: `${CANARY}-id`, secretAccessKey: `${CANARY}-secret` };
const secret = new Secret(keys);

test('expose gives the very value', () => {
  assert.equal(secret.expose(), keys);
  fc.assert(fc.property(fc.anything(), (value) => assert.ok(Object.is(new Secret(value).expose(), value))));
});

test('templates, concatenation, JSON, inspection and formats see a mask', () => {
  const error = new JitError({ code: 'ERR_CLOUD', message: `refused ${String(secret)}`, cause: { secret } });
  const shown = [
    'with: ' + String(secret),
    String([secret]),
    JSON.stringify({ credential: { keys: secret } }),
    JSON.stringify([secret, new Map([['k', secret]])]),
    inspect(secret),
    inspect({ deep: { deeper: { secret } } }, { depth: 9, showHidden: true }),
    inspect(secret, { customInspect: false, showHidden: true, getters: true }),
    inspect(new Map([['k', secret]]), { depth: 9 }),
    format('%s %o %O %j', secret, secret, secret, secret),
    inspect(error, { depth: 9, showHidden: true }),
    error.stack ?? '',
    Object.prototype.toString.call(secret),
  ];
  for (const text of shown) assert.ok(!text.includes(CANARY), text);
  assert.equal(String(secret), '[secret]');
  assert.equal(JSON.stringify({ secret }), '{"secret":"[secret]"}');
  assert.equal(inspect({ secret }), '{ secret: [secret] }');
});

test('copying, listing and cloning give nothing away', () => {
  assert.deepEqual(Reflect.ownKeys(secret), []);
  assert.deepEqual(Object.fromEntries(Object.entries(secret)), {});
  assert.equal(JSON.stringify(structuredClone(secret)), '{}');
  assert.ok(!inspect(Object.assign({}, secret), { showHidden: true }).includes(CANARY));
});

test('a failed comparison of two secrets does not print them', () => {
  const thrown: unknown = (() => {
    try {
      return assert.equal(secret, new Secret(`${CANARY}-other`));
    } catch (error) {
      return error;
    }
  })();
  assert.ok(thrown instanceof Error && !thrown.message.includes(CANARY) && !inspect(thrown).includes(CANARY));
});

test('an uncaught error that holds a secret does not print it either, in a real process', () => {
  const source = `
    import { Secret } from ${JSON.stringify(new URL('../../src/core/secret.ts', import.meta.url).href)};
    const secret = new Secret(['canary', '4f9d1c'].join('-'));
    console.log(secret, [secret], { secret });
    console.error('%s %o', secret, secret);
    throw Object.assign(new Error('failed'), { secret, cause: { secret } });`;
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' });
  assert.equal(ran.status, 1);
  assert.match(ran.stdout, /\[secret\]/);
  assert.ok(!(ran.stdout + ran.stderr).includes(CANARY));
});
