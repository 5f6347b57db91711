/**
 * How the program asks whether its providers are down: each by its name, and only those whom it can ask.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type IdentityConfig, identitySchema } from '../../src/broker/config/identity.ts';
import { standingsOf } from '../../src/jit-broker/verifier.ts';
import { freePort } from '../support/port.ts';

test('people found by discovery are asked for, nobody else; whom it will not help in an emergency the operator reads at the start', async () => {
  const issuer = `http://127.0.0.1:${await freePort()}`;
  const oidc = { type: 'oidc', issuer, client_id: 'jit', allow_private_addresses: true };
  const identity = new Map<string, IdentityConfig>([
    ['people', identitySchema.parse(oidc)],
    ['filed', identitySchema.parse({ ...oidc, keys: { file: '/etc/jit/keys.json' } })],
    ['jobs', identitySchema.parse({ type: 'jwt', issuer, allow_private_addresses: true, require: { sub: 'job' } })],
  ]);
  const warnings: unknown[] = [];
  const log = {
    info: () => undefined,
    warn: (message: string, fields?: object) => void warnings.push([message, fields]),
    error: () => undefined,
  };
  const standing = standingsOf({ identity, seconds: 3_600, log });
  assert.deepEqual(await standing('people'), { kind: 'down', why: 'ECONNREFUSED' });
  for (const name of ['filed', 'jobs', 'nobody']) assert.deepEqual(await standing(name), { kind: 'unknown' }, name);
  const message = 'emergencies.sessions does not count for a provider whose keys are not found by discovery';
  assert.deepEqual(warnings, [[message, { name: 'filed' }]]);
  standingsOf({ identity, seconds: 0, log });
  assert.equal(warnings.length, 1);
});
