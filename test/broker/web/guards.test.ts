/**
 * Whoever is not the person at the pages: other sites, other sessions, thieves of cookies, authors of hostile text.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { press, skipUnlessChromium } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { allow, cookiesOf, fieldsOf, SAME_ORIGIN, shown, signIn, startPages } from './world.ts';

const options = { skip: skipUnlessChromium };
const UNKNOWN = `req_${'0'.repeat(26)}`;

/** Another site, with one page. */
async function otherSite(t: TestContext, html: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end(html);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/`;
}

const HOSTILE = [
  '<script>globalThis.hit = 1</script>',
  '"><img src=x onerror="globalThis.hit=1">',
  "'); globalThis.hit = 1; ('",
  '</textarea><svg onload=globalThis.hit=1>',
  '{{constructor.constructor("globalThis.hit=1")()}}',
  '&lt;b&gt;',
  '<a href="javascript:globalThis.hit=1">press</a>',
];

test('whoever is not the person at the pages', options, async (suite) => {
  const world = await startPages(suite);

  await suite.test(
    'every reply forbids framing, foreign content, sniffing, caching and referrers, errors included',
    async () => {
      const ada = await world.caller('ada');
      const { request } = await ada.submit({});
      const page = await world.signedIn('ben');
      const cookie = await cookiesOf(page);
      const assets: unknown = await page.evaluate(
        '[...document.querySelectorAll("link[rel=stylesheet], script[src]")].map((each) => each.getAttribute("href") ?? each.getAttribute("src"))',
      );
      assert.ok(Array.isArray(assets) && assets.length === 2);
      const replies = [
        ...(await Promise.all(
          [
            '/web',
            '/web/',
            '/web/requests',
            `/web/requests/${request.id}`,
            `/web/requests/${UNKNOWN}`,
            '/web/requests/x',
            '/web/grants',
            '/web/nowhere',
            '/web/callback?code=1&state=2',
            '/web/callback',
            '/web/sign-out',
            ...assets.map(String),
          ].map(async (path) => [path, await world.call(path, { headers: { cookie } })] as const),
        )),
        ['not signed in', await world.call('/web/')] as const,
        ['forged', await world.call('/web/sign-out', { method: 'POST', headers: { cookie } })] as const,
        ['another host', await world.call('/web/', { headers: { host: 'evil.example' } })] as const,
      ];
      for (const [what, { status, headers, body }] of replies) {
        if (what === 'another host') {
          assert.equal(status, 400);
          continue;
        }
        const policy = headers.get('content-security-policy') ?? '';
        for (const rule of [
          "default-src 'none'",
          "script-src 'self'",
          "style-src 'self'",
          "form-action 'self'",
          "base-uri 'none'",
          "frame-ancestors 'none'",
        ]) {
          assert.ok(policy.split('; ').includes(rule), `${what}: ${rule}`);
        }
        assert.doesNotMatch(policy, /unsafe|\*|data:/, what);
        assert.equal(headers.get('x-frame-options'), 'DENY', what);
        assert.equal(headers.get('x-content-type-options'), 'nosniff', what);
        assert.equal(headers.get('referrer-policy'), 'no-referrer', what);
        assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin', what);
        assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin', what);
        assert.match(headers.get('strict-transport-security') ?? '', /max-age=\d{7}/, what);
        const isAsset = what.startsWith('/web/assets/');
        assert.match(headers.get('cache-control') ?? '', isAsset ? /immutable/ : /^no-store$/, what);
        assert.doesNotMatch(body, /<style|style="|onclick|javascript:/i, what);
        if (!isAsset)
          assert.doesNotMatch(body, /<script(?! src="\/web\/assets\/[0-9a-f]{16}\.js" defer><\/script>)/, what);
      }
    },
  );

  await suite.test(
    'a session is a new cookie each time, for this host alone, and the store does not hold it',
    async () => {
      const page = await world.browse();
      await page.goto(`${world.url}/web/`);
      const planted = `jit_ws_${'A'.repeat(43)}`;
      await page.setCookie({ name: '__Host-jit', value: planted, url: world.url, secure: true, path: '/' });
      const set: string[] = [];
      page.on('response', (response) => set.push(...(response.headers()['set-cookie'] ?? '').split('\n')));
      await page.goto(`${world.url}/web/`);
      await signIn(page, world.idp, 'ben');
      const given = set.find((line) => line.startsWith('__Host-jit='));
      assert.match(given ?? '', /^__Host-jit=jit_ws_[\w-]{43}; Max-Age=\d+; Path=\/; Secure; HttpOnly; SameSite=Lax$/);
      const first = await cookiesOf(page);
      assert.ok(!first.includes(planted));
      const value = /__Host-jit=([^;]+)/.exec(first)?.[1] ?? '';
      assert.equal(value.length, 50);
      assert.ok(!world.rows().includes(value.slice(7)), 'neither the cookie');
      const { form = '' } = await fieldsOf(page, '/web/sign-out');
      assert.ok(!world.rows().includes(form), 'nor the token of its forms');
      assert.ok(!(await page.content()).includes(value), 'and no page shows it');
      assert.ok(!world.log().includes(value));
    },
  );

  await suite.test('signing in again in the same browser ends the session before', async () => {
    const page = await world.browse();
    const late = await page.browserContext().newPage();
    await late.goto(`${world.url}/web/`);
    await page.goto(`${world.url}/web/`);
    await signIn(page, world.idp, 'ben');
    const first = await cookiesOf(page);
    await late.bringToFront();
    await late.click('form[action$="/web/sign-in"] button');
    await allow(late);
    // On the way to the provider the pages still know who it was.
    const before = async (): Promise<number> => (await world.call('/web/', { headers: { cookie: first } })).status;
    await eventually(async () => (await before()) === 401, { deadlineMs: 30_000 });
    const second = await cookiesOf(late);
    assert.notEqual(second, first);
    assert.equal((await world.call('/web/', { headers: { cookie: second } })).status, 200);
  });

  await suite.test('after signing out, and after its time, a cookie opens nothing', async () => {
    const page = await world.signedIn('ben');
    const first = await cookiesOf(page);
    assert.equal((await world.call('/web/', { headers: { cookie: first } })).status, 200);
    await press(page, 'form[action$="/web/sign-out"] button');
    assert.match(await shown(page), /Sign in with/);
    assert.equal((await page.cookies()).filter(({ name }) => name === '__Host-jit').length, 0);
    assert.equal((await world.call('/web/', { headers: { cookie: first } })).status, 401);
    assert.deepEqual(world.story().slice(-2), ['session.opened', 'session.ended']);
    const again = await world.signedIn('ben');
    const second = await cookiesOf(again);
    world.alter(`UPDATE web_sessions SET expires_at = ${Date.now() - 1}`);
    assert.equal((await world.call('/web/', { headers: { cookie: second } })).status, 401);
  });

  await suite.test(
    'forms of other sites, without the token or with another one are refused, and nothing changes',
    async (t) => {
      const ada = await world.caller('ada');
      const { request } = await ada.submit({});
      const page = await world.signedIn('ben', `/web/requests/${request.id}`);
      const path = `/web/requests/${request.id}/deny`;
      const fields: Record<string, string> = { ...(await fieldsOf(page, path)), reason: 'forged' };
      const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`);
      const evil = await otherSite(
        t,
        `<form method="post" action="${world.url}${path}">${inputs.join('')}<button>Win</button></form>`,
      );
      const tab = await page.browserContext().newPage();
      await tab.goto(evil);
      const answered = tab.waitForNavigation();
      await tab.click('button');
      assert.equal((await answered)?.status(), 403, 'even with the right token');
      const cookie = await cookiesOf(page);
      const cleo = await world.signedIn('cleo', `/web/requests/${request.id}`);
      const theirs = await fieldsOf(cleo, path);
      const unchanged = world.rows();
      const send = async (headers: Readonly<Record<string, string>>, given: Readonly<Record<string, string>>) =>
        (
          await world.call(path, {
            method: 'POST',
            headers: { ...SAME_ORIGIN, cookie, ...headers },
            body: new URLSearchParams(given).toString(),
          })
        ).status;
      const { form: _form, ...without } = fields;
      assert.equal(await send({}, without), 400, 'no token');
      assert.equal(await send({}, { ...fields, form: '' }), 403, 'an empty one');
      assert.equal(await send({}, { ...fields, form: theirs['form'] ?? '' }), 403, 'that of another session');
      for (const site of ['cross-site', 'same-site', 'none'])
        assert.equal(await send({ 'sec-fetch-site': site }, fields), 403, site);
      assert.equal(await send({ origin: 'https://evil.example' }, fields), 403, 'another origin');
      assert.equal(await send({ 'content-type': 'application/json' }, fields), 400, 'another type');
      assert.equal(await send({ 'content-type': 'multipart/form-data; boundary=x' }, fields), 400);
      assert.equal(await send({}, { ...fields, more: '1' }), 400, 'an unknown field');
      assert.equal(await send({}, { ...fields, reason: 'x'.repeat(30_000) }), 413);
      assert.equal(await send({ cookie: '' }, fields), 401, 'nobody');
      const repeated = await world.call(path, {
        method: 'POST',
        headers: { ...SAME_ORIGIN, cookie },
        body: `${new URLSearchParams(fields).toString()}&reason=two`,
      });
      assert.equal(repeated.status, 400);
      assert.equal(world.rows(), unchanged);
      assert.equal((await ada.look(request.id)).request.state, 'pending');
    },
  );

  await suite.test('looking changes nothing: every address, by GET and with every query', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit({});
    const page = await world.signedIn('ben', `/web/requests/${request.id}`);
    const cookie = await cookiesOf(page);
    const before = world.rows();
    const { id, hash, policy } = request;
    const query = new URLSearchParams({
      ...(await fieldsOf(page, `/web/requests/${id}/deny`)),
      reason: 'by GET',
      hash,
      policy,
    }).toString();
    for (const path of [
      '',
      '/',
      '/requests',
      `/requests/${id}`,
      `/requests/${id}/approve`,
      `/requests/${id}/deny`,
      `/requests/${id}/cancel`,
      `/requests/${id}/confirm`,
      '/grants',
      `/grants/gr_${'0'.repeat(26)}`,
      `/grants/gr_${'0'.repeat(26)}/revoke`,
      '/sign-in',
      '/sign-out',
      '/callback',
      '/callback?code=a&state=b',
      '/callback?error=login_required&state=b',
    ]) {
      const asked = path.includes('?') ? path : `${path}?${query}`;
      const { status } = await world.call(`/web${asked}`, { headers: { cookie } });
      assert.ok(status < 500, path);
    }
    // Coming back from the provider is a GET too.
    await page.click('#approve');
    await allow(page, '#decide');
    const intended = world.rows();
    await page.reload();
    await page.waitForSelector('#decide');
    await page.goto(`${world.url}/web/`);
    assert.equal(world.rows(), intended);
    assert.notEqual(intended, before, 'the first button is a POST, and remembers what it was about');
  });

  await suite.test('the answer to a sign-in that was begun elsewhere signs nobody in', async () => {
    const attacker = await world.browse();
    await attacker.goto(`${world.url}/web/`);
    await attacker.setJavaScriptEnabled(false);
    await press(attacker, 'form[action$="/web/sign-in"] button');
    await attacker.waitForSelector('input[name=password]');
    await attacker.type('input[name=name]', 'cleo');
    await attacker.type('input[name=password]', world.idp.password('cleo'));
    await press(attacker, '#sign-in');
    await press(attacker, '#allow');
    const address = attacker.url();
    assert.match(address, /\/web\/callback\?code=/);
    const before = world.rows();
    const victim = await world.browse();
    const reply = await victim.goto(address);
    assert.equal(reply?.status(), 401);
    assert.match(await shown(victim), /not begun in this browser/);
    // The same where the victim is on the way to a sign-in of their own.
    await victim.goto(`${world.url}/web/`);
    await victim.click('form[action$="/web/sign-in"] button');
    await victim.waitForSelector('input[name=password]');
    assert.equal((await victim.goto(address))?.status(), 401);
    const answer = address.replace(/^.*\?/, '');
    const posted = await world.call('/web/callback', {
      method: 'POST',
      headers: SAME_ORIGIN,
      body: new URLSearchParams({ answer }).toString(),
    });
    assert.equal(posted.status, 401);
    assert.equal(world.rows(), before);
    const error = `${address.replace(/\?.*/, '')}?error=access_denied&error_description=${encodeURIComponent('<script>alert(1)</script>')}&state=x`;
    await victim.goto(error);
    assert.equal(await victim.$('main script'), null);
  });

  await suite.test('nobody is led elsewhere after a sign-in', async () => {
    for (const to of [
      'https://evil.example/',
      '//evil.example/',
      '/web/../v1/sign-in',
      '/web/requests/x',
      '/web/sign-out',
    ]) {
      const page = await world.browse();
      await page.goto(`${world.url}/web/`);
      await page.evaluate(`document.querySelector('input[name=to]').value = ${JSON.stringify(to)}`);
      await signIn(page, world.idp, 'ben');
      assert.equal(page.url(), `${world.url}/web/`, to);
    }
  });

  await suite.test('hostile text stays text: in reasons, resources, names and comments', async () => {
    const ada = await world.caller('ada');
    const resource = `arn:aws:s3:::reports/"><script>globalThis.hit=1</script>`;
    const { request } = await ada.submit({ reason: HOSTILE.join('\n'), resource });
    const page = await world.signedIn('ben');
    const dialogs: string[] = [];
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    const violations: string[] = [];
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) violations.push(message.text());
    });
    const look = async (): Promise<void> => {
      assert.equal(await page.evaluate('globalThis.hit'), undefined);
      assert.deepEqual(
        await page.evaluate(
          '[...document.querySelectorAll("main script, main img, main svg, main a[href^=javascript]")].map((each) => each.outerHTML)',
        ),
        [],
      );
    };
    await look();
    assert.ok((await shown(page)).includes(HOSTILE[0] ?? ''));
    await page.goto(`${world.url}/web/requests/${request.id}`);
    const text = await shown(page);
    for (const line of HOSTILE) assert.ok(text.includes(line), line);
    assert.ok(text.includes(resource));
    await look();
    await page.type('#comment', HOSTILE.join(' '));
    await page.click('#approve');
    await allow(page, '#decide');
    assert.ok((await shown(page)).includes(HOSTILE.join(' ')));
    await look();
    await press(page, '#decide');
    assert.ok((await shown(page)).includes(HOSTILE.join(' ')));
    await look();
    assert.deepEqual(dialogs, []);
    assert.deepEqual(violations, [], 'nothing even tried');
  });

  await suite.test('text that is not what it looks like is shown escaped, and pointed out', async () => {
    const ada = await world.caller('ada');
    const { request } = await ada.submit({ reason: 'log in to p\u0430ypal\u202Egnp\u200B' });
    const page = await world.signedIn('ben', `/web/requests/${request.id}`);
    const text = await shown(page);
    assert.match(text, /Read the text of this request with care/);
    assert.match(text, /mixes Latin and Cyrillic letters/);
    assert.match(text, /p\u0430ypal\\u\{202e\}gnp\\u\{200b\}/);
    assert.doesNotMatch(await page.content(), /[\u202E\u200B]/);
    await page.goto(`${world.url}/web/requests/${(await ada.submit({ reason: 'Zahlen für März' })).request.id}`);
    assert.doesNotMatch(await shown(page), /with care/);
  });

  await suite.test("somebody else's request is not there, as one that does not exist", async () => {
    const ada = await world.caller('dora');
    const { request } = await ada.submit({});
    const page = await world.signedIn('ada');
    const cookie = await cookiesOf(page);
    const [theirs, none] = await Promise.all(
      [request.id, UNKNOWN].map(async (id) => world.call(`/web/requests/${id}`, { headers: { cookie } })),
    );
    assert.equal(theirs?.status, 404);
    assert.equal(theirs.body.replaceAll(request.id, UNKNOWN), none?.body);
    assert.equal((await page.goto(`${world.url}/web/requests/${request.id}`))?.status(), 404);
    assert.doesNotMatch(await shown(page), /Dora|fix the numbers/);
    assert.equal(await page.$('main form'), null);
  });
});
