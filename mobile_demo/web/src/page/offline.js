/** The service worker: registered after the start, and what it says. */

/**
 * Registers the service worker, which stores page and bundle for use without the server.
 *
 * @param {string} build Of LiteRT.js that this browser runs, which is stored alone.
 * @param {(text: string) => void} onState Gets the state of the offline copy, in words.
 */
export async function storeForOffline(build, onState) {
  if (!('serviceWorker' in navigator)) {
    onState('not in this browser, or not at this address');
    return;
  }
  const {serviceWorker} = navigator;
  serviceWorker.addEventListener('message', ({data}) => {
    if (data?.event !== 'stored') return;
    onState(data.ok ? 'complete' : `not stored: ${data.message}`);
  });
  try {
    await serviceWorker.register('sw.js');
    const {active} = await serviceWorker.ready;
    active?.postMessage({type: 'state', build});
  } catch (error) {
    onState(`not stored: ${/** @type {Error} */ (error).message}`);
  }
}
