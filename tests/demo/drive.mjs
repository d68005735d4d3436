// Uses every panel of the demo as a visitor would: node drive.mjs URL BROWSER FOLDER
// Prints {errors: [...], seconds: until the first picture, panels: {name: {inputs, answer, status}}}.
import {chromium} from 'playwright-core';

const [url, executablePath, folder] = process.argv.slice(2);
const off = ['gpu', 'quic', 'background-networking', 'component-update', 'sync'].map((each) => `--disable-${each}`);
const browser = await chromium.launch({executablePath, args: ['--no-sandbox', ...off]});
const errors = [];

async function open(options) {
  const page = await browser.newPage({viewport: {width: 900, height: 1000}, reducedMotion: 'reduce', ...options});
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('response', (answer) => answer.status() >= 400 && errors.push(`${answer.status()} ${answer.url()}`));
  page.on('console', (message) => {
    // LiteRT's own log comes as errors, whatever its level.
    if (message.type() === 'error' && !/^(INFO|WARNING):|XNNPACK delegate/.test(message.text())) errors.push(message.text());
  });
  await page.goto(url);
  return page;
}

const page = await open({colorScheme: 'light'}), started = Date.now();
await page.waitForFunction(() => window.zoo?.draw, null, {timeout: 120_000});
const seconds = (Date.now() - started) / 1000;

const panels = {};
async function use(name, act) {
  await act();
  await page.waitForFunction((id) => window.zoo[id], name, {timeout: 120_000});
  const done = (id) => !document.getElementById(`${id}-status`).textContent.startsWith('working');
  await page.waitForFunction(done, name, {timeout: 120_000});
  panels[name] = await page.evaluate((id) => {
    const plain = (each) => Object.fromEntries(Object.entries(each).map(([key, value]) => [key, [...value]]));
    const {inputs, answer} = window.zoo[id];
    return {
      inputs: plain(inputs), answer: plain(answer), said: document.getElementById(id).innerText,
      status: document.getElementById(`${id}-status`).textContent,
    };
  }, name);
}

await use('draw', () => page.fill('#draw-way', '0.5'));
await use('paint', () => page.press('#paint-text', 'Enter'));
await use('tell', () => page.click('#tell-painted'));
await page.focus('#tell-words li:nth-child(2) button');
await page.waitForSelector('#play-classes button');
await use('play', async () => {
  await page.click('#play-classes button');
  await page.waitForSelector('#play-again:not([disabled])', {timeout: 120_000});
});
await page.selectOption('#say-speaker', {index: 1});
await use('say', async () => {
  await page.click('#say-classes button:nth-child(8)');
  await page.waitForSelector('#say-again:not([disabled])', {timeout: 120_000});
});
await page.selectOption('#tune-root', {label: 'G'});
await use('tune', async () => {
  await page.click('#tune-patterns button:nth-child(2)');
  await page.waitForSelector('#tune-again:not([disabled])', {timeout: 120_000});
});
await use('way', () => page.press('#way-first', 'Enter'));
await use('translate', () => page.press('#translate-text', 'Enter'));
await use('near', () => page.press('#near-word', 'Enter'));
await use('topics', () => page.press('#topics-text', 'Enter'));
await page.screenshot({path: `${folder}/light.png`, fullPage: true});
await page.emulateMedia({colorScheme: 'dark'});
await page.screenshot({path: `${folder}/dark.png`, fullPage: true});

await page.fill('#translate-text', 'the zebra sees a dog .');
await use('translate', () => page.press('#translate-text', 'Enter'));
const strange = panels.translate.status;
console.log(JSON.stringify({errors, seconds, panels, strange}));
await browser.close();
