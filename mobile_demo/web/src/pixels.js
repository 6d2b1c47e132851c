/**
 * Resizing and warping of photos, byte by byte as OpenCV does it in Python.
 *
 * A number that is one byte off moves landmarks by 0.02 pixels, and an int8 network by
 * more than rounding does; hence float32 arithmetic in OpenCV's order, and rounding of
 * halves to even numbers.
 */

/** @typedef {{data: Uint8Array, width: number, height: number}} Photo RGB, row by row. */
/** @typedef {[number, number, number, number, number, number]} Affine Row by row. */

const round32 = Math.fround;
// Added and taken away again, it rounds numbers below 2^51, halves to even.
const ROUNDER = 6755399441055744;
/** Grey, which is nearly 0 after `NORMALIZED`, for what lies outside a photo. */
export const GREY = 128;

/** (x - 127.5) / 128 of a byte: the input of the detector's networks. */
export const NORMALIZED = Float32Array.from({length: 256}, (_, x) => (x - 127.5) / 128);

/**
 * RGB of the RGBA that a canvas gives.
 * @param {Uint8ClampedArray | Uint8Array} rgba
 * @param {number} width
 * @param {number} height
 * @returns {Photo}
 */
export function withoutAlpha(rgba, width, height) {
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = rgba[from];
    data[to + 1] = rgba[from + 1];
    data[to + 2] = rgba[from + 2];
  }
  return {data, width, height};
}

/**
 * Shrinks a photo to the means of areas (INTER_AREA).
 * @param {Photo} photo
 * @param {number} width At most that of the photo.
 * @param {number} height Likewise.
 * @returns {Photo}
 */
export function resizeArea(photo, width, height) {
  if (width === photo.width && height === photo.height) return photo;
  const resized = {data: new Uint8Array(width * height * 3), width, height};
  const across = 1 / (width / photo.width);
  const down = 1 / (height / photo.height);
  const whole = [across, down].every((scale) => Math.abs(scale - rounded(scale)) < 2 ** -52);
  if (!whole) return resizeFractions(photo, resized, across, down);
  return across === 2 && down === 2 ? halve(photo, resized) : resizeWhole(photo, resized);
}

/**
 * Enlarges a photo to twice its size (INTER_LINEAR), in OpenCV's fixed-point numbers.
 * @param {Photo} photo
 * @returns {Photo}
 */
export function enlargeTwice(photo) {
  const width = 2 * photo.width;
  const height = 2 * photo.height;
  const data = new Uint8Array(width * height * 3);
  // Neighbours count 3/4 and 1/4, which are 1536 and 512 of 2048.
  const rows = Array.from({length: photo.height}, (_, y) => enlargedRow(photo, y));
  for (let y = 0, to = 0; y < height; y++) {
    const near = rows[y >> 1];
    const other = rows[Math.min(Math.max((y >> 1) + (y & 1 ? 1 : -1), 0), photo.height - 1)];
    for (let x = 0; x < near.length; x++) {
      const sum = ((1536 * (near[x] >> 4)) >> 16) + ((512 * (other[x] >> 4)) >> 16);
      data[to++] = (sum + 2) >> 2;
    }
  }
  return {data, width, height};
}

/**
 * Warps a crop out of a photo, bilinear (warpAffine, WARP_INVERSE_MAP).
 * @param {Photo} photo
 * @param {Affine} matrix From pixels of the crop to pixels of the photo.
 * @param {number} width Of the crop.
 * @param {number} height
 * @param {number} outside Byte of all channels outside the photo.
 * @param {Uint8Array} [crop] To write to.
 * @returns {Uint8Array} height * width * 3.
 */
