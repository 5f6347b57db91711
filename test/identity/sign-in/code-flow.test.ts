/**
 * Signing in through Chromium at a certified provider, both real; and what goes wrong on the way.
 * @module
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { decodeJwt } from 'jose';
import { JitError } from '../../../src/core/errors.ts';
import { openBrowser } from '../../../src/identity/sign-in/browser.ts';
import { type CodeFlowContext, signInByBrowser } from '../../../src/identity/sign-in/code-flow.ts';
import { enterLogin, pageText, press, skipUnlessChromium, startBrowser } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { tempHome } from '../../support/home.ts';
import { type Idp, startIdp } from '../../support/idp.ts';
import { NONCE, assertClosed, contextOf, rejectsWith, send } from './ground.ts';

const ACCOUNTS = { ana: { name: 'Ana', groups: ['oncall', 'sre'] } };

/** A sign-in under way whose address is known, without a browser. */
async function begin(t: TestContext, idp: Idp, more: Partial<CodeFlowContext> = {}) {
  const { promise: address, resolve } = Promise.withResolvers<URL>();
  const controller = new AbortController();
  // A test that fails leaves nothing behind that would go on waiting.
  t.after(() => controller.abort());
  const done = signInByBrowser({
    ...contextOf(idp, controller.signal),
    nonce: NONCE,
    open: async () => 'none',
    show: (url) => resolve(url),
    ...more,
  });
  // Looked at later; until then a rejection is nobody's fault.
  done.catch(() => undefined);
  const url = await Promise.race([address, done.then(() => assert.fail('it is over already'))]);
  return {
    done,
    url,
    redirectUri: url.searchParams.get('redirect_uri') ?? '',
    state: url.searchParams.get('state') ?? '',
  };
}

/** A desktop whose browser writes down what it is asked to open. */
function desktop(t: TestContext) {
  const home = tempHome(t);
  const program = join(home.path, 'browser');
  const file = join(home.path, 'address');
  writeFileSync(program, `#!/bin/sh\nprintf %s "$1" >"${file}.new" && /bin/mv "${file}.new" "${file}"\n`);
  chmodSync(program, 0o755);
  return {
    open: (url: URL) => openBrowser(url, { platform: 'linux', env: { ...home.env, BROWSER: program } }),
    opened: () => eventually(() => existsSync(file) && readFileSync(file, 'utf8')),
  };
}

test(
  'end to end: jit opens the browser, ana signs in there, and jit holds tokens bound to its key',
  { skip: skipUnlessChromium },
  async (t) => {
    const idp = await startIdp(t, { accounts: ACCOUNTS });
    const browser = await startBrowser(t);
    const { open, opened } = desktop(t);
    const { done, url, redirectUri } = await begin(t, idp, { open });
    assert.equal(await opened(), url.href);
    assert.equal(url.searchParams.get('code_challenge_method'), 'S256');
    assert.equal(url.searchParams.get('nonce'), NONCE);

    const page = await browser.newPage();
    await page.goto(url.href);
    await enterLogin(page, { name: 'ana', password: 'wrong' });
    assert.match(await pageText(page, /Sign in/), /did not work/);
    await enterLogin(page, { name: 'ana', password: idp.password('ana') });

    // Meanwhile another tab shows a page that wants to spoil it.
    const evil = await browser.newPage();
    await evil.goto(`${redirectUri}?error=access_denied&state=guess`);
    assert.match(await pageText(evil, /Not this sign-in/), /Nothing was changed/);

    await press(page, '#allow');
    assert.match(await pageText(page, /Signed in/), /Go back to the terminal/);
    const result = await done;
    const claims = decodeJwt(result.idToken.expose());
    assert.deepEqual(
      {
        iss: claims.iss,
        aud: claims.aud,
        sub: claims.sub,
        nonce: claims['nonce'],
        name: claims['name'],
        groups: claims['groups'],
      },
      { iss: idp.issuer, aud: 'jit', sub: 'ana', nonce: NONCE, name: 'Ana', groups: ['oncall', 'sre'] },
    );
    assert.equal(result.issuer, idp.issuer);
    assert.equal(result.subject, 'ana');
    assert.equal(result.expiresAt, (claims.exp ?? 0) * 1_000);
    assert.ok(result.refreshToken !== null, 'offline_access was asked for and given');
    assert.doesNotMatch(inspect(result, { depth: Infinity }), /eyJ/);
    await assertClosed(redirectUri);
  },
);

test(
  'end to end: ana refuses in the browser, and is told so there and in the terminal',
  { skip: skipUnlessChromium },
  async (t) => {
    const idp = await startIdp(t, { accounts: ACCOUNTS });
    const browser = await startBrowser(t);
    const { done, url, redirectUri } = await begin(t, idp);
    const page = await browser.newPage();
    await page.goto(url.href);
    await enterLogin(page, { name: 'ana', password: idp.password('ana') });
    await press(page, '#refuse');
    assert.match(await pageText(page, /Not signed in/), /was refused/);
    await rejectsWith(done, {
      code: 'ERR_NOT_SIGNED_IN',
      message: /said no \(access_denied: the person said no\)/,
      hint: 'jit login prod',
    });
    await assertClosed(redirectUri);
  },
);

