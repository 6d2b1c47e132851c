/**
 * Frames a second at 640 x 480 in headless Chromium, for each variant of a bundle:
 *
 *     node bench/frames.mjs BUNDLE [--threads N] [--smallest-face 60] [--frames 60]
 *
 * A frame has two of the bundle's golden faces on grey, moved from frame to frame. Beside
 * the rate stand processor time of the page's process (milliseconds a frame, of all its
 * threads), which other work on the machine changes little, and the main thread's longest
 * task and longest gap between two animation frames.
 */

import {parseArgs} from 'node:util';
import {fileURLToPath} from 'node:url';
import {openPage, serve} from '../tests/browser.mjs';

const {positionals, values} = parseArgs({
  allowPositionals: true,
  options: {
    threads: {type: 'string', default: '1'},
    'smallest-face': {type: 'string', default: '60'},
    frames: {type: 'string', default: '60'},
    variants: {type: 'string', default: ''},
  },
});
const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const server = await serve({dist, bundle: positionals[0]});
const {browser, page, ask} = await openPage(server.url, '/dist/worker.js');
try {
  const threads = Number(values.threads);
  const settings = {threads, smallestFace: Number(values['smallest-face'])};
  const opened = await ask('open', {bundleUrl: `${server.url}bundle`, ...settings});
  if (!opened.ok) throw new Error(opened.error.message);
  const usable = opened.result.variants.filter((/** @type {any} */ one) => one.usable);
  const names = values.variants ? values.variants.split(',') : usable.map((/** @type {any} */ v) => v.name);
  for (const variant of names) {
    const state = (await ask('configure', {variant})).result;
    const tested = await ask('selfTest');
    if (!tested.result?.ok) throw new Error(`${variant}: the self-test failed`);
    const photo = `${server.url}bundle/golden/photo_0.png`;
    await page.evaluate(enrolAda, photo);
    const frames = Number(values.frames);
    await page.evaluate(run, {server: server.url, frames: 5}); // compiles
    const before = await processorTime();
    const measured = await page.evaluate(run, {server: server.url, frames});
    const processor = Math.round(((await processorTime()) - before) * 1e4 / frames) / 10;
    const row = {network: state.network, variant, threads: state.threads, ...measured};
    console.log(JSON.stringify({...row, processor}));
  }
} finally {
  await browser.close();
  server.close();
}

/** Seconds of the page's process. */
async function processorTime() {
  const session = await browser.newBrowserCDPSession();
  const {processInfo} = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo
    .filter(({type}) => type === 'renderer')
    .reduce((sum, {cpuTime}) => sum + cpuTime, 0);
}

/** @param {string} photo */
async function enrolAda(photo) {
  const fields = {name: 'Ada', pose: null, force: true, source: ''};
  await Reflect.get(window, 'askWithPicture')('enrol', photo, fields);
}

/** Runs in the page. @param {{server: string, frames: number}} settings */
async function run({server, frames}) {
  const photos = await Promise.all(
    [0, 1].map(async (index) => {
      const response = await fetch(`${server}bundle/golden/photo_${index}.png`);
      return createImageBitmap(await response.blob());
    }),
  );
  const canvas = new OffscreenCanvas(640, 480);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
  let longest = 0;
  const observer = new PerformanceObserver((list) => {
    for (const {duration} of list.getEntries()) longest = Math.max(longest, duration);
  });
  observer.observe({entryTypes: ['longtask']});
  let [gap, last, running] = [0, performance.now(), true];
  const tick = () => {
    const now = performance.now();
    gap = Math.max(gap, now - last);
    last = now;
    if (running) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  /** @type {Record<string, number[]>} */
  const stages = {};
  let faces = 0;
  const start = performance.now();
  for (let frame = 0; frame < frames; frame++) {
    context.fillStyle = '#777';
    context.fillRect(0, 0, 640, 480);
    context.drawImage(photos[0], 40 + (frame % 7), 60 + (frame % 5));
    context.drawImage(photos[1], 340 - (frame % 7), 90 + (frame % 3));
    const bitmap = canvas.transferToImageBitmap();
    const {ok, result, error} = await Reflect.get(window, 'ask')('frame', {bitmap, track: true}, [bitmap]);
    if (!ok) throw new Error(error.message);
    faces += result.faces.length;
    for (const [stage, time] of Object.entries(result.milliseconds)) (stages[stage] ??= []).push(time);
  }
  const seconds = (performance.now() - start) / 1000;
  running = false;
  observer.disconnect();
  const median = (/** @type {number[]} */ all) => all.sort((a, b) => a - b)[all.length >> 1];
  const digits = (/** @type {number} */ value) => Math.round(value * 10) / 10;
  return {
    fps: digits(frames / seconds),
    facesPerFrame: faces / frames,
    milliseconds: Object.fromEntries(Object.entries(stages).map(([k, v]) => [k, digits(median(v))])),
    longestTask: digits(longest),
    longestGap: digits(gap),
  };
}
