/** The worker: answers the requests of protocol.js, one after the other. */

import {DemoError} from './protocol.js';
import {Session} from './session.js';

/** @typedef {import('./protocol.js').Requests} Requests */

/** @type {Session | null} */
let session = null;

/** @type {{[type in keyof Requests]: (request: Requests[type]["request"]) => unknown}} */
const ANSWERS = {
  open: async (request) => {
    const opened = await Session.open(request, progress);
    session?.close();
    session = opened;
    return session.state();
  },
  configure: (request) => inUse().configure(request),
  selfTest: () => inUse().selfTest(),
  frame: (request) => inUse().frame(request),
  enrol: (request) => inUse().enrol(request),
  people: () => inUse().people().people(),
  forget: async ({name, templateId}) => {
    await inUse().people().forget(name, templateId);
    return inUse().people().people();
  },
  rename: async ({name, to}) => {
    await inUse().people().rename(name, to);
    return inUse().people().people();
  },
  exportGallery: () => ({blob: inUse().people().export()}),
  importGallery: ({blob}) => inUse().people().import(blob),
};

/** Requests after which the workers of other pages read the gallery again. */
const CHANGES = new Set(['enrol', 'forget', 'rename', 'importGallery']);
const others = new BroadcastChannel('tf_sphereface people');

let last = Promise.resolve();
self.addEventListener('message', ({data}) => {
  last = last.then(() => answer(data));
});
others.addEventListener('message', () => {
  last = last.then(reload);
});

async function reload() {
  try {
    await session?.gallery?.reload();
  } catch {
    // Nobody is left in memory; the next request to the database says why.
  }
  if (session) self.postMessage({event: 'people'});
}

/** @param {any} data */
async function answer({id, type, ...request}) {
  try {
    if (!Object.hasOwn(ANSWERS, type)) throw new DemoError('request', `unknown request: ${type}`);
    const result = await Reflect.get(ANSWERS, type)(request);
    if (CHANGES.has(type) && result.taken !== false) others.postMessage(type);
    self.postMessage({id, ok: true, result});
  } catch (error) {
    const code = error instanceof DemoError ? error.code : 'internal';
    const message = error instanceof Error ? error.message : String(error);
    self.postMessage({id, ok: false, error: {code, message}});
  }
}

/** @type {import('./contract.js').Progress} */
function progress(stage, done, total) {
  self.postMessage({event: 'progress', stage, done, total});
}

function inUse() {
  if (!session) throw new DemoError('request', 'open a bundle first');
  return session;
}