test('the browser is closed without an answer: it ends in time, says so, and the port is closed', async (t) => {
  const idp = await startIdp(t, { accounts: ACCOUNTS });
  const { done, redirectUri } = await begin(t, idp, { timeoutMs: 50 });
  await rejectsWith(done, { code: 'ERR_NOT_SIGNED_IN', message: /nobody came back/, hint: 'jit login prod' });
  await assertClosed(redirectUri);
});

test('Ctrl-C while the browser is open: the reason comes out, and the port is closed', async (t) => {
  const idp = await startIdp(t, { accounts: ACCOUNTS });
  const controller = new AbortController();
  const { done, redirectUri } = await begin(t, idp, { signal: controller.signal });
  controller.abort(new JitError({ code: 'ERR_TERMINATED', message: 'terminated' }));
  await rejectsWith(done, { code: 'ERR_TERMINATED' });
  await assertClosed(redirectUri);
});

test('opening or showing fails: the port is closed', async (t) => {
  const idp = await startIdp(t, { accounts: ACCOUNTS });
  let redirectUri = '';
  const done = signInByBrowser({
    ...contextOf(idp),
    nonce: NONCE,
    open: async () => 'none',
    show: (url) => {
      redirectUri = url.searchParams.get('redirect_uri') ?? '';
      throw new TypeError('no terminal');
    },
  });
  await assert.rejects(done, TypeError);
  await assertClosed(redirectUri);
});

test('errors of the provider end the sign-in, each with what to do about it', async (t) => {
  const idp = await startIdp(t, { accounts: ACCOUNTS });
  for (const [error, code] of [
    ['access_denied', 'ERR_NOT_SIGNED_IN'],
    ['login_required', 'ERR_NOT_SIGNED_IN'],
    ['unauthorized_client', 'ERR_CONFIG'],
    ['temporarily_unavailable', 'ERR_IDENTITY_PROVIDER'],
  ] as const) {
    const { done, redirectUri, state } = await begin(t, idp);
    const query = new URLSearchParams({ error, state, iss: idp.issuer, error_description: 'because\u001b[2J <b>' });
    const { body, status } = await send(`${redirectUri}?${query.toString()}`);
    assert.equal(status, 200);
    assert.doesNotMatch(body, /because|<b>/);
    const { message } = await rejectsWith(done, { code });
    assert.ok(message.includes(String.raw`${error}: because\x1b[2J <b>`), message);
    await assertClosed(redirectUri);
  }
});

test('an answer from another provider (mix-up, RFC 9207) is refused: no code is sent anywhere', async (t) => {
  const idp = await startIdp(t, { accounts: ACCOUNTS });
  for (const iss of ['&iss=https%3A%2F%2Fother.example', '']) {
    const { done, redirectUri, state } = await begin(t, idp);
    const answer = await send(`${redirectUri}?state=${state}&code=stolen-code${iss}`);
    assert.match(answer.body, /did not work/);
    await rejectsWith(done, { code: 'ERR_IDENTITY_PROVIDER', message: /"iss"/ }, ['stolen-code']);
  }
  assert.ok(!idp.calls.includes('POST /token'));
});

test('a code that the provider does not know', async (t) => {
  const idp = await startIdp(t, { accounts: ACCOUNTS });
  const { done, redirectUri, state } = await begin(t, idp);
  const answer = await send(`${redirectUri}?state=${state}&code=made-up-code&iss=${encodeURIComponent(idp.issuer)}`);
  assert.match(answer.body, /Not signed in/);
  await rejectsWith(done, { code: 'ERR_NOT_SIGNED_IN', message: /invalid_grant/, hint: 'jit login prod' }, [
    'made-up-code',
  ]);
});

test("a token reply with an ID token of somebody else's sign-in, unsigned, or none at all", async (t) => {
  const idp = await startIdp(t, { accounts: ACCOUNTS });
  const other = await idp.signIn('ana', { nonce: 'another-key' });
  const [header = '', payload = ''] = other.idToken.split('.');
  const mine = Buffer.from(JSON.stringify({ ...decodeJwt(other.idToken), nonce: NONCE })).toString('base64url');
  for (const [idToken, message] of [
    [other.idToken, /nonce/],
    [`${header}.${mine}.${'A'.repeat(86)}`, /signature/],
    [`${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`, /alg/],
    [undefined, /id_token/],
  ] as const) {
    idp.intercept((request, response) => {
      if (request.url !== '/token') return 'pass';
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({
          access_token: 'secret-access',
          token_type: 'Bearer',
          id_token: idToken,
          refresh_token: 'secret-refresh',
        }),
      );
      return 'answered';
    });
    const { done, redirectUri, state } = await begin(t, idp);
    await send(`${redirectUri}?state=${state}&code=secret-code&iss=${encodeURIComponent(idp.issuer)}`);
    const secrets = ['secret-access', 'secret-refresh', 'secret-code', ...(idToken === undefined ? [] : [idToken])];
    await rejectsWith(done, { code: 'ERR_IDENTITY_PROVIDER', message }, secrets);
    idp.intercept(null);
  }
});
