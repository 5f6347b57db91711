/**
 * Chromium for tests, driven as a person would drive it.
 * @module
 */
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import type { Browser, Page } from 'puppeteer-core';
import { eventually } from './eventually.ts';
import { tempHome } from './home.ts';

/** The same engine; without the parts that make windows it takes a fifth of the time. */
const SHELL = '/usr/bin/chromium-headless-shell';
const CHROMIUM = [SHELL, '/usr/bin/chromium'].find((path) => existsSync(path));

/** For a test's `skip`: false where there is a Chromium, else the reason. */
export const skipUnlessChromium: string | false = CHROMIUM === undefined ? `needs ${SHELL}` : false;

/**
 * One Chromium with a home and profile of its own, gone with all its processes after the test.
 * @param more arguments of its command line.
 */
export async function startBrowser(t: TestContext, more: readonly string[] = []): Promise<Browser> {
  let browser: Browser | null = null;
  // Before the home is registered, whose end would kill it first.
  t.after(() => browser?.close());
  const home = tempHome(t);
  const { launch } = await import('puppeteer-core');
  browser = await launch({
    executablePath: CHROMIUM ?? SHELL,
    headless: CHROMIUM === SHELL ? 'shell' : true,
    userDataDir: `${home.path}/chromium`,
    env: { ...home.env, LANG: 'C.UTF-8' },
    args: [
      ...more,
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--no-first-run',
      // Chromium refuses to run its sandbox as root.
      ...(process.geteuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
  });
  return browser;
}

export interface Login {
  readonly name: string;
  readonly password: string;
}

/** Fills in and sends the sign-in form that `page` shows. */
export async function enterLogin(page: Page, { name, password }: Login): Promise<void> {
  await page.waitForSelector('input[name=password]');
  await page.type('input[name=name]', name);
  await page.type('input[name=password]', password);
  await press(page, '#sign-in');
}

/** Presses a button that leads to another page, and waits for that page. */
export async function press(page: Page, selector: string): Promise<void> {
  await page.waitForSelector(selector);
  // In a tab in the background Chromium draws nothing, and presses no button.
  await page.bringToFront();
  await Promise.all([page.waitForNavigation(), page.click(selector)]);
}

/** The text of the page, once it matches. */
export async function pageText(page: Page, pattern: RegExp): Promise<string> {
  return eventually(async () => {
    const shown: unknown = await page.evaluate('document.body.innerText');
    return typeof shown === 'string' && pattern.test(shown) ? shown : null;
  });
}
