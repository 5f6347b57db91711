/**
 * Whether everybody can use the pages: axe-core on each of them in both colour schemes, narrow screens, large text, targets
 * for fingers. With live access at a cloud by others, and its revocation.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enterLogin, press, skipUnlessChromium } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { startMoto } from '../../support/moto.ts';
import { faultsOf } from './faults.ts';
import { allow, shown, signIn, startPages } from './world.ts';

const options = { skip: skipUnlessChromium };
test(
  'axe finds nothing on the pages of an approver, in light and dark; they fit 320 px and doubled text',
  options,
  async (t) => {
    const world = await startPages(t);
    const ada = await world.caller('ada');
    const { request } = await ada.submit({
      reason: 'p\u0430ypal\nsecond line '.repeat(8),
      resource: `arn:aws:s3:::reports/${'long-name-'.repeat(30)}`,
    });
    const page = await world.browse();
    // A script of a test is no script of the page.
    await page.setBypassCSP(true);
    const look = async (what: string): Promise<void> => assert.deepEqual(await faultsOf(page), [], what);
    await page.goto(`${world.url}/web/requests/${request.id}`);
    await look('sign-in');
    // The browser stays where it is, instead of going on by itself.
    let held = world.idp.issuer;
    await page.setRequestInterception(true);
    page.on('request', (asked) => {
      const stays = asked.isNavigationRequest() && held !== '' && `${asked.method()} ${asked.url()}`.includes(held);
      void (stays ? asked.abort('aborted') : asked.continue());
    });
    await page.click('form[action$="/web/sign-in"] button');
    await page.waitForSelector('meta[http-equiv=refresh]');
    await look('on the way');
    held = 'POST https://';
    await page.click('main a');
    await enterLogin(page, { name: 'ben', password: world.idp.password('ben') });
    await allow(page, '#go-on');
    await look('back');
    held = '';
    await page.click('#go-on');
    await allow(page);
    await look('request');
    await page.goto(`${world.url}/web/`);
    await look('inbox');
    await page.goto(`${world.url}/web/requests`);
    await look('no requests');
    await page.goto(`${world.url}/web/grants`);
    await look('no access');
    await page.goto(`${world.url}/web/nowhere`);
    await look('error');
    await page.goto(`${world.url}/web/requests/${request.id}`);
    await page.type('#comment', 'fine');
    await page.click('#approve');
    await allow(page, '#decide');
    await look('last look');
    await press(page, '#decide');
    await look('approved');
    await page.goto(`${world.url}/web/`);
    await look('empty inbox');
  },
);

test('live access is listed with its end, told as a story, and revoked by a button', options, async (t) => {
  const world = await startPages(t, { cloud: await startMoto(t) });
  const ada = await world.caller('ada');
  const { request, grant } = await ada.submit({ operation: 's3:GetObject', seconds: 900 });
  assert.equal(grant?.state, 'active');
  await ada.submit({ operation: 's3:PutObjectTagging' });
  const page = await world.browse();
  await page.setBypassCSP(true);
  await page.goto(`${world.url}/web/grants`);
  await signIn(page, world.idp, 'ada');
  assert.match(await shown(page), /Ends .* UTC \(in 14:\d\d\)/);
  assert.deepEqual(await faultsOf(page), [], 'grants');
  const first: unknown = await page.$eval('.left', (each) => each.textContent);
  await eventually(async () => (await page.$eval('.left', (each) => each.textContent)) !== first);
  await page.goto(`${world.url}/web/requests`);
  assert.match(await shown(page), /It waits for your own confirmation/);
  assert.deepEqual(await faultsOf(page), [], 'requests');
  await page.goto(`${world.url}/web/requests/${request.id}`);
  assert.deepEqual(await faultsOf(page), [], 'own request');
  await page.goto(`${world.url}/web/grants/${grant.id}`);
  assert.match(await shown(page), /Asked for[^]*Judged by policy[^]*About to be issued[^]*Issued/);
  assert.match(await shown(page), /There it is called arn:aws:sts::\d{12}:assumed-role\/\S+gr_\w+;[^]*"Statement": \[/);
  assert.deepEqual(await faultsOf(page), [], 'grant');
  const stranger = await world.signedIn('ben');
  assert.equal((await stranger.goto(`${world.url}/web/grants/${grant.id}`))?.status(), 404);
  const other = await ada.submit({ operation: 's3:GetObject', seconds: 900 });
  const security = await world.signedIn('ivy', `/web/grants/${other.grant?.id}`);
  assert.match(await shown(security), /Ada Byron: s3:GetObject[^]*Issued/);
  await press(security, 'form[action$="/revoke"] button');
  await eventually(async () => (await ada.look(other.request.id)).grant?.reason === 'revoked');
  assert.match(await shown(security), /Ended[^]*by user ivy[^]*reason: revoked/);
  assert.equal((await ada.look(request.id)).grant?.state, 'active');
  await page.bringToFront();
  await press(page, 'form[action$="/revoke"] button');
  await eventually(async () => (await ada.look(request.id)).grant?.reason === 'revoked');
  await page.reload();
  assert.match(await shown(page), /Ended[^]*reason: revoked/);
  assert.equal(await page.$('form[action$="/revoke"]'), null);
  assert.ok(!(await page.content()).includes('ASIA'), 'no credential is on the page');
  await page.goto(`${world.url}/web/grants`);
  assert.match(await shown(page), /No access is live|being revoked/);
});

test(
  'a page that is left open says when there is something new, and changes nothing under the pointer',
  options,
  async (t) => {
    const world = await startPages(t);
    const ada = await world.caller('ada');
    const { request } = await ada.submit({});
    const page = await world.signedIn('ben', `/web/requests/${request.id}`);
    await page.bringToFront();
    const cleo = await world.signedIn('cleo', `/web/requests/${request.id}`);
    await cleo.type('#reason', 'no');
    await press(cleo, '#deny');
    await page.bringToFront();
    // As when somebody comes back to the tab; else it looks every 15 s.
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
    await eventually(async () => /There is something new/.test(await shown(page)), { deadlineMs: 40_000 });
    assert.match(await shown(page), /waiting for a decision/);
    await press(page, '#news a');
    assert.match(await shown(page), /denied/);
  },
);
