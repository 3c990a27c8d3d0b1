// What all tests of a screen do: open a page and note what it complains of, go by keyboard, and look.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';

const PICTURES = process.env.PICTURES;

/** A new page, and what it complains of. */
export async function visit(browser, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1000, height: 760 },
    timezoneId: 'Europe/Zurich',
    acceptDownloads: true,
    ...options,
  });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    // A status that a test asks for is told of, too.
    if (!/status of (401|403|404|409)/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.setDefaultTimeout(15_000);
  return { page, complaints, close: () => context.close() };
}

/** Goes by Tab to what has this name, and presses Enter. */
export async function press(page, name) {
  for (let presses = 0; presses < 60; presses += 1) {
    const focused = await page.evaluate(() => {
      const { activeElement: at } = document;
      return at?.getAttribute('aria-label') ?? at?.textContent ?? '';
    });
    if (focused.includes(name)) return page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
  }
  return assert.fail(`${name} cannot be reached by Tab`);
}

/** No violation of axe's rules, nothing wider than the window; and a picture, if they are wanted. */
export async function look(page, name) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
  assert.deepEqual(told, [], name);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${name} is ${wide} pixels too wide`);
  if (PICTURES) {
    mkdirSync(PICTURES, { recursive: true });
    await page.screenshot({ path: `${PICTURES}/${name}.png` });
  }
}
