// The page in a browser: what a person does, by mouse and by keyboard, and what it looks like.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start } from './browser.js';
import { look, press, visit } from './screen.js';
import { HOSTILE, World } from './world.js';

const REPORT = 'reports/2026/annual report.txt';

let world;
let browser;

before(async () => {
  world = await World.start();
  await world.nights();
  browser = await start();
});

after(async () => {
  await browser?.close();
  world?.end();
});

/** A page that is signed in, and what it complained of. */
async function open(server, options = {}) {
  const opened = await visit(browser, options);
  await opened.page.goto(server.link);
  return opened;
}

const text = (buffer) => buffer?.toString('utf8');

test('a person finds a file, looks at it, puts it back, watches, and undoes it', async () => {
  const server = await world.serve();
  const { page, complaints, close } = await open(server);
  try {
    await page.getByRole('heading', { name: 'What is missing?' }).waitFor();
    assert.equal(new URL(page.url()).hash, '', 'the secret stays in the address');
    await page.getByText('lease.txt').waitFor();
    await look(page, 'find');
    await page.getByRole('searchbox').fill('ANNUAL');
    await page.getByText('1 file found.').waitFor();
    await look(page, 'search');

    await page.getByRole('button', { name: /annual report\.txt/ }).click();
    await page.getByRole('heading', { name: 'annual report.txt' }).waitFor();
    const states = page.locator('.states > li');
    await states.nth(2).waitFor();
    assert.equal(await states.count(), 3);
    await states.nth(1).getByRole('button', { name: 'Preview' }).click();
    await page.getByText('Costs are up.').waitFor();
    await look(page, 'file');

    await states.nth(1).getByRole('button', { name: 'Put back' }).click();
    await page.getByRole('heading', { name: 'Check before anything happens' }).waitFor();
    // The file of today is newer: a copy is chosen, and can be chosen against.
    await page.getByText('There are newer files today').waitFor();
    await page.getByText(/^1 file, 42 B, will be copied into reports\/2026\/restored /).waitFor();
    await look(page, 'check');
    await page.getByRole('radio', { name: /Back in its place/ }).check();
    await page.getByText(/1 file replaces a newer one/).waitFor();
    assert.equal(text(await world.get(REPORT)), 'Annual report\n\n(empty by mistake)\n');
    await page.getByRole('button', { name: 'Put back' }).click();
    await page.getByText('Done: 1 file put back.').waitFor();
    assert.equal(text(await world.get(REPORT)), 'Annual report\n\nA good year. Costs are up.\n');
    await look(page, 'progress');

    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('1 file will be as before the restore.').waitFor();
    await look(page, 'undo');
    await page.getByRole('main').getByRole('button', { name: 'Undo' }).click();
    await page.getByText('Done: everything is as it was before.').waitFor();
    assert.equal(text(await world.get(REPORT)), 'Annual report\n\n(empty by mistake)\n');

    await page.getByRole('button', { name: 'Activity' }).click();
    await page.getByText('undone later').waitFor();
    await look(page, 'activity');
    assert.deepEqual(complaints, []);
  } finally {
    await close();
    server.end();
  }
});

test('a folder is shown on another day, and its files are put back together', async () => {
  const server = await world.serve();
  const { page, complaints, close } = await open(server, { colorScheme: 'dark' });
  try {
    await page.getByRole('button', { name: 'contracts' }).last().click();
    await page.getByRole('heading', { name: 'contracts' }).waitFor();
    await page.getByRole('button', { name: 'Müller & Söhne.txt' }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'lease.txt' }).count(), 0);
    await page.getByRole('button', { name: /^as of/ }).click();
    await page.getByRole('region', { name: 'Choose a day' }).waitFor();
    await look(page, 'days-dark');
    const complete = page.getByRole('button', { name: /complete backup/ });
    // Days of the month before are a page back.
    if ((await complete.count()) < 4) await page.getByRole('button', { name: 'Earlier month' }).click();
    await page.getByRole('button', { name: /complete backup/ }).first().click();
    await page.getByRole('button', { name: 'lease.txt' }).waitFor();
    await page.getByText('deleted', { exact: true }).waitFor();
    await look(page, 'folder-dark');

    await page.getByRole('checkbox', { name: 'Choose lease.txt' }).check();
    await page.getByRole('button', { name: 'Put back the chosen files' }).click();
    await page.getByText(/^1 file, 29 B, will be put back into contracts\//).waitFor();
    await page.getByRole('button', { name: 'Put back' }).click();
    await page.getByText('Done: 1 file put back.').waitFor();
    assert.equal(text(await world.get('contracts/lease.txt')), 'The lease, as it was signed.\n');
    await world.remove('contracts/lease.txt');
    assert.deepEqual(complaints, []);
  } finally {
    await close();
    server.end();
  }
});

