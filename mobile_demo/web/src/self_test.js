/** The golden faces of a bundle: what this browser must compute again. */

/** @typedef {import('./contract.js').Bundle} Bundle */
/** @typedef {import('./embedder.js').Embedder} Embedder */
/** @typedef {import('./geometry.js').Point} Point */
/** @typedef {import('./pixels.js').Photo} Photo */
/** @typedef {import('./protocol.js').SelfTestRow} SelfTestRow */

/**
 * @typedef {object} GoldenFace
 * @property {string} photo
 * @property {string} crop
 * @property {{photo: string, crop: string}} sha256
 * @property {{landmarks: Point[]} | null} detected
 * @property {Point[]} landmarks True ones, by which the crop was cut.
 * @property {Record<string, number[]>} embeddings
 */

// As `sphereface bundle verify` has them.
const LANDMARKS = 0.1; // pixels
const GREY_LEVELS = 1;
const FLOAT = 0.01; // of the embedding's length
const LEAST_INTEGER = 0.1;
const EXACT = ['none', 'fp16'];

/**
 * Greatest distance of an embedding from the stored one, of its length.
 * @param {string} variant
 * @param {{min_cosine: number}} drift
 */
export function tolerance(variant, drift) {
  if (EXACT.includes(variant)) return FLOAT;
  // Unit vectors of a cosine c are sqrt(2 - 2 c) apart.
  return Math.max(LEAST_INTEGER, Math.sqrt(2 - 2 * drift.min_cosine));
}

/**
 * @param {Bundle} bundle
 * @param {Embedder} embedder With the bundle's own settings.
 * @param {(content: Uint8Array<ArrayBuffer>) => Promise<Photo>} decode
 * @param {import('./contract.js').Progress} progress
 */
export async function selfTest(bundle, embedder, decode, progress) {
  const golden = await bundle.content(bundle.contract.golden);
  /** @type {GoldenFace[]} */
  const faces = JSON.parse(new TextDecoder().decode(golden)).faces;
  /** @type {SelfTestRow[]} */
  const rows = [];
  for (const [index, face] of faces.entries()) {
    const photo = await decode(await bundle.picture(face.photo, face.sha256.photo));
    const crop = await decode(await bundle.picture(face.crop, face.sha256.crop));
    for (const [check, value, limit] of await checks(embedder, face, photo, crop)) {
      rows.push({photo: face.photo, check, value, limit, ok: value <= limit});
    }
    progress('self-test', index + 1, faces.length);
  }
  return {ok: rows.length > 0 && rows.every((row) => row.ok), rows};
}

/**
 * @param {Embedder} embedder @param {GoldenFace} face
 * @param {Photo} photo @param {Photo} crop
 * @returns {Promise<[string, number, number][]>} Check, value, and its limit.
 */
async function checks(embedder, face, photo, crop) {
  const {variant, contract} = embedder;
  const found = await embedder.findFaces(photo);
  const expected = face.embeddings[variant] ?? [];
  const away = distance(await embedder.embedding(crop.data), expected);
  const aligned = embedder.cropFace(photo, {
    box: [0, 0, 0, 0],
    score: 1,
    landmarks: face.landmarks,
    confidence: null,
  });
  return [
    face.detected
      ? ['landmarks', farthest(found[0]?.landmarks, face.detected.landmarks), LANDMARKS]
      : ['faces', found.length, 0],
    ['crop', greatestDifference(aligned, crop.data), GREY_LEVELS],
    [`embedding of ${variant}`, away, tolerance(variant, contract.variants[variant].drift)],
  ];
}

/** @param {Point[] | undefined} points @param {Point[]} expected */
function farthest(points, expected) {
  if (!points) return Infinity;
  return Math.max(...points.map(([x, y], i) => Math.hypot(x - expected[i][0], y - expected[i][1])));
}

/** @param {Uint8Array} bytes @param {Uint8Array} expected */
function greatestDifference(bytes, expected) {
  if (bytes.length !== expected.length) return Infinity;
  return bytes.reduce((most, byte, i) => Math.max(most, Math.abs(byte - expected[i])), 0);
}

/** @param {ArrayLike<number>} embedding @param {number[]} expected */
function distance(embedding, expected) {
  if (embedding.length !== expected.length) return Infinity;
  let [apart, length] = [0, 0];
  expected.forEach((value, index) => {
    apart += (embedding[index] - value) ** 2;
    length += value ** 2;
  });
  const away = Math.sqrt(apart / length);
  return Number.isNaN(away) ? Infinity : away; // NaN differs
}