export function warp(photo, matrix, width, height, outside, crop) {
  const {data, width: columns, height: rows} = photo;
  const to = crop ?? new Uint8Array(width * height * 3);
  const [xStep, xDown, xShift, yStep, yDown, yShift] = matrix.map(round32);
  const stride = columns * 3;
  for (let y = 0, place = 0; y < height; y++) {
    const xStart = round32(round32(y * xDown) + xShift);
    const yStart = round32(round32(y * yDown) + yShift);
    for (let x = 0; x < width; x++, place += 3) {
      // The product of two float32 numbers is exact in float64: one rounding, as of FMA.
      const exactX = round32(xStep * x + xStart);
      const exactY = round32(yStep * x + yStart);
      const left = Math.floor(exactX);
      const top = Math.floor(exactY);
      const alpha = round32(exactX - left);
      const beta = round32(exactY - top);
      if (left >= 0 && top >= 0 && left < columns - 1 && top < rows - 1) {
        const from = top * stride + left * 3;
        for (let channel = 0; channel < 3; channel++) {
          const at = from + channel;
          to[place + channel] = between(
            data[at], data[at + 3], data[at + stride], data[at + stride + 3], alpha, beta,
          );
        }
      } else if (left < -1 || top < -1 || left >= columns || top >= rows) {
        to[place] = to[place + 1] = to[place + 2] = outside;
      } else {
        for (let channel = 0; channel < 3; channel++) {
          /** @type {(x: number, y: number) => number} */
          const pixel = (x, y) =>
            x >= 0 && y >= 0 && x < columns && y < rows
              ? data[y * stride + x * 3 + channel]
              : outside;
          to[place + channel] = between(
            pixel(left, top), pixel(left + 1, top),
            pixel(left, top + 1), pixel(left + 1, top + 1), alpha, beta,
          );
        }
      }
    }
  }
  return to;
}

/**
 * The inverse of a map, in the order of OpenCV's arithmetic.
 * @param {Affine} matrix
 * @returns {Affine}
 */
export function inverted([a, b, c, d, e, f]) {
  const determinant = a * e - b * d;
  const factor = determinant !== 0 ? 1 / determinant : 0;
  const [m0, m1, m3, m4] = [e * factor, b * -factor, d * -factor, a * factor];
  return [m0, m1, -m0 * c - m1 * f, m3, m4, -m3 * c - m4 * f];
}

/**
 * The mirror image of a crop.
 * @param {Uint8Array} crop
 * @param {number} width
 */
export function mirrored(crop, width) {
  const image = new Uint8Array(crop.length);
  const stride = width * 3;
  for (let row = 0; row < crop.length; row += stride) {
    for (let from = row, to = row + stride - 3; from < row + stride; from += 3, to -= 3) {
      image[to] = crop[from];
      image[to + 1] = crop[from + 1];
      image[to + 2] = crop[from + 2];
    }
  }
  return image;
}

/** @param {number} value */
function rounded(value) {
  return value + ROUNDER - ROUNDER;
}

/**
 * @param {number} p00 @param {number} p01 @param {number} p10 @param {number} p11
 * @param {number} alpha @param {number} beta
 */
function between(p00, p01, p10, p11, alpha, beta) {
  const above = round32(alpha * (p01 - p00) + p00);
  const below = round32(alpha * (p11 - p10) + p10);
  return round32(beta * round32(below - above) + above) + ROUNDER - ROUNDER;
}

/** @param {Photo} photo @param {Photo} resized */
function halve(photo, resized) {
  const {data} = photo;
  const to = resized.data;
  const stride = photo.width * 3;
  for (let y = 0, place = 0; y < resized.height; y++) {
    let from = 2 * y * stride;
    for (let x = 0; x < resized.width; x++, from += 6, place += 3) {
      const under = from + stride;
      to[place] = (data[from] + data[from + 3] + data[under] + data[under + 3] + 2) >> 2;
      to[place + 1] =
        (data[from + 1] + data[from + 4] + data[under + 1] + data[under + 4] + 2) >> 2;
      to[place + 2] =
        (data[from + 2] + data[from + 5] + data[under + 2] + data[under + 5] + 2) >> 2;
    }
  }
  return resized;
}

