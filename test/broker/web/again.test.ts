/**
 * The same once more on the pages: double clicks and the back button of a real browser, after a decision.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { press, skipUnlessChromium } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { allow, shown, startPages } from './world.ts';

const options = { skip: skipUnlessChromium };

test('a decision is made once, however often it is clicked and gone back to', options, async (suite) => {
  const world = await startPages(suite);
  const votes = (): number => world.story().filter((type) => type === 'request.voted').length;

  await suite.test('a double click on the last button is one approval, and the page says so', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit({});
    const before = votes();
    const page = await world.signedIn('ben', `/web/requests/${request.id}`);
    await page.click('#approve');
    await allow(page, '#decide');
    await page.bringToFront();
    await page.click('#decide', { count: 2 });
    await eventually(async () => /approved by Ben Okri/.test(await shown(page)));
    assert.equal(new URL(page.url()).pathname, `/web/requests/${request.id}`);
    const { request: now } = await ada.look(request.id);
    assert.deepEqual([now.state, now.votes.length, votes()], ['approved', 1, before + 1]);
  });

  await suite.test('a double click on the first button leads to one last look', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit({});
    const before = votes();
    const page = await world.signedIn('ben', `/web/requests/${request.id}`);
    await page.bringToFront();
    await page.click('#approve', { count: 2 });
    await allow(page, '#decide');
    assert.equal(votes(), before);
    await press(page, '#decide');
    const { request: now } = await ada.look(request.id);
    assert.deepEqual([now.state, now.votes.length, votes()], ['approved', 1, before + 1]);
  });

  await suite.test(
    'going back after an approval: what is there decides nothing a second time, and says why',
    async () => {
      const ada = await world.caller('ada');
      const { request } = await ada.submit({});
      const before = votes();
      const page = await world.signedIn('ben', `/web/requests/${request.id}`);
      await page.click('#approve');
      await allow(page, '#decide');
      await press(page, '#decide');
      // First the answer of the provider, which was used up, then the request as it stands.
      for (const says of [/That is over[^]*nothing was done with it/, /approved by Ben Okri/]) {
        await page.goBack();
        assert.match(await shown(page), says);
        for (const button of ['#approve', '#decide']) assert.equal(await page.$(button), null, button);
      }
      const { request: now } = await ada.look(request.id);
      assert.deepEqual([now.state, now.votes.length], ['approved', 1]);
      assert.equal(votes(), before + 1);
    },
  );

  await suite.test('going back after a denial: the form is of no use any more, and the page says so', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit({});
    const before = votes();
    const page = await world.signedIn('ben', `/web/requests/${request.id}`);
    await page.type('#reason', 'not today');
    await page.bringToFront();
    await page.click('#deny', { count: 2 });
    await eventually(async () => /Ben Okri denied it: not today/.test(await shown(page)));
    assert.equal(votes(), before + 1);
    await page.goBack();
    assert.match(await shown(page), /Ben Okri denied it: not today/);
    assert.equal(await page.$('#deny'), null);
    const { request: now } = await ada.look(request.id);
    assert.deepEqual([now.state, now.votes.length, votes()], ['denied', 1, before + 1]);
  });
});
