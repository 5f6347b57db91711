/**
 * What an identity provider can do to the pages: demand a secret, say no, be away, or not be offered at all.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { enterLogin, press, skipUnlessChromium } from '../../support/browser.ts';
import { parseBrokerConfig } from '../../../src/broker/config/config.ts';
import { openPages } from '../../../src/jit-broker/pages.ts';
import { tempFolder } from '../../support/home.ts';
import { shown, startPages } from './world.ts';

const options = { skip: skipUnlessChromium };

/** A line of configuration that names a file with that content. */
const secretFile =
  (content: string, mode = 0o600) =>
  (home: string): string => {
    const file = join(home, 'secret');
    writeFileSync(file, content, { mode });
    return `client_secret_file: ${file}`;
  };

test('with the secret that the provider demands, from a private file, people sign in', options, async (t) => {
  const clientSecret = 'a secret: of 40 characters, with % and :';
  const world = await startPages(t, {
    clientSecret: clientSecret.replaceAll(' ', '_'),
    entry: [secretFile(`${clientSecret.replaceAll(' ', '_')}\n`)],
  });
  const page = await world.signedIn('ben');
  assert.match(await shown(page), /Nothing waits for you/);
  assert.ok(!world.log().includes('a_secret'));
});

test('with a wrong secret nobody is signed in, and the page says whose fault it is', options, async (t) => {
  const world = await startPages(t, {
    clientSecret: 'the-right-one-of-32-characters-ok',
    entry: [secretFile('not-that-one')],
  });
  const page = await world.browse();
  await page.goto(`${world.url}/web/`);
  await page.click('form[action$="/web/sign-in"] button');
  await enterLogin(page, { name: 'ben', password: world.idp.password('ben') });
  await page.waitForSelector('#allow');
  await page.click('#allow');
  await page.waitForFunction('/refuses jit as a client/.test(document.body.innerText)');
  assert.doesNotMatch(await shown(page), /not-that-one/);
  assert.equal(await page.$('.account'), null);
});

test('a secret that others can read, that is not there or that is none is refused before the broker serves', async (t) => {
  const home = tempFolder(t);
  const open = async (line: string): Promise<unknown> => {
    const yaml = `identity: { idp: { type: oidc, issuer: 'https://id.example', client_id: jit, ${line} } }`;
    const plan = { config: parseBrokerConfig(yaml, 'broker.yaml'), issuer: 'https://jit.example' };
    // Safe: the secret is read before anything else is looked at.
    return openPages(
      plan as Parameters<typeof openPages>[0],
      { targets: new Map() } as unknown as Parameters<typeof openPages>[1],
    );
  };
  await assert.rejects(open(secretFile('x', 0o644)(home)), /others can read this client secret/);
  await assert.rejects(open('client_secret_file: /nonexistent/secret'), /there is no such file/);
  await assert.rejects(open(secretFile('\n')(tempFolder(t))), /not a client secret/);
});

test('whoever says no at the provider is told so, and can try again', options, async (t) => {
  const world = await startPages(t);
  const page = await world.browse();
  await page.goto(`${world.url}/web/`);
  await page.click('form[action$="/web/sign-in"] button');
  await press(page, '#refuse');
  assert.match(await shown(page), /You are not signed in[^]*said no \(access_denied: the person said no\)/);
  await press(page, 'main a');
  assert.match(await shown(page), /Sign in with idp/);
});

test('a provider that is away is a page that says so, and the next try works once it is back', options, async (t) => {
  const world = await startPages(t);
  world.idp.intercept((_request, response) => {
    response.writeHead(503).end();
    return 'answered';
  });
  const page = await world.browse();
  await page.goto(`${world.url}/web/`);
  const answered = page.waitForNavigation();
  await page.click('form[action$="/web/sign-in"] button');
  assert.equal((await answered)?.status(), 503);
  assert.match(await shown(page), /The identity provider does not help[^]*It may work in a moment/);
  world.idp.intercept(null);
  await page.goto(`${world.url}/web/`);
  await page.click('form[action$="/web/sign-in"] button');
  await page.waitForSelector('input[name=password]');
});

test('an entry that is not for the pages is not offered there', async (t) => {
  const world = await startPages(t, { entry: [() => 'web: false'] });
  const { status, body } = await world.call('/web/');
  assert.equal(status, 401);
  assert.match(body, /No identity provider is configured for these pages/);
  assert.doesNotMatch(body, /<button/);
});
