/** Milliseconds of the stages of the last frames: their median and 95th percentile. */

import {make} from './dom.js';

/** @typedef {import('../protocol.js').Milliseconds} Milliseconds */

const FRAMES = 120;
const STAGES = /** @type {const} */ ([
  'resize',
  'detect',
  'consensus',
  'warp',
  'embed',
  'search',
  'total',
]);

export class Latency {
  constructor() {
    /** @type {Milliseconds[]} */
    this.frames = [];
    /** @type {number[]} */
    this.times = [];
  }

  /** @param {Milliseconds} milliseconds Of a frame. */
  add(milliseconds) {
    this.frames.push(milliseconds);
    this.times.push(performance.now());
    if (this.frames.length > FRAMES) {
      this.frames.shift();
      this.times.shift();
    }
  }

  clear() {
    this.frames = [];
    this.times = [];
  }

  /** Frames a second of the last ones, null of fewer than five. */
  get rate() {
    const times = this.times.slice(-30);
    if (times.length < 5) return null;
    return ((times.length - 1) * 1000) / (times[times.length - 1] - times[0]);
  }

  /** @returns {{stage: string, median: number, p95: number}[]} */
  rows() {
    return STAGES.map((stage) => {
      const sorted = this.frames.map((frame) => frame[stage]).sort((a, b) => a - b);
      return {stage, median: quantile(sorted, 0.5), p95: quantile(sorted, 0.95)};
    });
  }

  /** @param {HTMLTableElement} table Its body is filled. */
  fill(table) {
    table.hidden = this.frames.length === 0;
    const body = table.tBodies[0];
    if (table.hidden) return;
    body.replaceChildren(
      ...this.rows().map(({stage, median, p95}) =>
        make(
          'tr',
          {},
          make('th', {scope: 'row'}, stage),
          make('td', {class: 'number'}, median.toFixed(1)),
          make('td', {class: 'number'}, p95.toFixed(1)),
        ),
      ),
    );
  }
}

/**
 * The value below which a share of sorted values lies; nearest rank.
 *
 * @param {number[]} sorted
 * @param {number} share
 */
export function quantile(sorted, share) {
  if (!sorted.length) return 0;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}
