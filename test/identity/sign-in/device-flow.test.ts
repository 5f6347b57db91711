/**
 * Signing in by device code at a certified provider, the code typed in Chromium; and what goes wrong on the way.
 * @module
 */
import assert from 'node:assert/strict';
import { type TestContext, describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { JitError } from '../../../src/core/errors.ts';
import {
  type DeviceFlowContext,
  type DevicePrompt,
  signInByDevice,
} from '../../../src/identity/sign-in/device-flow.ts';
import { enterLogin, pageText, press, skipUnlessChromium, startBrowser } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { type Idp, startIdp } from '../../support/idp.ts';
import { contextOf, rejectsWith } from './ground.ts';

const ACCOUNTS = { ana: { name: 'Ana', groups: ['oncall'] } };
const NOW = Date.UTC(2026, 10, 22);

/** A sign-in under way whose code is known. */
async function begin(t: TestContext, idp: Idp, more: Partial<DeviceFlowContext> = {}) {
  const { promise: shown, resolve: show } = Promise.withResolvers<DevicePrompt>();
  const controller = new AbortController();
  // A test that fails leaves nothing behind that would go on asking.
  t.after(() => controller.abort());
  const startedFrom = { host: 'build-7', user: 'ana' };
  const context = { ...contextOf(idp, controller.signal), now: () => NOW, startedFrom, show, ...more };
  const done = signInByDevice(context);
  done.catch(() => undefined);
  return { done, prompt: await Promise.race([shown, done.then(() => assert.fail('it is over already'))]) };
}

const polls = (idp: Idp): number => idp.calls.filter((call) => call === 'POST /token').length;

// Most of their time is waiting, as a device does.
describe('the device flow', { concurrency: 4 }, () => {
  test(
    'end to end: ana types the code in a browser elsewhere, and jit holds tokens',
    { skip: skipUnlessChromium },
    async (t) => {
      const idp = await startIdp(t, { accounts: ACCOUNTS });
      const browser = await startBrowser(t);
      const { done, prompt } = await begin(t, idp);
      assert.match(prompt.userCode, /^[B-Z]{4}-[B-Z]{4}$/);
      assert.equal(prompt.verificationUri.href, `${idp.issuer}/device`);
      assert.equal(prompt.expiresAt, NOW + 120_000);
      assert.deepEqual(prompt.startedFrom, { host: 'build-7', user: 'ana' });

      const page = await browser.newPage();
      await page.goto(prompt.verificationUri.href);
      await page.type('input[name=user_code]', prompt.userCode.toLowerCase());
      await press(page, '#continue');
      assert.ok((await pageText(page, /your device/)).includes(prompt.userCode));
      await press(page, '#confirm');
      await enterLogin(page, { name: 'ana', password: idp.password('ana') });
      await press(page, '#allow');
      await page.waitForSelector('#finished');

      const result = await done;
      const claims = decodeJwt(result.idToken.expose());
      assert.deepEqual(
        { iss: claims.iss, aud: claims.aud, sub: claims.sub, nonce: claims['nonce'], groups: claims['groups'] },
        { iss: idp.issuer, aud: 'jit', sub: 'ana', nonce: undefined, groups: ['oncall'] },
      );
      assert.ok(result.refreshToken !== null);
    },
  );

  test('end to end: ana says that it is not her device', { skip: skipUnlessChromium }, async (t) => {
    const idp = await startIdp(t, { accounts: ACCOUNTS });
    const browser = await startBrowser(t);
    const { done, prompt } = await begin(t, idp);
    const page = await browser.newPage();
    await page.goto(prompt.verificationUri.href);
    await page.type('input[name=user_code]', prompt.userCode);
    await press(page, '#continue');
    await press(page, '#deny');
    await rejectsWith(done, { code: 'ERR_NOT_SIGNED_IN', message: /said no \(access_denied/, hint: 'jit login prod' });
  });

  test('nobody types the code: it runs out, at the provider or here, whichever is first', async (t) => {
    const ended = { code: 'ERR_NOT_SIGNED_IN', message: /the code ran out/, hint: 'jit login prod' } as const;
    const idp = await startIdp(t, { accounts: ACCOUNTS, deviceCodeSeconds: 2 });
    await rejectsWith((await begin(t, idp)).done, ended);
    idp.intercept((request, response) => {
      if (request.url !== '/token') return 'pass';
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"expired_token"}');
      return 'answered';
    });
    await rejectsWith((await begin(t, idp)).done, ended);
  });

  test('slow_down of the provider is honoured: 5 s more before the next question', async (t) => {
    const idp = await startIdp(t, { accounts: ACCOUNTS });
    const asked: number[] = [];
    idp.intercept((request, response) => {
      if (request.url !== '/token') return 'pass';
      asked.push(performance.now());
      const error = asked.length === 1 ? 'slow_down' : 'access_denied';
      response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
      return 'answered';
    });
    const { done } = await begin(t, idp);
    await rejectsWith(done, { code: 'ERR_NOT_SIGNED_IN' });
    const [first = 0, second = 0] = asked;
    // A little less, since timers may fire a millisecond early.
    assert.ok(second - first >= 5_990, `${second - first} ms`);
  });

  test('a provider that is away for a moment does not end the sign-in; nobody asks more often than it said', async (t) => {
    const idp = await startIdp(t, { accounts: ACCOUNTS });
    const answers = [503, 'gone', 200] as const;
    idp.intercept((request, response) => {
      if (request.url !== '/token') return 'pass';
      const answer = answers[polls(idp) - 1];
      if (answer === 'gone') request.socket.destroy();
      else if (answer === 503) response.writeHead(503, { 'content-type': 'text/html' }).end('<h1>Down</h1>');
      else response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"access_denied"}');
      return 'answered';
    });
    await rejectsWith((await begin(t, idp)).done, { code: 'ERR_NOT_SIGNED_IN', message: /access_denied/ });
    assert.equal(polls(idp), answers.length);
  });

  test('Ctrl-C while waiting: the reason comes out, and nobody asks any more', async (t) => {
    const idp = await startIdp(t, { accounts: ACCOUNTS });
    const controller = new AbortController();
    const { done } = await begin(t, idp, { signal: controller.signal });
    await eventually(() => polls(idp) > 0);
    controller.abort(new JitError({ code: 'ERR_TERMINATED', message: 'terminated' }));
    await rejectsWith(done, { code: 'ERR_TERMINATED' });
  });

  test('where the broker does not allow it, the provider is not even asked', async (t) => {
    const idp = await startIdp(t, { accounts: ACCOUNTS });
    const { client } = idp.view;
    assert.ok(client !== null);
    const provider = { ...idp.view, client: { ...client, device: false } };
    await rejectsWith(begin(t, idp, { provider }), {
      code: 'ERR_DENIED',
      message: /^the broker does not allow sign-ins by device code$/,
      hint: 'sign in with a browser: jit login prod',
    });
    assert.deepEqual(idp.calls, []);
  });

  test('what the provider wants shown cannot move the cursor, and leads to no other kind of address', async (t) => {
    const idp = await startIdp(t, { accounts: ACCOUNTS });
    const answerWith = (verification_uri: string): void =>
      idp.intercept((request, response) => {
        if (request.url !== '/device/auth') return 'pass';
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ device_code: 'd', user_code: 'AB\u001b[2J', verification_uri, expires_in: 60 }));
        return 'answered';
      });
    answerWith(`${idp.issuer}/device\u001b[2J`);
    const { prompt } = await begin(t, idp);
    assert.equal(prompt.userCode, String.raw`AB\x1b[2J`);
    assert.ok(!prompt.verificationUri.href.includes('\u001b'));
    for (const uri of ['javascript:alert(1)', 'http://evil.example/device', 'file:///etc/passwd']) {
      answerWith(uri);
      await rejectsWith(begin(t, idp), { code: 'ERR_CONFIG', message: /no address for a sign-in/ });
    }
  });
});
