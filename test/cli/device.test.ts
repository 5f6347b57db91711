/**
 * Signing in with a code, from a real terminal, with the session in a real keychain.
 * @module
 */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { desktop, end, keyring, skip as skipUnlessKeyring } from '../identity/secrets/keyring.ts';
import { enterLogin, pageText, press, skipUnlessChromium, startBrowser } from '../support/browser.ts';
import { type Ended, run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { company } from './shared.ts';
import { openTerminal } from './terminal.ts';

const skip =
  [skipUnlessKeyring, skipUnlessChromium, skipUnless('openssl', 'tmux')].find((each) => each !== false) ?? false;

test(
  'jit login --device on a terminal: the code, where it was started, and the session in the keychain',
  { skip },
  async (t) => {
    const at = await company(t, { accounts: { ada: { name: 'ada.lovelace', groups: ['engineers'] } } });
    const place = await desktop(t);
    const daemon = await keyring(t, place, 'a password');
    const terminal = await openTerminal(t, place.home, { ...at.trust, ...place.env });
    const jit = `${process.execPath} ${resolve('bin/jit')}`;
    await terminal.command(
      'echo -n secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; clear',
    );
    await terminal.command(`${jit} login ${at.url} --device`);
    await terminal.shows(/what should localhost:\d+ be called\?/);
    await terminal.keys('C-u');
    await terminal.command('work');
    const screen = await terminal.shows(/and type the code: \S+/);
    assert.match(screen, /started by \S+ on \S+: type no code that somebody else sent you/);
    const [, where = ''] = /open in any browser: (\S+)/.exec(screen) ?? [];
    const [, code = ''] = /and type the code: (\S+)/.exec(screen) ?? [];
    const browser = await startBrowser(t);
    const page = await browser.newPage();
    await page.goto(where);
    await page.waitForSelector('input[name=user_code]');
    await page.type('input[name=user_code]', code);
    await press(page, '#continue');
    await press(page, '#confirm');
    await enterLogin(page, { name: 'ada', password: at.idp.password('ada') });
    await press(page, '#allow').catch(() => undefined);
    await pageText(page, /Your device is signed in/);
    await terminal.shows(/signed in to work/);
    await terminal.shows(/identity +ada\.lovelace \(user\)/);
    await terminal.command(`clear; ${jit} whoami`);
    await terminal.shows(/groups +engineers/);

    const whoami = (): Promise<Ended> =>
      run(process.execPath, [resolve('bin/jit'), 'whoami'], { env: { ...at.trust, ...place.env } });
    await end(daemon);
    await keyring(t, place, null);
    const locked = await whoami();
    assert.deepEqual([locked.status, /the keychain is locked/.test(locked.stderr)], [11, true], locked.stderr);
  },
);