/** @param {Photo} photo @param {Photo} resized */
function resizeWhole(photo, resized) {
  const across = photo.width / resized.width;
  const down = photo.height / resized.height;
  const share = round32(1 / (across * down));
  for (let y = 0, place = 0; y < resized.height; y++) {
    for (let x = 0; x < resized.width; x++) {
      for (let channel = 0; channel < 3; channel++, place++) {
        let sum = 0;
        for (let row = y * down; row < (y + 1) * down; row++) {
          let at = (row * photo.width + x * across) * 3 + channel;
          for (let count = 0; count < across; count++, at += 3) sum += photo.data[at];
        }
        resized.data[place] = rounded(round32(sum * share));
      }
    }
  }
  return resized;
}

/**
 * The parts of pixels in each area of an axis.
 * @param {number} length Of the photo, pixels.
 * @param {number} areas
 * @param {number} scale Pixels of an area.
 */
function areaTable(length, areas, scale) {
  const starts = new Int32Array(areas + 1);
  const pixels = [];
  const shares = [];
  for (let area = 0; area < areas; area++) {
    const from = area * scale;
    const to = from + scale;
    const size = Math.min(scale, length - from);
    const last = Math.min(Math.floor(to), length - 1);
    const first = Math.min(Math.ceil(from), last);
    if (first - from > 1e-3) {
      pixels.push(first - 1);
      shares.push((first - from) / size);
    }
    for (let pixel = first; pixel < last; pixel++) {
      pixels.push(pixel);
      shares.push(1 / size);
    }
    if (to - last > 1e-3) {
      pixels.push(last);
      shares.push(Math.min(Math.min(to - last, 1), size) / size);
    }
    starts[area + 1] = pixels.length;
  }
  return {starts, pixels: Int32Array.from(pixels), shares: Float32Array.from(shares)};
}

/**
 * @param {Photo} photo @param {Photo} resized
 * @param {number} across @param {number} down
 */
function resizeFractions(photo, resized, across, down) {
  const columns = areaTable(photo.width, resized.width, across);
  const rows = areaTable(photo.height, resized.height, down);
  const length = resized.width * 3;
  const sums = new Float32Array(length);
  const row = new Float32Array(length);
  const to = resized.data;
  let known = -1; // neighbouring areas share a row of the photo
  for (let y = 0; y < resized.height; y++) {
    for (let entry = rows.starts[y]; entry < rows.starts[y + 1]; entry++) {
      if (rows.pixels[entry] !== known) {
        known = rows.pixels[entry];
        shrinkRow(photo.data, known * photo.width * 3, columns, row);
      }
      const share = rows.shares[entry];
      if (entry === rows.starts[y]) {
        for (let x = 0; x < length; x++) sums[x] = share * row[x];
      } else {
        for (let x = 0; x < length; x++) sums[x] = round32(sums[x] + round32(share * row[x]));
      }
    }
    const place = y * length;
    for (let x = 0; x < length; x++) to[place + x] = sums[x] + ROUNDER - ROUNDER;
  }
  return resized;
}

/**
 * @param {Uint8Array} data @param {number} start Of the photo's row.
 * @param {ReturnType<typeof areaTable>} columns @param {Float32Array} row To write to.
 */
function shrinkRow(data, start, {starts, pixels, shares}, row) {
  for (let area = 0, place = 0, entry = 0; place < row.length; area++, place += 3) {
    let red = round32(0);
    let green = round32(0);
    let blue = round32(0);
    for (const end = starts[area + 1]; entry < end; entry++) {
      const share = shares[entry];
      const at = start + pixels[entry] * 3;
      red = round32(red + round32(data[at] * share));
      green = round32(green + round32(data[at + 1] * share));
      blue = round32(blue + round32(data[at + 2] * share));
    }
    row[place] = red;
    row[place + 1] = green;
    row[place + 2] = blue;
  }
}

/** @param {Photo} photo @param {number} y */
function enlargedRow({data, width}, y) {
  const row = new Int32Array(width * 6);
  const start = y * width * 3;
  for (let x = 0, to = 0; x < 2 * width; x++) {
    const near = start + (x >> 1) * 3;
    const place = Math.min(Math.max((x >> 1) + (x & 1 ? 1 : -1), 0), width - 1);
    for (let channel = 0; channel < 3; channel++, to++) {
      row[to] = 1536 * data[near + channel] + 512 * data[start + place * 3 + channel];
    }
  }
  return row;
}
