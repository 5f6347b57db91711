/**
 * The identity provider of the tests itself, without a browser.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { startIdp } from './idp.ts';

test('the provider of the tests: real forms, rotation, reuse, changed groups, a disabled account', async (t) => {
  const idp = await startIdp(t, { accounts: { ana: { name: 'Ana', groups: ['oncall'] }, ben: {} } });
  const first = await idp.signIn('ana', { nonce: 'n-1' });
  const { sub, name, groups, nonce, aud, iss } = decodeJwt(first.idToken);
  assert.deepEqual(
    { sub, name, groups, nonce, aud, iss },
    { sub: 'ana', name: 'Ana', groups: ['oncall'], nonce: 'n-1', aud: 'jit', iss: idp.issuer },
  );

  idp.setGroups('ana', []);
  const second = await idp.refresh(first.refreshToken);
  assert.equal(second.status, 200);
  assert.deepEqual(decodeJwt(String(second.body['id_token']))['groups'], []);
  assert.notEqual(decodeJwt(String(second.body['id_token'])).jti, decodeJwt(first.idToken).jti);
  const rotated = String(second.body['refresh_token']);
  assert.notEqual(rotated, first.refreshToken);

  idp.disable('ana');
  assert.equal((await idp.refresh(rotated)).body['error'], 'invalid_grant');
  idp.enable('ana');
  const third = await idp.refresh(rotated);
  assert.equal(third.status, 200);

  assert.equal((await idp.refresh(first.refreshToken)).body['error'], 'invalid_grant');
  const family = await idp.refresh(String(third.body['refresh_token']));
  assert.equal(family.body['error'], 'invalid_grant', 'reuse ends the whole family');

  const other = await idp.signIn('ben', { nonce: 'n-2' });
  idp.revokeAll('ben');
  assert.equal((await idp.refresh(other.refreshToken)).body['error'], 'invalid_grant');
});
