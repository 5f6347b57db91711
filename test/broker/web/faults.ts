/**
 * What keeps somebody from using a page: what axe-core finds in both colour schemes, what does not fit, what is too small for fingers.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'puppeteer-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** All rules; that of contrasts must have had something to look at. */
const RUN_AXE = `axe.run(document).then(({ violations, passes }) => [
  ...(passes.some(({ id }) => id === 'color-contrast') ? [] : ['nothing was looked at']),
  ...violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary).join(' | ')),
])`;

/** What axe finds on a page as it is, in both schemes, and what does not fit on a phone. */
export async function faultsOf(page: Page): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const scheme of ['light', 'dark']) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.evaluate(AXE);
    const found: unknown = await page.evaluate(RUN_AXE);
    assert.ok(Array.isArray(found));
    faults.push(...found.map((each) => `${scheme}: ${String(each)}`));
  }
  await page.emulateMediaFeatures([]);
  for (const [width, zoom] of [
    [320, '100%'],
    [640, '200%'],
  ] as const) {
    await page.setViewport({ width, height: 700 });
    const wide: unknown = await page.evaluate(
      `document.documentElement.style.fontSize = '${zoom}'; document.documentElement.scrollWidth - document.documentElement.clientWidth`,
    );
    if (wide !== 0) faults.push(`${width} px at ${zoom}: ${String(wide)} px too wide`);
  }
  const small: unknown = await page.evaluate(
    `document.documentElement.style.fontSize = ''; [...document.querySelectorAll('button, nav a, summary')].filter((each) => { const { height, width } = each.getBoundingClientRect(); return height < 44 || width < 44; }).map((each) => each.outerHTML)`,
  );
  assert.ok(Array.isArray(small));
  faults.push(...small.map((each) => `too small: ${String(each)}`));
  await page.setViewport({ width: 1_200, height: 900 });
  return faults;
}
