/** The worker: answers the requests of protocol.js. */

import {DemoError} from './protocol.js';

self.addEventListener('message', ({data}) => {
  const error = new DemoError('request', `unknown request: ${data?.type}`);
  self.postMessage({
    id: data?.id,
    ok: false,
    error: {code: error.code, message: error.message},
  });
});
