/**
 * Signing in and out with the real programs: jit, jit-broker with TLS, a certified identity provider, and Chromium.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { enterLogin, press, skipUnlessChromium, startBrowser } from '../support/browser.ts';
import { skipUnless } from '../support/tools.ts';
import { type Company, company, succeeded, user, type User } from './shared.ts';

const skip = skipUnlessChromium === false ? skipUnless('openssl') : skipUnlessChromium;
const ACCOUNTS = { ada: { name: 'ada.lovelace', groups: ['engineers'] }, grace: { name: 'grace.hopper' } };

/** Signs somebody in through the pages of the identity provider. */
async function signIn(
  t: Parameters<typeof startBrowser>[0],
  { idp, url }: Company,
  who: User,
  subject: string,
  args: readonly string[] = [url, '--name', 'work'],
) {
  const browser = await startBrowser(t);
  return succeeded(
    await who.login(args, async (address) => {
      const page = await browser.newPage();
      await page.goto(address);
      await enterLogin(page, { name: subject, password: idp.password(subject) });
      await press(page, '#allow').catch(() => undefined);
    }),
  );
}

test('a person signs in with a browser, is known to the broker, and signs out', { skip }, async (t) => {
  const at = await company(t, { accounts: ACCOUNTS });
  const ada = user(t, at);
  const { stderr, stdout } = await signIn(t, at, ada, 'ada');
  assert.match(stderr, /is called work, and is used from now on/);
  assert.match(stderr, /^jit: signed in to work$/m);
  assert.match(stdout, /^identity +ada\.lovelace \(user\)$/m);
  assert.match(readFileSync(join(ada.home.path, '.config', 'jit', 'config.yaml'), 'utf8'), /^broker: work$/m);

  const who = JSON.parse(succeeded(await ada.jit('whoami', '--json')).stdout);
  assert.equal(who.schema, 'jit.session/v1');
  assert.deepEqual([who.principal.subject, who.principal.groups, who.broker.name], ['ada', ['engineers'], 'work']);

  const again = succeeded(await ada.jit('login', 'work'));
  assert.match(again.stderr, /^jit: you are already signed in to work$/m);

  const out = succeeded(await ada.jit('logout', '--json'));
  const [left] = JSON.parse(out.stdout).brokers;
  assert.deepEqual([left.sessions[0].broker, left.sessions[0].provider], ['ended', 'revoked']);

  const nobody = await ada.jit('list');
  assert.equal(nobody.status, 4);
  assert.match(nobody.stderr, /^jit: work: you are not signed in\nhint: sign in with: jit login work\n$/);
});
