/**
 * Deciding on the pages: a real browser, broker, identity provider and store.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enterLogin, press, skipUnlessChromium } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { allow, cookiesOf, fieldsOf, GRAVE, SAME_ORIGIN, shown, signIn, startPages } from './world.ts';

const options = { skip: skipUnlessChromium };

test('somebody who was disabled, or has left the group, does not approve any more', options, async (t) => {
  const world = await startPages(t);
  const ada = await world.caller('ada');
  const { request } = await ada.submit({});
  const left = await world.signedIn('ben', `/web/requests/${request.id}`);
  world.idp.setGroups('ben', ['engineers']);
  await left.click('#approve');
  await allow(left, '#decide');
  const answered = left.waitForNavigation();
  await left.click('#decide');
  assert.equal((await answered)?.status(), 404, 'it is none of their business any more');
  const disabled = await world.signedIn('cleo', `/web/requests/${request.id}`);
  // As providers do it, with all sessions of the account.
  world.idp.disable('cleo');
  world.idp.revokeAll('cleo');
  await disabled.click('#approve');
  await disabled.waitForSelector('input[name=password]');
  await disabled.type('input[name=name]', 'cleo');
  await disabled.type('input[name=password]', world.idp.password('cleo'));
  await press(disabled, '#sign-in');
  assert.match(await shown(disabled), /did not work/);
  const { request: still } = await ada.look(request.id);
  assert.equal(still.state, 'pending');
  assert.equal(still.votes.length, 0);
});

test('somebody who is disabled between the last look and the last button does not approve', options, async (t) => {
  const world = await startPages(t);
  const ada = await world.caller('ada');
  const { request } = await ada.submit({});
  const page = await world.signedIn('ben', `/web/requests/${request.id}`);
  await page.click('#approve');
  await allow(page, '#decide');
  world.idp.disable('ben');
  world.idp.revokeAll('ben');
  await page.click('#decide');
  // The provider takes its own answer no more, and asks who is there.
  await page.waitForSelector('input[name=password]');
  assert.equal((await ada.look(request.id)).request.state, 'pending');
});

test('deciding on the pages', options, async (suite) => {
  const world = await startPages(suite);

  await suite.test(
    'a second person signs in, finds the request, approves it with a comment, and the requester sees it',
    async () => {
      const ada = await world.caller('ada');
      const { request } = await ada.submit({ reason: 'fix the numbers' });
      const page = await world.signedIn('ben');
      assert.equal(new URL(page.url()).pathname, '/web/');
      await press(page, `a[href="/web/requests/${request.id}"]`);
      const text = await shown(page);
      for (const part of [
        'Ada Byron asks for s3:PutObject on arn:aws:s3:::reports/q3.csv',
        'fix the numbers',
        '30 minutes',
        'counts from the moment at which',
        'as ada',
        world.idp.issuer,
        'a revocation works within 5 minutes',
        '"Action": "s3:PutObject"',
        'environment prod',
        'this is the first one',
        '1 person from leads, 1 missing',
      ]) {
        assert.ok(text.includes(part), `${part} in ${text}`);
      }
      await page.type('#comment', 'go ahead');
      await page.click('#approve');
      await allow(page, '#decide');
      assert.match(await shown(page), /Nothing has been decided yet[^]*as the word of Ben Okri[^]*go ahead/);
      assert.equal((await ada.look(request.id)).request.state, 'pending');
      await press(page, '#decide');
      assert.equal(new URL(page.url()).pathname, `/web/requests/${request.id}`);
      assert.match(await shown(page), /approved by Ben Okri/);
      const now = await ada.look(request.id);
      assert.equal(now.request.state, 'approved');
      assert.deepEqual(
        now.request.votes.map(({ by, choice, comment }) => [by.subject, choice, comment]),
        [['ben', 'approve', 'go ahead']],
      );
      assert.ok(world.story().includes('session.confirmed'), 'the word is in the audit log');
      await page.goto(`${world.url}/web/`);
      assert.match(await shown(page), /Nothing waits for you/);
    },
  );

  await suite.test('a denial needs a reason, which the requester reads, and no word of the provider', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit({});
    const page = await world.signedIn('ben', `/web/requests/${request.id}`);
    await page.click('#deny');
    assert.equal((await ada.look(request.id)).request.state, 'pending', 'the browser keeps an empty reason back');
    const before = world.idp.calls.length;
    await page.type('#reason', 'not before the audit');
    await press(page, '#deny');
    assert.match(await shown(page), /denied/);
    const denied = await ada.look(request.id);
    assert.equal(denied.request.state, 'denied');
    assert.equal(denied.request.votes[0]?.comment, 'not before the audit');
    assert.equal(world.idp.calls.length, before);
  });

  await suite.test(
    'nobody decides on their own request: there is no button, and a forged form is refused',
    async () => {
      const dora = await world.caller('dora');
      const { request } = await dora.submit({});
      const page = await world.signedIn('dora', `/web/requests/${request.id}`);
      assert.equal(await page.$('#approve'), null);
      assert.equal(await page.$('#deny'), null);
      assert.match(await shown(page), /others decide/);
      const { form = '' } = await fieldsOf(page, `/web/requests/${request.id}/cancel`);
      const headers = { ...SAME_ORIGIN, cookie: await cookiesOf(page) };
      const { hash, policy } = request;
      for (const [name, fields] of [
        ['approve', { form, hash, policy, comment: '' }],
        ['confirm', { form, hash, policy }],
        ['deny', { form, hash, policy, reason: 'no' }],
      ] as const) {
        const body = new URLSearchParams(fields).toString();
        const answer = await world.call(`/web/requests/${request.id}/${name}`, { method: 'POST', headers, body });
        assert.equal(answer.status, 403, name);
      }
      assert.equal((await dora.look(request.id)).request.votes.length, 0);
      await press(page, '#cancel');
      assert.equal((await dora.look(request.id)).request.state, 'cancelled');
    },
  );

  await suite.test('a self-serve request is confirmed by its requester with a word of their own', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit({ operation: 's3:PutObjectTagging' });
    const page = await world.signedIn('ada', `/web/requests/${request.id}`);
    await page.click('#confirm');
    await allow(page, '#decide');
    await press(page, '#decide');
    assert.equal((await ada.look(request.id)).request.state, 'approved');
    assert.match(await shown(page), /jit wait/);
  });

  await suite.test('whoever would hand out permissions proves themselves anew, and two people are needed', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit(GRAVE);
    for (const [name, state] of [
      ['ivy', 'pending'],
      ['ike', 'approved'],
    ] as const) {
      const page = await world.signedIn(name, `/web/requests/${request.id}`);
      await page.click('#approve');
      // Signed in there a moment ago, and asked for the password all the same.
      await page.waitForSelector('input[name=password]');
      await page.type('input[name=name]', name);
      await page.type('input[name=password]', world.idp.password(name));
      await page.click('#sign-in');
      await allow(page, '#decide');
      await press(page, '#decide');
      assert.equal((await ada.look(request.id)).request.state, state);
    }
  });

  await suite.test('the last button counts once: pressed twice, sent again, and after going back', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit(GRAVE);
    const page = await world.signedIn('ivy', `/web/requests/${request.id}`);
    await page.click('#approve');
    await page.waitForSelector('input[name=password]');
    await page.type('input[name=name]', 'ivy');
    await page.type('input[name=password]', world.idp.password('ivy'));
    await page.click('#sign-in');
    await allow(page, '#decide');
    const headers = { ...SAME_ORIGIN, cookie: await cookiesOf(page) };
    const body = new URLSearchParams(await fieldsOf(page, '/web/callback')).toString();
    const send = async () => world.call('/web/callback', { method: 'POST', headers, body });
    const votes = world.story().filter((type) => type === 'request.voted').length;
    const twice = await Promise.all([send(), send()]);
    assert.deepEqual(
      twice.map(({ status, headers: found }) => [status, found.get('location')]),
      [303, 303].map((status) => [status, `/web/requests/${request.id}`]),
    );
    assert.equal((await send()).status, 303);
    await page.click('#decide');
    await eventually(() => new URL(page.url()).pathname === `/web/requests/${request.id}`);
    await page.goBack();
    const { request: now } = await ada.look(request.id);
    assert.equal(now.votes.length, 1);
    assert.equal(now.state, 'pending');
    assert.equal(world.story().filter((type) => type === 'request.voted').length, votes + 1);
  });

  await suite.test(
    'a decision counts for what was seen: another hash or policy is refused at the first button',
    async () => {
      const ada = await world.caller('ada');
      const { request } = await ada.submit({});
      const page = await world.signedIn('ben', `/web/requests/${request.id}`);
      const path = `/web/requests/${request.id}/approve`;
      const fields = await fieldsOf(page, path);
      const headers = { ...SAME_ORIGIN, cookie: await cookiesOf(page) };
      const before = world.rows();
      for (const other of [{ hash: 'f'.repeat(64) }, { policy: 'f'.repeat(64) }]) {
        const body = new URLSearchParams({ ...fields, ...other }).toString();
        const answer = await world.call(path, { method: 'POST', headers, body });
        assert.equal(answer.status, 409);
        assert.match(answer.body, /Nothing was counted/);
      }
      assert.equal(world.rows(), before, 'nothing is remembered');
    },
  );

  await suite.test('a decision on what has been decided meanwhile is not taken, and says so', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit({});
    const [ben, cleo] = [
      await world.signedIn('ben', `/web/requests/${request.id}`),
      await world.signedIn('cleo', `/web/requests/${request.id}`),
    ];
    await ben.click('#approve');
    await allow(ben, '#decide');
    await cleo.type('#reason', 'no');
    await press(cleo, '#deny');
    const answered = ben.waitForNavigation();
    await ben.click('#decide');
    assert.equal((await answered)?.status(), 409);
    assert.match(await shown(ben), /Nothing was counted[^]*denied/i);
    assert.equal((await ada.look(request.id)).request.state, 'denied');
  });

  await suite.test('a request whose time is over cannot be decided any more, and the page says so', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit({});
    const page = await world.signedIn('ben', `/web/requests/${request.id}`);
    await page.type('#reason', 'too slow');
    world.alter(`UPDATE requests SET deadline = ${Date.now() - 1} WHERE id = '${request.id}'`);
    const answered = page.waitForNavigation();
    await page.click('#deny');
    assert.equal((await answered)?.status(), 409);
    assert.match(await shown(page), /too late: the request is timed-out/i);
    await press(page, 'main a[href*="/web/requests/"]');
    assert.equal(await page.$('#approve'), null);
    assert.match(await shown(page), /Nothing to decide/);
  });

  await suite.test('without a pointer: from the sign-in to the last button by the keyboard alone', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit({});
    const page = await world.browse();
    const focused = async (): Promise<string> =>
      String(
        await page.evaluate(
          'document.activeElement.id || document.activeElement.getAttribute("href") || document.activeElement.textContent.trim()',
        ),
      );
    /** Presses Tab until the focus is there. */
    const tabTo = async (what: RegExp): Promise<void> => {
      await page.bringToFront();
      for (let step = 0; step < 40; step++) {
        await page.keyboard.press('Tab');
        if (what.test(await focused())) return;
      }
      assert.fail(`${what} cannot be reached`);
    };
    await page.goto(`${world.url}/web/`);
    await page.keyboard.press('Tab');
    assert.equal(await focused(), '#main', 'the first stop leads past the bar');
    await tabTo(/^Sign in with/);
    await page.keyboard.press('Enter');
    await page.waitForSelector('input[name=password]');
    await page.focus('input[name=name]');
    await page.keyboard.type('ben');
    await page.keyboard.press('Tab');
    await page.keyboard.type(world.idp.password('ben'));
    await page.keyboard.press('Enter');
    await allow(page);
    await tabTo(new RegExp(`requests/${request.id}`));
    await page.keyboard.press('Enter');
    await page.waitForSelector('#approve');
    await tabTo(/^comment$/);
    await page.keyboard.type('by keyboard');
    await tabTo(/^approve$/);
    await page.keyboard.press('Enter');
    await allow(page, '#decide');
    await tabTo(/^decide$/);
    await page.keyboard.press('Enter');
    await eventually(async () => (await ada.look(request.id)).request.state === 'approved');
  });

  await suite.test('without a script everything works, by one more button', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit({});
    const page = await world.browse();
    await page.setJavaScriptEnabled(false);
    await page.goto(`${world.url}/web/requests/${request.id}`);
    await press(page, 'form[action$="/web/sign-in"] button');
    await page.waitForSelector('input[name=password]');
    await page.type('input[name=name]', 'ben');
    await page.type('input[name=password]', world.idp.password('ben'));
    await press(page, '#sign-in');
    await press(page, '#allow');
    await press(page, '#go-on');
    await page.waitForSelector('#approve');
    await page.click('#approve');
    await page.waitForSelector('#decide');
    await press(page, '#decide');
    assert.equal((await ada.look(request.id)).request.state, 'approved');
    assert.match(await page.content(), /\(in \d+ hours?|\(in \d+ minutes/);
  });

  await suite.test('two people in one browser: a decision begun by one is not finished by the other', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit({});
    const page = await world.signedIn('ben', `/web/requests/${request.id}`);
    await page.click('#approve');
    await allow(page, '#decide');
    const begun = { url: page.url(), body: new URLSearchParams(await fieldsOf(page, '/web/callback')).toString() };
    const trip = (await cookiesOf(page)).split('; ').find((each) => each.startsWith('__Host-jit-trip='));
    const other = await world.browse();
    await other.goto(`${world.url}/web/`);
    await signIn(other, world.idp, 'cleo');
    const own = (await cookiesOf(other)).split('; ').find((each) => each.startsWith('__Host-jit='));
    const answer = await world.call('/web/callback', {
      method: 'POST',
      headers: { ...SAME_ORIGIN, cookie: `${own}; ${trip}` },
      body: begun.body,
    });
    assert.equal(answer.status, 403);
    assert.equal((await ada.look(request.id)).request.votes.length, 0);
  });

  await suite.test('whom the provider vouches for at the last button has to be who is signed in', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit({});
    const page = await world.signedIn('ben', `/web/requests/${request.id}`);
    // Somebody else sits down at the same browser, and signs in at the provider.
    for (const cookie of await page.browserContext().cookies()) {
      if (!cookie.name.startsWith('__Host-')) await page.browserContext().deleteCookie(cookie);
    }
    await page.click('#approve');
    await enterLogin(page, { name: 'cleo', password: world.idp.password('cleo') });
    await allow(page, '#decide');
    const answered = page.waitForNavigation();
    await page.click('#decide');
    assert.equal((await answered)?.status(), 403);
    assert.match(await shown(page), /vouched for somebody else/);
    assert.equal((await ada.look(request.id)).request.votes.length, 0);
  });
});
