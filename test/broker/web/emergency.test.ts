/**
 * Emergencies on the pages: a real browser, broker, identity provider and store, the sandbox as the cloud, incidents in a file.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { press, skipUnlessChromium } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { startEmergency } from './emergency.ts';
import { faultsOf } from './faults.ts';
import { allow, cookiesOf, fieldsOf, SAME_ORIGIN, shown, signIn } from './world.ts';

const options = { skip: skipUnlessChromium };
const INCIDENT = '/web/incidents/ours/INC-7';

test('emergencies on the pages', options, async (suite) => {
  const world = await startEmergency(suite);
  const ada = await world.caller('ada');
  const eve = await world.caller('eve');
  const ends = (): number => world.story().filter((type) => type === 'grant.end').length;

  await suite.test(
    'whoever signs in at the page of an incident sees what was given for it, and ends all of it with one click',
    async () => {
      const [first, second] = [await world.breaks(ada), await world.breaks(eve, { reason: 'I look as well' })];
      const other = await world.breaks(ada, { incident: 'INC-8' });
      const before = ends();
      const page = await world.browse();
      await page.setBypassCSP(true);
      await page.goto(`${world.url}${INCIDENT}`);
      await signIn(page, world.idp, 'ben');
      assert.equal(new URL(page.url()).pathname, INCIDENT);
      const text = await shown(page);
      for (const part of [
        'Incident INC-7',
        'checkout is down',
        '1 of 5, where 1 is the most severe',
        'Emergency access: 2 live',
        'Ada Byron: s3:GetObject on arn:aws:s3:::sandbox-reports/hello.txt',
        'Eve Hill: s3:GetObject',
        'I look as well',
        'One click ends 2 live accesses, at once and for good',
      ]) {
        assert.ok(text.includes(part), `${part} in ${text}`);
      }
      assert.match(text, /Ends .* UTC \(in 29:\d\d\)/);
      assert.deepEqual(await faultsOf(page), []);
      world.cloud.close();
      await press(page, '#end-all');
      assert.equal(new URL(page.url()).pathname, INCIDENT);
      assert.match(await shown(page), /2 ending[^]*Not confirmed yet[^]*because somebody ended it[^]*could last until/);
      assert.match(await shown(page), /Nothing to end/);
      assert.deepEqual(await faultsOf(page), []);
      world.cloud.open();
      // Left open, the page says that there is something new.
      await page.bringToFront();
      await page.waitForSelector('#news a', { timeout: 30_000 });
      const closed = await Promise.all([world.gone(ada, first.request.id), world.gone(eve, second.request.id)]);
      await page.reload();
      const after = await shown(page);
      assert.match(after, /Emergency access: 2 gone/);
      for (const { grant } of closed) {
        assert.equal(grant?.reason, 'revoked');
        const at: unknown = await page.$eval(`time[datetime="${grant.closedAt}"]`, (each) => each.textContent);
        assert.ok(after.includes(`Really gone at ${String(at)}, because somebody ended it`));
      }
      assert.match(after, /prod-web: gone at \d+ \w+ \d+, [\d:]+ UTC: ./);
      assert.deepEqual(await faultsOf(page), []);
      assert.equal(ends(), before + 2);
      assert.equal((await ada.look(other.request.id)).grant?.state, 'active', 'that of another incident goes on');
    },
  );

  await suite.test('a double click and the back button end everything once, and the page says so', async () => {
    const { request } = await world.breaks(ada);
    const before = ends();
    const page = await world.signedIn('ben', INCIDENT);
    await page.bringToFront();
    await page.click('#end-all', { count: 2 });
    await world.gone(ada, request.id);
    await eventually(async () => /Nothing to end/.test(await shown(page)));
    await page.goBack();
    assert.equal(await page.$('#end-all'), null);
    assert.equal(ends(), before + 1);
  });

  await suite.test('without a script it is the same one click', async () => {
    const { request } = await world.breaks(ada);
    const page = await world.signedIn('cleo');
    await page.setJavaScriptEnabled(false);
    await page.goto(`${world.url}${INCIDENT}`);
    await press(page, '#end-all');
    await world.gone(ada, request.id);
  });

  await suite.test('a responder sees and ends their own, and hears of the others only that they go on', async () => {
    const mine = await world.breaks(eve, { reason: 'mine' });
    const theirs = await world.breaks(ada, { reason: 'somebody else has this' });
    const page = await world.signedIn('eve', INCIDENT);
    const text = await shown(page);
    assert.match(text, /you respond to it/);
    assert.match(text, /1 live access of it is not yours to end/);
    assert.doesNotMatch(text, /somebody else has this/);
    await press(page, '#end-all');
    await world.gone(eve, mine.request.id);
    assert.equal((await ada.look(theirs.request.id)).grant?.state, 'active');
    await page.goto(`${world.url}${INCIDENT}`);
    assert.match(await shown(page), /Nothing to end[^]*1 live access of it is not yours to end/);
    await world.signedIn('ben', INCIDENT).then(async (lead) => press(lead, '#end-all'));
    await world.gone(ada, theirs.request.id);
  });

  await suite.test(
    'somebody without a part in it finds nothing at its address, by no method, and looking changes nothing',
    async () => {
      const { request, grant } = await world.breaks(ada);
      const lead = await world.signedIn('ben', INCIDENT);
      const fields = await fieldsOf(lead, `${INCIDENT}/end`);
      world.idp.setGroups('cleo', []);
      const stranger = await world.signedIn('cleo');
      for (const path of [INCIDENT, `/web/requests/${request.id}`, `/web/grants/${grant?.id}`]) {
        assert.equal((await stranger.goto(`${world.url}${path}`))?.status(), 404, path);
      }
      world.idp.setGroups('cleo', ['leads']);
      const { form = '' } = await fieldsOf(stranger, '/web/sign-out');
      const unchanged = world.rows();
      const cookie = await cookiesOf(stranger);
      const post = async (path: string, body: Record<string, string>, headers: Record<string, string> = {}) =>
        (
          await world.call(path, {
            method: 'POST',
            headers: { ...SAME_ORIGIN, cookie, ...headers },
            body: new URLSearchParams(body).toString(),
          })
        ).status;
      assert.equal(await post(`${INCIDENT}/end`, { form }), 404, 'with a form of their own');
      const verdict = { form, hash: request.hash, policy: request.policy, verdict: 'justified', comment: 'x' };
      assert.equal(await post(`/web/requests/${request.id}/review`, verdict), 404, 'a verdict');
      const mine = { cookie: await cookiesOf(lead) };
      assert.equal(await post(`${INCIDENT}/end`, { form }, mine), 403, 'the token of another session');
      assert.equal(await post(`${INCIDENT}/end`, fields, { ...mine, 'sec-fetch-site': 'cross-site' }), 403);
      assert.equal(await post(`${INCIDENT}/end`, { ...fields, more: '1' }, mine), 400, 'another field');
      for (const path of [INCIDENT, '/web/reviews', '/web/', `/web/requests/${request.id}`, `${INCIDENT}/end`]) {
        await world.call(path, { headers: mine });
      }
      assert.equal(world.rows(), unchanged);
      assert.equal((await ada.look(request.id)).grant?.state, 'active');
      await press(lead, '#end-all');
      await world.gone(ada, request.id);
    },
  );

  await suite.test(
    'the page of a request says plainly that it is an emergency, and ends it with one click; so does the list',
    async () => {
      const { request, grant } = await world.breaks(ada);
      const page = await world.browse();
      await page.setBypassCSP(true);
      await page.goto(`${world.url}/web/grants`);
      await signIn(page, world.idp, 'ada');
      assert.match(await shown(page), /emergency\s+bound to INC-7 at ours/i);
      assert.deepEqual(await faultsOf(page), [], 'list');
      await press(page, `a[href="/web/grants/${grant?.id}"]`);
      assert.match(await shown(page), /Emergency access, bound to INC-7[^]*End it now[^]*Review[^]*open/);
      assert.deepEqual(await faultsOf(page), [], 'grant');
      const lead = await world.signedIn('ben', `/web/requests/${request.id}`);
      await lead.setBypassCSP(true);
      await lead.reload();
      assert.match(await shown(lead), /Emergency access, bound to INC-7/);
      assert.match(await shown(lead), /It can be closed once the access is over/);
      assert.equal(await lead.$(`a[href="${INCIDENT}"]`).then((link) => link !== null), true);
      assert.deepEqual(await faultsOf(lead), [], 'request');
      await press(lead, 'form[action$="/revoke"] button');
      assert.equal((await world.gone(ada, request.id)).grant?.reason, 'revoked');
    },
  );

  await suite.test('a closed incident has ended its access, and is shown with when that was gone', async () => {
    const { request } = await world.breaks(eve, { incident: 'INC-8' });
    world.incidents({ 'INC-7': {}, 'INC-8': { state: 'closed' } });
    assert.equal((await world.gone(eve, request.id)).grant?.reason, 'incident-closed');
    const page = await world.signedIn('ben', '/web/incidents/ours/INC-8');
    const text = await shown(page);
    assert.match(text, /Incident INC-8\s+closed/);
    assert.match(text, /Really gone at .*, because its incident is over/);
    assert.match(text, /Nothing to end/);
  });

  await suite.test('an incident that its source does not tell of is shown with what was given for it', async () => {
    const { request } = await world.breaks(ada);
    world.incidents(null);
    const page = await world.signedIn('ben', INCIDENT);
    assert.match(await shown(page), /gives no answer about it[^]*Emergency access: .*1 live/);
    await press(page, '#end-all');
    await world.gone(ada, request.id);
    world.incidents({ 'INC-7': {}, 'INC-8': {} });
  });

  await suite.test(
    'foreign text of an incident is text, and its page a link that is read before it is followed',
    async () => {
      const title =
        '<script>globalThis.hit=1</script> [x](javascript:alert(1)) https://evil.example "><img src=x onerror=hit()>';
      world.incidents({ 'INC-7': { title, url: 'https://wiki.example/inc-7?a=1&b="2"' }, 'INC-8': {} });
      const page = await world.signedIn('ben', INCIDENT);
      await eventually(async () => {
        await page.reload();
        return (await shown(page)).includes(title);
      });
      assert.equal(await page.evaluate('globalThis.hit'), undefined);
      const links: unknown = await page.evaluate(
        '[...document.links].filter((each) => each.origin !== location.origin).map((each) => [each.href, each.innerText, each.rel])',
      );
      const address = 'https://wiki.example/inc-7?a=1&b=%222%22';
      assert.deepEqual(links, [[address, address, 'external noopener noreferrer']]);
      world.incidents({ 'INC-7': {}, 'INC-8': {} });
    },
  );
});

test(
  'the review of emergency access is closed by somebody else, with the word of their identity provider',
  options,
  async (t) => {
    const world = await startEmergency(t);
    const ada = await world.caller('ada');
    const { request } = await world.breaks(ada);
    const reviewed = (): number => world.story().filter((type) => type === 'emergency.reviewed').length;

    const holder = await world.signedIn('ada');
    assert.match(await shown(holder), /1 open review of emergency access/);
    await press(holder, 'a[href="/web/reviews"]');
    assert.match(await shown(holder), /It is not yours to close/);
    await press(holder, `a[href="/web/requests/${request.id}"]`);
    await press(holder, 'form[action$="/revoke"] button');
    await world.gone(ada, request.id);
    await holder.goto(`${world.url}/web/requests/${request.id}`);
    assert.equal(await holder.$('#close-review'), null);
    const { form = '' } = await fieldsOf(holder, '/web/sign-out');
    const forged = { form, hash: request.hash, policy: request.policy, verdict: 'justified', comment: 'all was well' };
    const refused = await world.call(`/web/requests/${request.id}/review`, {
      method: 'POST',
      headers: { ...SAME_ORIGIN, cookie: await cookiesOf(holder) },
      body: new URLSearchParams(forged).toString(),
    });
    assert.equal(refused.status, 403, 'never the holder');

    const page = await world.browse();
    await page.setBypassCSP(true);
    await page.goto(`${world.url}/web/`);
    await signIn(page, world.idp, 'ben');
    assert.match(await shown(page), /1 open review of emergency access, yours to close/);
    assert.deepEqual(await faultsOf(page), [], 'inbox');
    const other = await world.signedIn('cleo', `/web/requests/${request.id}`);
    await press(page, 'a[href="/web/reviews"]');
    assert.match(await shown(page), /Ada Byron: s3:GetObject[^]*bound to INC-7[^]*It is yours to close/);
    assert.deepEqual(await faultsOf(page), [], 'reviews');
    await press(page, `a[href="/web/requests/${request.id}"]`);
    assert.deepEqual(await faultsOf(page), [], 'request');
    await page.click('#close-review');
    assert.equal(
      new URL(page.url()).pathname,
      `/web/requests/${request.id}`,
      'the browser keeps it back without a verdict',
    );
    await page.click('input[value=unjustified]');
    await page.type('#verdict-comment', 'a look at the dashboard <b>was</b> enough');
    await page.click('#close-review');
    await allow(page, '#decide');
    assert.match(await shown(page), /Ben Okri has found it unjustified[^]*<b>was<\/b> enough/);
    assert.deepEqual(await faultsOf(page), [], 'last look');
    assert.equal(reviewed(), 0);
    await page.bringToFront();
    await page.click('#decide', { count: 2 });
    await eventually(async () => /Ben Okri found it unjustified/.test(await shown(page)));
    assert.match(await shown(page), /<b>was<\/b> enough/);
    assert.equal(reviewed(), 1);

    await other.bringToFront();
    await other.click('input[value=justified]');
    await other.type('#verdict-comment', 'it was right');
    await press(other, '#close-review');
    assert.match(await shown(other), /cannot decide this one/, 'somebody was faster');
    assert.equal(reviewed(), 1);
    await page.goBack();
    assert.equal(await page.$('#decide'), null);
    await page.goto(`${world.url}/web/`);
    assert.doesNotMatch(await shown(page), /open review/);
    await page.goto(`${world.url}/web/reviews`);
    assert.match(await shown(page), /No review is open/);
    assert.deepEqual(await faultsOf(page), [], 'no reviews');
  },
);

test('without its source an emergency is confirmed by people, who are told what they confirm', options, async (t) => {
  const world = await startEmergency(t);
  world.incidents(null);
  const ada = await world.caller('ada');
  const { request } = await world.breaks(ada, { seconds: 600 });
  assert.equal(request.state, 'pending');
  const page = await world.browse();
  await page.setBypassCSP(true);
  await page.goto(`${world.url}/web/`);
  await signIn(page, world.idp, 'ben');
  assert.match(await shown(page), /emergency\s+bound to INC-7 at ours[^]*Still needed:\s+2 people from leads/i);
  assert.deepEqual(await faultsOf(page), [], 'inbox');
  await press(page, `a[href="/web/requests/${request.id}"]`);
  assert.match(await shown(page), /Emergency access, bound to INC-7[^]*its source could not be asked[^]*Refuse it/);
  assert.match(await shown(page), /Who confirms it[^]*2 people from leads, 2 missing/);
  assert.deepEqual(await faultsOf(page), [], 'request');
  await page.click('#approve');
  await allow(page, '#decide');
  assert.match(await shown(page), /Confirm this\?[^]*Emergency access, bound to INC-7/);
  await press(page, '#decide');
  assert.match(await shown(page), /Ben Okri confirmed it/);
  await page.goto(`${world.url}${INCIDENT}`);
  assert.match(
    await shown(page),
    /One click ends 1 request under way[^]*1 asked for[^]*It waits for 1 person from leads/,
  );
  assert.deepEqual(await faultsOf(page), [], 'incident');
  const cleo = await world.signedIn('cleo', `/web/requests/${request.id}`);
  await cleo.click('#approve');
  await allow(cleo, '#decide');
  await press(cleo, '#decide');
  await page.reload();
  assert.match(await shown(page), /Confirmed by 2 people from leads, and not taken up yet/);
  assert.equal((await ada.issue(request.id)).grant?.state, 'active');
  await page.reload();
  await press(page, '#end-all');
  await world.gone(ada, request.id);

  const next = await world.breaks(ada, { seconds: 600 });
  const again = await world.signedIn('cleo', `/web/requests/${next.request.id}`);
  await again.type('#reason', 'there is no emergency');
  await press(again, '#deny');
  assert.match(await shown(again), /Cleo Sand refused it/);
  assert.equal((await ada.look(next.request.id)).request.state, 'denied');
});
