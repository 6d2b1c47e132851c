/** Pixels of the PNG files of the contract cases: RGB, 8 bits, not interlaced. */

import {readFileSync} from 'node:fs';
import {inflateSync} from 'node:zlib';

/**
 * @param {string} path
 * @returns {import('../src/pixels.js').Photo}
 */
export function readPNG(path) {
  const file = readFileSync(path);
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)];
  if (file.readUInt32BE(24) !== 0x08020000 || file[28] !== 0) throw new Error(`${path}: not RGB`);
  const parts = [];
  for (let at = 8; at < file.length; at += file.readUInt32BE(at) + 12) {
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT') {
      parts.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)));
    }
  }
  const lines = inflateSync(Buffer.concat(parts));
  const stride = width * 3;
  const data = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const filter = lines[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const left = x < 3 ? 0 : data[y * stride + x - 3];
      const up = y === 0 ? 0 : data[(y - 1) * stride + x];
      const corner = x < 3 || y === 0 ? 0 : data[(y - 1) * stride + x - 3];
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      data[y * stride + x] = lines[y * (stride + 1) + 1 + x] + predicted;
    }
  }
  return {data, width, height};
}

/** @param {number} left @param {number} up @param {number} corner */
function paeth(left, up, corner) {
  const guess = left + up - corner;
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(guess - value));
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
