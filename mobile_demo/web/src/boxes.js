/** Arithmetic of boxes: overlap, suppression, refinement; x1, y1, x2, y2 pixels. */

/** @typedef {[number, number, number, number]} Box */

/**
 * Indices that sort scores, the best first; equal ones keep their order.
 * @param {ArrayLike<number>} scores
 */
export function bestFirst(scores) {
  return Array.from(scores, (_, index) => index).sort((a, b) => scores[b] - scores[a]);
}

/**
 * Non-maximum suppression: drops boxes that overlap a better one. A dropped box still
 * drops others.
 * @param {Box[]} boxes
 * @param {ArrayLike<number>} scores
 * @param {number} threshold Boxes with a greater overlap are dropped.
 * @param {"union" | "smaller"} [denominator] Of the overlap: the union of both areas, or
 *   the smaller area.
 * @returns {number[]} Indices of the kept boxes, best first.
 */
export function suppress(boxes, scores, threshold, denominator = 'union') {
  const order = bestFirst(scores);
  const ranked = new Float64Array(4 * order.length);
  const areas = new Float64Array(order.length);
  order.forEach((index, rank) => {
    const [x1, y1, x2, y2] = boxes[index];
    ranked.set(boxes[index], 4 * rank);
    areas[rank] = (x2 - x1) * (y2 - y1);
  });
  return order.filter((_, rank) => {
    const [x1, y1, x2, y2] = ranked.subarray(4 * rank, 4 * rank + 4);
    for (let better = 0; better < rank; better++) {
      const at = 4 * better;
      const width = Math.min(x2, ranked[at + 2]) - Math.max(x1, ranked[at]);
      const height = Math.min(y2, ranked[at + 3]) - Math.max(y1, ranked[at + 1]);
      if (width <= 0 || height <= 0) continue;
      const shared = width * height;
      const whole =
        denominator === 'union'
          ? areas[better] + areas[rank] - shared
          : Math.min(areas[better], areas[rank]);
      if (shared / Math.max(whole, 1e-12) > threshold) return false;
    }
    return true;
  });
}

/**
 * Moves each corner by its offset times the box size (inclusive pixels: + 1).
 * @param {Box} box
 * @param {ArrayLike<number>} offsets
 * @returns {Box}
 */
export function refine([x1, y1, x2, y2], offsets) {
  const width = x2 - x1 + 1;
  const height = y2 - y1 + 1;
  return [
    x1 + offsets[0] * width,
    y1 + offsets[1] * height,
    x2 + offsets[2] * width,
    y2 + offsets[3] * height,
  ];
}

/**
 * The square around the same centre, as large as the longer side.
 * @param {Box} box
 * @returns {Box}
 */
export function toSquare([x1, y1, x2, y2]) {
  const x = (x1 + x2) / 2;
  const y = (y1 + y2) / 2;
  const half = Math.max(x2 - x1, y2 - y1, 0) / 2;
  return [x - half, y - half, x + half, y + half];
}

/** @param {Box} box */
export function areaOf([x1, y1, x2, y2]) {
  return Math.max(x2 - x1, 0) * Math.max(y2 - y1, 0);
}
