/**
 * Handing a secret address to a browser: a real server on loopback, and callers that are no browser of this user.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { test } from 'node:test';
import { passToBrowser, type PassOptions } from '../../../src/cli/console/pass.ts';
import { JitError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { run } from '../../support/run.ts';
import { skipUnlessRoot } from '../../support/tools.ts';

const ADDRESS = 'https://signin.example/federation?Action=login&SigninToken=canary';

function options(open: PassOptions['open'], changes: Partial<PassOptions> = {}): PassOptions {
  return {
    secret: new Secret(ADDRESS),
    open,
    random: (bytes) => randomBytes(bytes),
    platform: process.platform,
    uid: process.getuid?.() ?? null,
    timeoutMs: 20_000,
    signal: new AbortController().signal,
    ...changes,
  };
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
}

function ask(url: URL, method: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request(url, { method, headers, agent: false }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, location: response.headers.location });
    })
      .on('error', reject)
      .end();
  });
}

test('the browser is sent on, once, and the address that it was opened at says nothing', async () => {
  const answers: Answer[] = [];
  const opened: URL[] = [];
  const passed = await passToBrowser(
    options(async (url) => {
      opened.push(url);
      answers.push(...(await Promise.all([ask(url, 'GET', {}), ask(url, 'GET', {})])));
      return 'opened';
    }),
  );
  assert.equal(passed, 'fetched');
  const [url] = opened;
  assert.ok(url !== undefined);
  assert.match(url.href, /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}$/);
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([302, 410]));
  assert.equal(answers.find(({ status }) => status === 302)?.location, ADDRESS);
  await assert.rejects(ask(url, 'GET', {}), /ECONNREFUSED/, 'nobody listens any more');
});

test('pages, programs and names that are no navigation to that address get nothing', async () => {
  const cases: readonly (readonly [
    change: (url: URL) => URL,
    method: string,
    headers: Record<string, string>,
    status: number,
  ])[] = [
    [(url) => new URL('/', url), 'GET', {}, 404],
    [(url) => new URL(`${url.href}x`), 'GET', {}, 404],
    [(url) => new URL(`${url.href}?x`), 'GET', {}, 404],
    [(url) => url, 'POST', {}, 405],
    [(url) => url, 'GET', { host: 'evil.example' }, 421],
    [(url) => url, 'GET', { origin: 'https://evil.example' }, 403],
    [(url) => url, 'GET', { 'sec-fetch-dest': 'image' }, 403],
    [(url) => url, 'GET', { 'sec-fetch-dest': 'iframe' }, 403],
  ];
  await passToBrowser(
    options(async (url) => {
      for (const [change, method, headers, status] of cases) {
        const answer = await ask(change(url), method, headers);
        assert.deepEqual(answer, { status, location: undefined }, JSON.stringify([method, headers]));
      }
      assert.equal((await ask(url, 'GET', { 'sec-fetch-dest': 'document' })).status, 302, 'and it is still there');
      return 'opened';
    }),
  );
});

test(
  'another user of the machine who has read the address in a command line gets nothing (real user, real /proc)',
  { skip: skipUnlessRoot('setpriv') },
  async () => {
    const script =
      'fetch(process.argv[1],{redirect:"manual"}).then((r)=>console.log(r.status,r.headers.get("location")))';
    const other = ['--reuid', '65534', '--regid', '65534', '--clear-groups', process.execPath, '-e', script];
    await passToBrowser(
      options(async (url) => {
        const ended = await run('setpriv', [...other, url.href]);
        assert.equal(ended.stdout, '403 null\n', ended.stderr);
        assert.equal((await ask(url, 'GET', {})).status, 302);
        return 'opened';
      }),
    );
  },
);

test('without a browser, and when nothing comes, that is said; Ctrl-C ends the waiting', async () => {
  assert.equal(await passToBrowser(options(() => Promise.resolve('none'))), 'none');
  const opened = (): Promise<'opened'> => Promise.resolve('opened');
  assert.equal(await passToBrowser(options(opened, { timeoutMs: 20 })), 'nobody');
  const stop = new AbortController();
  const waiting = passToBrowser(options(opened, { signal: stop.signal }));
  stop.abort(new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted' }));
  await assert.rejects(waiting, { code: 'ERR_INTERRUPTED' });
});
