/** Pixels of pictures, through a canvas. */

import {withoutAlpha} from './pixels.js';
import {DemoError, LARGEST_SIDE} from './protocol.js';

/** @typedef {import('./pixels.js').Photo} Photo */

export class PhotoReader {
  constructor() {
    this.canvas = new OffscreenCanvas(1, 1);
    // The picture is read back each time: the processor's memory is the place for it.
    this.context = /** @type {OffscreenCanvasRenderingContext2D} */ (
      this.canvas.getContext('2d', {willReadFrequently: true})
    );
  }

  /**
   * The pixels of a bitmap, which is closed.
   * @param {ImageBitmap} bitmap
   * @returns {Photo}
   */
  read(bitmap) {
    const {width, height} = bitmap;
    try {
      if (Math.max(width, height) > LARGEST_SIDE) {
        throw new DemoError(
          'photo',
          `the photo has ${width} x ${height} pixels; at most ${LARGEST_SIDE} on a side`,
        );
      }
      if (width !== this.canvas.width || height !== this.canvas.height) {
        this.canvas.width = width;
        this.canvas.height = height;
      }
      this.context.clearRect(0, 0, width, height);
      this.context.drawImage(bitmap, 0, 0);
    } finally {
      bitmap.close();
    }
    return withoutAlpha(this.context.getImageData(0, 0, width, height).data, width, height);
  }

  /**
   * The pixels of a picture file.
   * @param {Uint8Array<ArrayBuffer>} content
   */
  async decode(content) {
    return this.read(await createImageBitmap(new Blob([content])));
  }
}