test('the whole way works by keyboard', async () => {
  const server = await world.serve();
  const { page, complaints, close } = await open(server);
  try {
    await page.getByRole('heading', { name: 'What is missing?' }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.type('lease');
    await page.getByText('1 file found.').waitFor();
    await press(page, 'lease.txt');
    await page.getByRole('heading', { name: 'lease.txt' }).waitFor();
    await page.getByText(/^deleted between/).waitFor();
    await press(page, 'Put back');
    await page.getByText(/will be put back into contracts\//).waitFor();
    await press(page, 'Put back');
    await page.getByText('Done: 1 file put back.').waitFor();
    assert.ok(await world.get('contracts/lease.txt'));
    await world.remove('contracts/lease.txt');
    assert.deepEqual(complaints, []);
  } finally {
    await close();
    server.end();
  }
});

test('hostile names are text, and nothing of them runs', async () => {
  const server = await world.serve();
  const { page, complaints, close } = await open(server);
  try {
    await page.getByRole('button', { name: 'hostile' }).click();
    await page.getByRole('heading', { name: 'hostile' }).waitFor();
    await page.getByRole('button', { name: 'photo[U+202E]gpj.exe' }).waitFor();
    await page.getByRole('button', { name: 'two[U+000A]lines' }).waitFor();
    const rows = await page.locator('tbody tr').count();
    assert.equal(rows, HOSTILE.length);
    assert.equal(await page.locator('main img, main script').count(), 0);
    await look(page, 'hostile');
    await page.getByRole('button', { name: /onerror/ }).click();
    await page.getByRole('heading', { name: '<img src=x onerror=alert(1)>' }).waitFor();
    await page.getByRole('button', { name: 'Preview' }).click();
    await page.getByText('harmless').waitFor();
    assert.equal(await page.locator('main img').count(), 0);
    assert.deepEqual(complaints, []);
  } finally {
    await close();
    server.end();
  }
});

test('an image is shown, and a download is a file of that name', async () => {
  const server = await world.serve();
  const { page, complaints, close } = await open(server);
  try {
    await page.getByRole('searchbox').fill('logo');
    await page.getByRole('button', { name: /logo\.png/ }).click();
    await page.getByRole('button', { name: 'Preview' }).click();
    const image = page.getByRole('img', { name: 'Preview of logo.png' });
    await image.waitFor();
    await page.waitForFunction(() => document.querySelector('.preview img')?.naturalWidth === 10);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download' }).click();
    assert.equal((await download).suggestedFilename(), 'logo.png');
    assert.deepEqual(complaints, []);
  } finally {
    await close();
    server.end();
  }
});

test('320 pixels are enough', async () => {
  const server = await world.serve('--read-only');
  const { page, complaints, close } = await open(server, { viewport: { width: 320, height: 640 } });
  try {
    await page.getByText('lease.txt').waitFor();
    await look(page, 'find-320');
    await page.getByRole('button', { name: 'reports' }).last().click();
    await page.getByRole('button', { name: 'readme.txt' }).waitFor();
    await page.getByText('same', { exact: true }).waitFor();
    await look(page, 'folder-320');
    await page.getByRole('button', { name: /^as of/ }).click();
    await look(page, 'days-320');
    await page.getByRole('button', { name: 'readme.txt' }).click();
    await page.getByText('last backup').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Put back' }).count(), 0);
    await look(page, 'file-320');
    assert.deepEqual(complaints, []);
  } finally {
    await close();
    server.end();
  }
});

test('a search that takes more than ten seconds asks whether to go on', async () => {
  const server = await world.serve();
  const { page, complaints, close } = await visit(browser);
  try {
    let asked = 0;
    await page.clock.install();
    await page.route('**/api/search', async (route) => {
      asked += 1;
      await new Promise((wait) => setTimeout(wait, 50));
      await route.fulfill({ json: { files: [], next: { run: 'r', segment: asked, after: null }, done: 3, of: 12 } });
    });
    await page.goto(server.link);
    await page.getByRole('searchbox').fill('nowhere');
    await page.getByText('Looking through all backups').waitFor();
    await page.clock.fastForward(11_000);
    await page.getByText('25 % looked through.').waitFor();
    await look(page, 'search-paused');
    const before = asked;
    await page.getByRole('button', { name: 'Go on looking' }).click();
    await page.getByText('Looking through all backups').waitFor();
    await page.clock.fastForward(11_000);
    await page.getByRole('button', { name: 'Go on looking' }).waitFor();
    assert.ok(asked > before, 'it asks on where it was');
    assert.deepEqual(complaints, []);
  } finally {
    await close();
    server.end();
  }
});

test('a link that was used is refused in words', async () => {
  const server = await world.serve();
  const first = await open(server);
  const second = await open(server);
  try {
    await first.page.getByRole('heading', { name: 'What is missing?' }).waitFor();
    await second.page.getByText('This link was used before').waitFor();
    await look(second.page, 'refused');
    assert.deepEqual([...first.complaints, ...second.complaints], []);
  } finally {
    await first.close();
    await second.close();
    server.end();
  }
});
