// A drawing in SVG, from the input, as PNG. usage: node picture.js FILE
import { readFileSync } from 'node:fs';
import { start } from './browser.js';

const FONT = '/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf';

const svg = readFileSync(0, 'utf8');
// The browser of the tests has no font of a terminal. Debian's fonts-dejavu-core has one.
const font = `@font-face{font-family:"DejaVu Sans Mono";src:url(data:font/ttf;base64,${readFileSync(FONT).toString('base64')})}`;
const [, width, height] = svg.match(/viewBox="0 0 (\d+) (\d+)"/);
const browser = await start();
const page = await browser.newPage({ viewport: { width: Number(width), height: Number(height) }, deviceScaleFactor: 2 });
await page.setContent(`<style>${font}</style><body style="margin:0">${svg}</body>`);
await page.evaluate(() => document.fonts.ready);
await page.screenshot({ path: process.argv[2], omitBackground: true });
await browser.close();
