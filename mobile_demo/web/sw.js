/**
 * Service worker: keeps page and bundle for use without the server.
 *
 * A copy is of one list of files (files.json: addresses and SHA-256) and is used only
 * once it is complete; another list is another copy, which then replaces the first.
 * Of WebAssembly it has the build that the page runs.
 */

const worker = /** @type {any} */ (self);
const PREFIX = 'tf-sphereface-';
const LIST = '/files.json';
const WASM = '/wasm/';
const COMPLETE = '/complete';
const PATIENCE = 3000; // ms for a server that may be out of reach

/**
 * Where answers come from: the copy, unless the server has other files than that. Unknown
 * after the browser has stopped and started this script.
 * @type {"copy" | "server" | null}
 */
let source = null;
/** @type {Promise<void> | null} The copy that is being made. */
let storing = null;

worker.addEventListener('install', () => worker.skipWaiting());

worker.addEventListener('activate', (/** @type {any} */ event) => {
  event.waitUntil(worker.clients.claim());
});

worker.addEventListener('message', (/** @type {any} */ event) => {
  if (event.data?.type === 'state') event.waitUntil(store(event.data.build));
});

worker.addEventListener('fetch', (/** @type {any} */ event) => {
  const {request} = event;
  if (request.method !== 'GET' || new URL(request.url).origin !== location.origin) return;
  event.respondWith(answer(event));
});

/** @param {any} event */
async function answer(event) {
  const {request} = event;
  const name = await completeName();
  if (name === null) return fetch(request);
  if (request.mode === 'navigate' || source === null) {
    source = await chooseSource(name, event);
  }
  const stored = async () => {
    const cache = await caches.open((await completeName()) ?? name);
    return cache.match(new URL(request.url).pathname);
  };
  if (source === 'server') {
    return fetch(request).catch(async (error) => {
      const found = await stored();
      if (found) return found;
      throw error;
    });
  }
  return (await stored()) ?? fetch(request);
}

/**
 * @param {string} name Of the complete copy.
 * @param {any} event
 * @returns {Promise<"copy" | "server">}
 */
async function chooseSource(name, event) {
  let response;
  try {
    response = await fetch(LIST, {cache: 'no-store', signal: AbortSignal.timeout(PATIENCE)});
  } catch {
    return 'copy';
  }
  if (!response.ok) {
    // Another site has this address by now; people stay in the browser.
    if (response.status === 404) event.waitUntil(worker.registration.unregister());
    return 'server';
  }
  const text = await response.text();
  // The page asks for the copy of another list once it has opened the bundle.
  return PREFIX + (await sha256(new TextEncoder().encode(text))) === name ? 'copy' : 'server';
}

/**
 * Makes the copy, one at a time, and tells the pages.
 * @param {string} build Of WebAssembly: the name of its files.
 */
function store(build) {
  storing ??= makeCopy(build)
    .then(
      () => tellPages({event: 'stored', ok: true}),
      (error) => tellPages({event: 'stored', ok: false, message: String(error.message ?? error)}),
    )
    .finally(() => {
      storing = null;
    });
  return storing;
}

/** @param {string} build */
async function makeCopy(build) {
  const before = await completeName();
  let text;
  try {
    const response = await fetch(LIST, {cache: 'no-store'});
    if (!response.ok) throw new Error(`${LIST}: ${response.status}`);
    text = await response.text();
  } catch (error) {
    if (before !== null) return; // no server, and the copy is complete
    throw error;
  }
  const name = PREFIX + (await sha256(new TextEncoder().encode(text)));
  const [cache, old] = [await caches.open(name), before === null ? null : await caches.open(before)];
  for (const [address, digest] of Object.entries(JSON.parse(text))) {
    if (address.startsWith(WASM) && !address.startsWith(`${WASM}${build}.`)) {
      await cache.delete(address);
      continue;
    }
    if (await isOf(await cache.match(address), digest)) continue;
    const kept = await old?.match(address);
    const response = (await isOf(kept, digest)) ? kept : await fetched(address, digest);
    await cache.put(address, /** @type {Response} */ (response));
  }
  await cache.put(COMPLETE, new Response(''));
  for (const other of await caches.keys()) {
    if (other.startsWith(PREFIX) && other !== name) await caches.delete(other);
  }
  source = 'copy';
}

/**
 * Whether a stored answer is of that content, which was compared when it was stored.
 *
 * @param {Response | undefined} response
 * @param {string} digest
 */
async function isOf(response, digest) {
  return response?.headers.get('ETag') === `"${digest}"`;
}

/**
 * @param {string} address
 * @param {string} digest
 */
async function fetched(address, digest) {
  const response = await fetch(address, {cache: 'no-cache'});
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  const content = await response.arrayBuffer();
  if ((await sha256(content)) !== digest) throw new Error(`${address} has changed meanwhile`);
  return new Response(content, {headers: response.headers});
}

/** Name of the copy that is complete, null if there is none. */
async function completeName() {
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && (await (await caches.open(name)).match(COMPLETE))) return name;
  }
  return null;
}

/** @param {BufferSource} content */
async function sha256(content) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param {object} message */
async function tellPages(message) {
  for (const client of await worker.clients.matchAll({includeUncontrolled: true})) {
    client.postMessage(message);
  }
}
