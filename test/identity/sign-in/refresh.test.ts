/**
 * Renewing and ending a sign-in at a certified provider that runs for real.
 * @module
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { decodeJwt } from 'jose';
import { JitError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { refreshSignIn } from '../../../src/identity/sign-in/refresh.ts';
import { revokeAtProvider } from '../../../src/identity/sign-in/sign-out.ts';
import { type Idp, startIdp } from '../../support/idp.ts';
import { NONCE, contextOf, rejectsWith } from './ground.ts';

/** Ana is signed in. */
async function signedIn(t: TestContext): Promise<{ readonly idp: Idp; readonly refreshToken: Secret<string> }> {
  const idp = await startIdp(t, { accounts: { ana: { groups: ['oncall'] } } });
  const { refreshToken } = await idp.signIn('ana', { nonce: NONCE });
  return { idp, refreshToken: new Secret(refreshToken) };
}

test('a fresh ID token shows the groups of now, with the next refresh token; the one before is used up', async (t) => {
  const { idp, refreshToken } = await signedIn(t);
  const first = await refreshSignIn({ ...contextOf(idp), refreshToken });
  assert.deepEqual(decodeJwt(first.idToken.expose())['groups'], ['oncall']);
  assert.equal(first.subject, 'ana');
  assert.notEqual(first.refreshToken.expose(), refreshToken.expose());

  idp.setGroups('ana', ['none']);
  const second = await refreshSignIn({ ...contextOf(idp), refreshToken: first.refreshToken });
  const claims = decodeJwt(second.idToken.expose());
  assert.deepEqual(claims['groups'], ['none']);
  assert.equal(claims['nonce'], NONCE, 'it is still bound to the same key');

  await rejectsWith(refreshSignIn({ ...contextOf(idp), refreshToken }), { code: 'ERR_NOT_SIGNED_IN' });
  await rejectsWith(
    refreshSignIn({ ...contextOf(idp), refreshToken: second.refreshToken }),
    { code: 'ERR_NOT_SIGNED_IN', hint: 'jit login prod' },
    [second.refreshToken.expose()],
  );
});

test('a disabled account, and one whose tokens were revoked: not signed in any more', async (t) => {
  const { idp, refreshToken } = await signedIn(t);
  idp.disable('ana');
  const refused = {
    code: 'ERR_NOT_SIGNED_IN',
    message: /asks you to sign in again \(invalid_grant/,
    hint: 'jit login prod',
  } as const;
  await rejectsWith(refreshSignIn({ ...contextOf(idp), refreshToken }), refused, [refreshToken.expose()]);
  idp.enable('ana');
  const next = await refreshSignIn({ ...contextOf(idp), refreshToken });
  idp.revokeAll('ana');
  await rejectsWith(refreshSignIn({ ...contextOf(idp), refreshToken: next.refreshToken }), refused);
});

test('a provider that does not rotate: the same refresh token is kept', async (t) => {
  const { idp, refreshToken } = await signedIn(t);
  const { idToken } = await idp.signIn('ana', { nonce: NONCE });
  idp.intercept((request, response) => {
    if (request.url !== '/token') return 'pass';
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ access_token: 'a', token_type: 'Bearer', id_token: idToken }));
    return 'answered';
  });
  const again = await refreshSignIn({ ...contextOf(idp), refreshToken });
  assert.equal(again.refreshToken.expose(), refreshToken.expose());
});

test('a provider that is away, or gives no ID token, is told apart from one that says no', async (t) => {
  const { idp, refreshToken } = await signedIn(t);
  const away = { ...contextOf(idp), refreshToken };
  for (const [body, message] of [
    ['{"access_token":"secret-a","token_type":"Bearer","refresh_token":"secret-r"}', /gave no ID token/],
    ['{"error":"temporarily_unavailable"}', /answers with temporarily_unavailable/],
    ['<h1>secret-page</h1>', /does not answer as OpenID Connect has it|unexpected/],
  ] as const) {
    idp.intercept((request, response) => {
      if (request.url !== '/token') return 'pass';
      const status = body.includes('error') ? 400 : 200;
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
      return 'answered';
    });
    await rejectsWith(refreshSignIn(away), { code: 'ERR_IDENTITY_PROVIDER', message }, [
      'secret-',
      refreshToken.expose(),
    ]);
  }
  await idp.stop();
  await rejectsWith(
    refreshSignIn(away),
    { code: 'ERR_IDENTITY_PROVIDER', message: /refuses connections|broke the connection/ },
    [refreshToken.expose()],
  );
});

test('Ctrl-C or a deadline before the token is sent stops it; after that the next token is still received', async (t) => {
  const { idp, refreshToken } = await signedIn(t);
  const stop = new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted' });
  const early = AbortSignal.abort(stop);
  await rejectsWith(refreshSignIn({ ...contextOf(idp, early), refreshToken }), { code: 'ERR_INTERRUPTED' });
  assert.equal(idp.calls.filter((call) => call === 'POST /token').length, 1, 'the one of signing in');

  const overdue = contextOf(idp, AbortSignal.abort(new DOMException('late', 'TimeoutError')));
  await rejectsWith(refreshSignIn({ ...overdue, refreshToken }), {
    code: 'ERR_IDENTITY_PROVIDER',
    message: /no answer in time/,
  });

  const late = new AbortController();
  idp.intercept((request) => {
    if (request.url === '/token') late.abort(stop);
    return 'pass';
  });
  const next = await refreshSignIn({ ...contextOf(idp, late.signal), refreshToken });
  idp.intercept(null);
  await refreshSignIn({ ...contextOf(idp), refreshToken: next.refreshToken });
});

test('signing out revokes the refresh token at the provider', async (t) => {
  const { idp, refreshToken } = await signedIn(t);
  assert.deepEqual(await revokeAtProvider({ ...contextOf(idp), refreshToken }), { kind: 'revoked' });
  await rejectsWith(refreshSignIn({ ...contextOf(idp), refreshToken }), { code: 'ERR_NOT_SIGNED_IN' });
});

test('signing out goes on where the provider has no revocation, and where it is away', async (t) => {
  const { idp, refreshToken } = await signedIn(t);
  const context = { ...contextOf(idp), refreshToken };
  idp.intercept((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ issuer: idp.issuer, token_endpoint: `${idp.issuer}/token` }));
    return 'answered';
  });
  assert.deepEqual(await revokeAtProvider(context), { kind: 'not offered' });
  await idp.stop();
  const failed = await revokeAtProvider(context);
  assert.ok(failed.kind === 'failed');
  assert.equal(failed.why.code, 'ERR_IDENTITY_PROVIDER');
});
