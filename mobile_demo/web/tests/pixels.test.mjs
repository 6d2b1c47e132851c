/** Warps of pseudo-random photos, byte by byte as OpenCV's. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {sha256} from '../src/contract.js';
import {mirrored, warp} from '../src/pixels.js';

// Of cv2.warpAffine (OpenCV 5.0.0, x86 with FMA) with INTER_LINEAR | WARP_INVERSE_MAP and
// a border of 128, over the same numbers.
const OPENCV = '8328e14b211a055c8674b7caf3793a27bc28f68e943b74b2ceba277ced61c40f';

test('60 similarities give the bytes of OpenCV', async () => {
  let state = 1;
  const random = () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
  const [width, height, side] = [403, 301, 48];
  const data = Uint8Array.from({length: width * height * 3}, () => Math.floor(random() * 256));
  const all = new Uint8Array(60 * side * side * 3);
  for (let crop = 0; crop < 60; crop++) {
    const [a, b] = [random() * 4 - 2, random() * 4 - 2];
    const [x, y] = [random() * width, random() * height];
    const bytes = warp({data, width, height}, [a, -b, x, b, a, y], side, side, 128);
    all.set(bytes, crop * bytes.length);
  }
  assert.equal(await sha256(all), OPENCV);
});

test('a crop mirrored twice is the crop', () => {
  const crop = Uint8Array.from({length: 2 * 3 * 3}, (_, index) => index);
  const once = mirrored(crop, 3);
  assert.deepEqual([...once.subarray(0, 9)], [6, 7, 8, 3, 4, 5, 0, 1, 2]);
  assert.deepEqual(mirrored(once, 3), crop);
});
