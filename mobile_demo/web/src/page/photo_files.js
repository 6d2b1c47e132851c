/** Photos from files as bitmaps, small enough for the worker. */

import {DemoError} from '../protocol.js';

/** Longest side of a photo after decoding, pixels: enough for faces of a group. */
const SIDE = 2048;
/** Pixels that are decoded at all: 150 million take 600 MB for a moment. */
const MOST_PIXELS = 150e6;

/**
 * Decodes a photo, made smaller on the way if it is large.
 *
 * @param {Blob & {name?: string}} file
 * @returns {Promise<ImageBitmap>}
 * @throws {DemoError} `photo`, if it is none or too large.
 */
export async function decodePhoto(file) {
  const name = file.name ?? 'the photo';
  const [width, height] = await sizeOf(file, name);
  if (width * height > MOST_PIXELS) {
    const megapixels = Math.round((width * height) / 1e6);
    throw new DemoError(
      'photo',
      `${name} has ${megapixels} megapixels; at most ${MOST_PIXELS / 1e6} are opened. Make it smaller.`,
    );
  }
  const scale = Math.min(1, SIDE / Math.max(width, height));
  try {
    if (scale === 1) return await createImageBitmap(file);
    return await createImageBitmap(file, {
      resizeWidth: Math.max(1, Math.round(width * scale)),
      resizeHeight: Math.max(1, Math.round(height * scale)),
      resizeQuality: 'high',
    });
  } catch {
    throw new DemoError('photo', `${name} cannot be decoded: it is damaged, or too large.`);
  }
}

/**
 * Width and height as the photo is shown, from its head; nothing is decoded.
 *
 * @param {Blob} file
 * @param {string} name
 * @returns {Promise<[number, number]>}
 */
function sizeOf(file, name) {
  const url = URL.createObjectURL(file);
  const image = new Image();
  return new Promise((resolve, reject) => {
    image.onload = () => resolve([image.naturalWidth, image.naturalHeight]);
    image.onerror = () =>
      reject(new DemoError('photo', `${name} is no photo that this browser knows.`));
    image.src = url;
  }).finally(() => URL.revokeObjectURL(url));
}
