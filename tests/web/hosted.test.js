// The page behind its sign-in, on a local AWS: what each kind of person sees and may do, and what a forged way back
// from the sign-in gets. tests/e2e/browser_hosted.py deploys it and says where it is.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { start } from './browser.js';
import { look, press, visit } from './screen.js';

const { WEB_URL: URL_OF_PAGE, WEB_PASSWORD: PASSWORD, WEB_SIGN_IN_URL: SIGN_IN } = process.env;

let browser;

before(async () => {
  browser = await start(['--host-resolver-rules=MAP *.localhost 127.0.0.1']);
});

after(() => browser?.close());

/** A new page of the hosted one, and the requests that it made. */
async function open(options = {}) {
  // The certificate is one of the local AWS.
  const opened = await visit(browser, { ignoreHTTPSErrors: true, ...options });
  const requests = [];
  opened.page.on('request', (request) => requests.push(request));
  await opened.page.goto(URL_OF_PAGE);
  return { ...opened, requests };
}

/** Fills the form of the sign-in page. */
async function signIn(page, name) {
  await page.getByLabel('Username').fill(`${name}@example.org`);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'What is missing?' }).waitFor();
}

async function signedIn(name, options) {
  const opened = await open(options);
  await signIn(opened.page, name);
  return opened;
}

const search = async (page, text) => {
  await page.getByRole('searchbox').fill(text);
  await page.getByText(/found\.$|has a file of that name/).waitFor();
};

test('a person signs in by code and PKCE, gets a file back, watches, and undoes it', async () => {
  const { page, complaints, requests, close } = await open();
  try {
    await page.getByLabel('Username').waitFor();
    const asked = new URL(page.url()).searchParams;
    assert.equal(asked.get('response_type'), 'code');
    assert.equal(asked.get('code_challenge_method'), 'S256');
    for (const name of ['code_challenge', 'state', 'nonce']) assert.ok(asked.get(name)?.length >= 43, name);
    await signIn(page, 'rosa');
    assert.equal(page.url(), URL_OF_PAGE, 'the code stays in the address');
    const trade = requests.find((request) => request.url() === `${SIGN_IN}/oauth2/token`);
    const traded = new URLSearchParams(trade.postData());
    assert.ok(traded.get('code_verifier').length >= 43);
    assert.equal(traded.get('client_secret'), null);
    const kept = await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]));
    assert.equal(kept, '[{},{},""]', 'a token is kept beside the memory');

    await page.getByText('lost.txt').waitFor();
    await look(page, 'hosted-find');
    await search(page, 'LOST');
    await page.getByRole('button', { name: /lost\.txt/ }).click();
    await page.getByText(/^deleted between/).waitFor();
    await page.getByRole('button', { name: 'Preview' }).click();
    await page.getByText('what is missed').waitFor();
    await page.getByRole('button', { name: 'Put back' }).click();
    await page.getByText(/will be put back into team-a\//).waitFor();
    await look(page, 'hosted-check');
    await page.getByRole('button', { name: 'Put back' }).click();
    await page.getByText('Done: 1 file put back.').waitFor({ timeout: 30_000 });
    await look(page, 'hosted-progress');
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText(/will be deleted again/).waitFor();
    await page.getByRole('main').getByRole('button', { name: 'Undo' }).click();
    await page.getByText('Done: everything is as it was before.').waitFor({ timeout: 30_000 });
    await page.getByRole('button', { name: 'Activity' }).click();
    await page.getByText('rosa@example.org').first().waitFor();
    await look(page, 'hosted-activity');
    assert.deepEqual(complaints, []);
  } finally {
    await close();
  }
});

test('the whole way works by keyboard, and on another day', async () => {
  const { page, complaints, close } = await open({ colorScheme: 'dark' });
  try {
    await page.getByLabel('Username').focus();
    await page.keyboard.type('ada@example.org');
    await page.keyboard.press('Tab');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'What is missing?' }).waitFor();
    await press(page, 'team-b');
    await page.getByText('same', { exact: true }).waitFor();
    await press(page, 'as of');
    // Both backups are of one day, whose times are offered.
    await page.getByRole('group', { name: 'Backups of this day' }).getByRole('button').last().focus();
    await page.keyboard.press('Enter');
    await page.getByText('changed since', { exact: true }).waitFor();
    await press(page, 'Choose budget.csv');
    await page.keyboard.press('Space');
    await press(page, 'Put back the chosen files');
    // The file of today is newer, so that a copy is chosen.
    await page.getByText(/^1 file, 24 B, will be copied into team-b\/restored /).waitFor();
    await press(page, 'Make the copy');
    await page.getByText('Done: 1 file put back.').waitFor({ timeout: 30_000 });
    await look(page, 'hosted-progress-dark');
    assert.deepEqual(complaints, []);
  } finally {
    await close();
  }
});

