/** A page of the built demo in headless Chromium, and a server for it: for tests only. */

import {createReadStream, existsSync, statSync} from 'node:fs';
import {createServer} from 'node:http';
import {extname, join, normalize} from 'node:path';
import {chromium} from 'playwright-core';

const TYPES = {
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.html': 'text/html',
};
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
const PAGE = '<!doctype html><title>test</title>';

/**
 * Serves folders, cross-origin isolated so that threads work.
 * @param {Record<string, string>} folders By the first part of their paths.
 * @returns {Promise<{url: string, close: () => void}>}
 */
export function serve(folders) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    const [, first, ...rest] = normalize(path).split('/');
    const file = folders[first] && join(folders[first], ...rest);
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    if (path === '/') return response.setHeader('Content-Type', 'text/html').end(PAGE);
    if (!file || !existsSync(file) || !statSync(file).isFile()) {
      return response.writeHead(404).end();
    }
    const type = Reflect.get(TYPES, extname(file)) ?? 'application/octet-stream';
    response.setHeader('Content-Type', type);
    createReadStream(file).pipe(response);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const {port} = /** @type {import('node:net').AddressInfo} */ (server.address());
      resolve({
        url: `http://127.0.0.1:${port}/`,
        close: () => {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}

/**
 * A page of a server, with a worker that answers `window.ask(type, fields)`.
 * @param {string} url
 * @param {string} worker Path of its script.
 */
export async function openPage(url, worker) {
  const browser = await chromium.launch({executablePath: CHROMIUM, args: FLAGS});
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error('page:', error.message));
  await page.goto(url);
  await page.evaluate((script) => {
    const thread = new Worker(script);
    let count = 0;
    /** @type {Map<number, (answer: any) => void>} */
    const waiting = new Map();
    thread.onmessage = ({data}) => waiting.get(data.id)?.(data);
    Object.assign(window, {
      ask: (/** @type {string} */ type, /** @type {any} */ fields, /** @type {Transferable[]} */ transfer = []) =>
        new Promise((resolve) => {
          waiting.set(++count, resolve);
          thread.postMessage({...fields, id: count, type}, transfer);
        }),
      askWithPicture: async (
        /** @type {string} */ type, /** @type {string} */ picture, /** @type {any} */ fields,
      ) => {
        const blob = await (await fetch(picture)).blob();
        const bitmap = await createImageBitmap(blob, {colorSpaceConversion: 'none'});
        return Reflect.get(window, 'ask')(type, {...fields, bitmap}, [bitmap]);
      },
    });
  }, worker);
  /** @param {string} type @param {object} [fields] */
  const ask = (type, fields = {}) =>
    page.evaluate(([t, f]) => Reflect.get(window, 'ask')(t, f), /** @type {const} */ ([type, fields]));
  /** @param {string} type @param {string} picture @param {object} [fields] */
  const askWithPicture = (type, picture, fields = {}) =>
    page.evaluate(
      ([t, p, f]) => Reflect.get(window, 'askWithPicture')(t, p, f),
      /** @type {const} */ ([type, picture, fields]),
    );
  return {browser, page, ask, askWithPicture};
}
