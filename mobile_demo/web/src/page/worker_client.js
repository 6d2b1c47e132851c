/** The worker as a function: requests with answers, and its events. */

import {DemoError} from '../protocol.js';

/** @typedef {import('../protocol.js').Requests} Requests */
/** @typedef {import('../protocol.js').ProgressEvent} ProgressEvent */
/** @typedef {import('../protocol.js').PeopleEvent} PeopleEvent */
/** @typedef {{resolve: (result: any) => void, reject: (error: Error) => void}} Waiting */

export class WorkerClient {
  /**
   * @param {string | URL} url Of the worker's script.
   * @param {(event: ProgressEvent | PeopleEvent) => void} onEvent
   */
  constructor(url, onEvent) {
    /** @type {Map<number, Waiting>} */
    this.waiting = new Map();
    this.last = 0;
    this.worker = new Worker(url);
    this.worker.addEventListener('message', ({data}) => {
      if (data.event) onEvent(data);
      else this.#settle(data);
    });
    // A script that cannot be loaded or read answers nothing.
    this.worker.addEventListener('error', (event) => {
      this.#fail(new DemoError('internal', event.message || 'the worker cannot be loaded'));
    });
  }

  /**
   * Asks the worker.
   *
   * @template {keyof Requests} T
   * @param {T} type
   * @param {Requests[T]['request']} content
   * @param {Transferable[]} [transferred]
   * @returns {Promise<Requests[T]['result']>} Rejects with a DemoError.
   */
  ask(type, content, transferred = []) {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, {resolve, reject});
      this.worker.postMessage({...content, id, type}, transferred);
    });
  }

  /** @param {import('../protocol.js').Answer | import('../protocol.js').Failure} answer */
  #settle(answer) {
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if (answer.ok) waiting?.resolve(answer.result);
    else waiting?.reject(new DemoError(answer.error.code, answer.error.message));
  }

  /** @param {Error} error */
  #fail(error) {
    for (const {reject} of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}