/** What a call is answered that a person makes by hand, with the token of the page. */
async function byHand(page, requests, route, asked) {
  const last = requests.findLast((request) => request.url().includes('/api/'));
  const { authorization } = await last.allHeaders();
  const headers = { authorization, 'content-type': 'application/json' };
  const call = async ([route, headers, body]) => {
    const answer = await fetch(`/api/${route}`, { method: 'POST', headers, body });
    return { status: answer.status, text: await answer.text() };
  };
  return page.evaluate(call, [route, headers, JSON.stringify(asked)]);
}

test('a viewer looks and downloads, and is refused to put back', async () => {
  const { page, complaints, requests, close } = await signedIn('vera');
  try {
    await search(page, 'budget');
    await page.getByRole('button', { name: /budget\.csv/ }).click();
    await page.getByRole('button', { name: 'Preview' }).first().click();
    await page.getByText('rent,1300').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Put back' }).count(), 0);
    await page.getByText('You can look and download here, and not put back.').waitFor();
    await look(page, 'hosted-viewer');
    const runs = JSON.parse((await byHand(page, requests, 'runs', {})).text).runs;
    const wish = { run: runs[0].run, files: ['notes.txt'], copy: true };
    const refused = await byHand(page, requests, 'plan', wish);
    assert.equal(refused.status, 403);
    assert.match(refused.text, /ask an administrator/);
    assert.deepEqual(complaints, []);
  } finally {
    await close();
  }
});

test('a team is blind for the folders of others', async () => {
  const { page, complaints, requests, close } = await signedIn('bob', { viewport: { width: 320, height: 640 } });
  try {
    await page.getByText('Nothing was deleted in the last 30 days.').waitFor();
    const folders = page.getByRole('main').getByRole('button');
    assert.deepEqual(await folders.allInnerTexts(), ['All files', 'team-b']);
    await look(page, 'hosted-team-320');
    await search(page, 'lost');
    await page.getByText('No backup has a file of that name.').waitFor();
    await search(page, 'budget');
    await page.getByText('1 file found.').waitFor();
    await page.getByRole('button', { name: 'Activity' }).click();
    // Somebody has made a copy in the folder of this team; what was put back in another one is not told.
    await page.getByText('ada@example.org').first().waitFor();
    assert.equal(await page.getByText('rosa@example.org').count(), 0);
    const foreign = await byHand(page, requests, 'file', { path: 'team-a/lost.txt' });
    assert.equal(foreign.status, 404);
    assert.deepEqual(complaints, []);
  } finally {
    await close();
  }
});

test('a forged way back from the sign-in gets no token', async () => {
  // Somebody else's code, with a state that this page never gave.
  const { page, requests, close } = await open();
  try {
    // The page goes to the sign-in by itself, which would interrupt the next navigation.
    await page.getByLabel('Username').waitFor();
    await page.goto(`${URL_OF_PAGE}?code=stolen&state=forged`);
    await page.getByText('You are not signed in.').waitFor();
    await look(page, 'hosted-refused');
    assert.equal(requests.filter((request) => request.url().endsWith('/oauth2/token')).length, 0);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByLabel('Username').waitFor();
  } finally {
    await close();
  }
});

test('a token of another sign-in is not taken', async () => {
  const { page, close } = await open();
  try {
    // The answer to the page's own code, with the ID token of a sign-in that had another nonce.
    await page.route(`${SIGN_IN}/oauth2/token`, async (route) => {
      const answer = await route.fetch();
      const tokens = await answer.json();
      const [head, claims, signature] = tokens.id_token.split('.');
      const changed = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), nonce: 'of-another-sign-in' };
      tokens.id_token = [head, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.');
      await route.fulfill({ response: answer, json: tokens });
    });
    await page.getByLabel('Username').fill('ada@example.org');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('You are not signed in.').waitFor();
  } finally {
    await close();
  }
});
