/**
 * Opening a browser: real processes, which stand in for xdg-open and for browsers.
 * @module
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBrowser } from '../../../src/identity/sign-in/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { type Home, tempHome } from '../../support/home.ts';

const URL_WITH_TRAPS = new URL('https://id.example/auth?a=$(touch${IFS}x)&b=`id`;c=\'"|&prompt=consent');

/** A program that writes its arguments, one a line, to a file. */
function program(home: Home, name: string, end = 'exit 0'): string {
  const path = join(home.path, name);
  writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' "$@" >"${path}.seen"\n${end}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** No program of the machine itself can be found, so that no real browser opens. */
function desktop(home: Home, env: Readonly<Record<string, string>> = {}): Parameters<typeof openBrowser>[1] {
  return { platform: 'linux', env: { ...home.env, PATH: home.path, ...env } };
}

const seen = (path: string): string => readFileSync(`${path}.seen`, 'utf8');

test('the program in $BROWSER gets the address as one argument, and no shell sees it', async (t) => {
  const here = tempHome(t);
  const own = program(here, 'my-browser');
  assert.equal(await openBrowser(URL_WITH_TRAPS, desktop(here, { BROWSER: own })), 'opened');
  assert.equal(seen(own), `${URL_WITH_TRAPS.href}\n`);
  assert.equal(existsSync('x'), false);
});

test('with a display and no $BROWSER, xdg-open is asked', async (t) => {
  const here = tempHome(t);
  const opener = program(here, 'xdg-open');
  assert.equal(await openBrowser(URL_WITH_TRAPS, desktop(here, { DISPLAY: ':0' })), 'opened');
  assert.equal(seen(opener), `${URL_WITH_TRAPS.href}\n`);
});

test('without a display xdg-open is left alone: it would start a browser in the terminal', async (t) => {
  const here = tempHome(t);
  const opener = program(here, 'xdg-open');
  assert.equal(await openBrowser(URL_WITH_TRAPS, desktop(here)), 'none');
  assert.equal(existsSync(`${opener}.seen`), false);
});

test('a $BROWSER that is a list, a command line or a relative path is passed over', async (t) => {
  const here = tempHome(t);
  const own = program(here, 'my-browser');
  for (const BROWSER of [`${own}:other`, `${own} --new-window`, `${own} %s`, `./my-browser`, '']) {
    assert.equal(await openBrowser(URL_WITH_TRAPS, desktop(here, { BROWSER })), 'none', BROWSER);
  }
  assert.equal(existsSync(`${own}.seen`), false);
});

test('one that fails or is not there is followed by the next, and by none in the end', async (t) => {
  const here = tempHome(t);
  const failing = program(here, 'failing', 'exit 3');
  assert.equal(await openBrowser(URL_WITH_TRAPS, desktop(here, { BROWSER: failing })), 'none');
  assert.equal(await openBrowser(URL_WITH_TRAPS, desktop(here, { BROWSER: 'no-such-program', DISPLAY: ':0' })), 'none');
  program(here, 'xdg-open');
  assert.equal(await openBrowser(URL_WITH_TRAPS, desktop(here, { BROWSER: failing, DISPLAY: ':0' })), 'opened');
});

test('a browser that stays in the foreground is not waited for', async (t) => {
  const here = tempHome(t);
  const staying = program(here, 'staying', 'exec /bin/sleep 60');
  assert.equal(await openBrowser(URL_WITH_TRAPS, desktop(here, { BROWSER: staying })), 'opened');
  await eventually(() => existsSync(`${staying}.seen`));
});

test('only pages are opened', async (t) => {
  await assert.rejects(openBrowser(new URL('file:///etc/passwd'), desktop(tempHome(t))), TypeError);
});
