/** The page's arithmetic against the contract cases, which Python made. */

import assert from 'node:assert/strict';
import {refine, suppress, toSquare} from '../src/boxes.js';
import {MTCNN} from '../src/cascade.js';
import {agreeOnLandmarks} from '../src/consensus.js';
import {Cropper, Pyramid, pyramidLevels} from '../src/crops.js';
import {decide, nameFace, personScore, Tracks} from '../src/decision.js';
import {combine, cosine, normalize, pixelTables, unit} from '../src/embedder.js';
import {alignFace, similarity} from '../src/geometry.js';
import {checksum} from '../src/identity.js';
import {enlargeTwice, GREY, NORMALIZED, resizeArea} from '../src/pixels.js';
import {isPose} from '../src/poses.js';
import {headTurn, measure, reasonsAgainst} from '../src/quality.js';
import {importText} from '../src/transfer.js';
import {missingFrom} from '../src/gallery.js';
import {close, picture, sameBytes, topic} from './cases.mjs';

topic('area_resize', ({photo, width, height, expected}) => {
  sameBytes(resizeArea(picture(photo), width, height).data, picture(expected).data);
});

topic('enlarged', ({photo, factor, expected}) => {
  assert.equal(factor, 2);
  sameBytes(enlargeTwice(picture(photo)).data, picture(expected).data);
});

topic('pyramid', (one, {cell}) => {
  const photo = picture(one.photo);
  const {smallest_face: smallest, pyramid_factor: factor} = one;
  const sizes = pyramidLevels(photo.height, photo.width, cell, smallest, factor);
  assert.deepEqual(sizes, one.levels.map((/** @type {any} */ l) => ({height: l.height, width: l.width})));
  const pyramid = new Pyramid(photo);
  for (const {height, width, expected} of one.levels) {
    sameBytes(bytesOf(pyramid.level(height, width)), picture(expected).data);
  }
});

topic('warp', ({photo, side, to_photo: matrix, box, expected}) => {
  const cropper = new Cropper(picture(photo));
  const crops = box ? cropper.squares([box], side) : cropper.warped([matrix.flat()], side);
  sameBytes(bytesOf(crops), picture(expected).data);
});

topic('aligned', ({photo, landmarks, expected, ...geometry}) => {
  sameBytes(alignFace(picture(photo), landmarks, geometry), picture(expected).data);
});

topic('similarity', ({landmarks, template, fit, to_crop: expected}, {tolerance}) => {
  close(similarity(landmarks, template, fit), expected.flat(), tolerance);
});

topic('normalised', (one, {tolerance}) => {
  const crop = Uint8Array.from(one.pixels.flat(3));
  close(normalize(crop, pixelTables(one), one.channel_order), one.expected.flat(3), tolerance);
});

topic('boxes', ({boxes, scores, offsets, kept, refined, squares}, {tolerance}) => {
  for (const {threshold, denominator, indices} of kept) {
    assert.deepEqual(suppress(boxes, scores, threshold, denominator), indices);
  }
  close(boxes.map((/** @type {any} */ box, /** @type {number} */ i) => refine(box, offsets[i])), refined, tolerance);
  close(boxes.map(toSquare), squares, tolerance);
});

topic('consensus', async (one, {tolerance}) => {
  const answers = one.answers.map((/** @type {any} */ round) => round.map(points));
  /** @type {Float32Array[]} */
  const asked = [];
  const [agreed] = await agreeOnLandmarks(
    async (crops) => answers[asked.push(crops) - 1],
    new Cropper(picture(one.photo)),
    [one.box],
    [one.landmarks],
  );
  assert.equal(asked.length, one.rounds_asked);
  close(agreed.landmarks, one.agreed, tolerance.landmarks);
  close(agreed.confidence, one.confidence, tolerance.confidence);
  if (!one.upright) return;
  const bytes = bytesOf(asked[0]);
  const half = bytes.length / 2;
  sameBytes(bytes.subarray(0, half), picture(one.upright).data);
  sameBytes(bytes.subarray(half), picture(one.mirrored).data);
});

topic('cascade', async (one, {tolerance}) => {
  const script = scripted(one);
  const faces = await new MTCNN(script, one.settings).detect(picture(one.photo));
  assert.deepEqual(script.levels, one.levels_asked);
  assert.equal(faces.length, one.faces.length);
  faces.forEach((face, index) => {
    const expected = one.faces[index];
    close(face.box, expected.box, tolerance);
    close(face.landmarks, expected.landmarks, tolerance);
    close(face.score, expected.score, tolerance);
    close(face.confidence, expected.confidence, tolerance);
  });
});

topic('cosine', ({first, second, unit: expected, cosine: score}, {tolerance}) => {
  const [a, b] = [unit(first), unit(second)];
  assert.ok(a && b);
  close(a, expected, tolerance);
  close(cosine(a, b), score, tolerance);
});

topic('mirror', ({mirror, plain, mirrored, features}, {tolerance}) => {
  plain.forEach((/** @type {number[]} */ row, /** @type {number} */ index) => {
    const given = combine(Float32Array.from(row), Float32Array.from(mirrored[index]), mirror);
    close(given, features[index], tolerance);
  });
});

topic('verdict', ({score, threshold, different_below: limit, verdict}) => {
  assert.equal(decide(score, threshold, limit), verdict);
});

topic('naming', ({probe, rule, k, threshold, expected, empty}, {people, tolerance, different_below}) => {
  const direction = /** @type {Float32Array} */ (unit(probe));
  const candidates = (empty ? [] : people).map((/** @type {any} */ person) => {
    const scores = person.templates.map((/** @type {number[]} */ template) =>
      cosine(/** @type {Float32Array} */ (unit(template)), direction),
    );
    return {name: person.name, score: personScore(scores, rule, k)};
  });
  const {score, margin, ...words} = nameFace(candidates, threshold, different_below);
  const {score: expectedScore, margin: expectedMargin, ...expectedWords} = expected;
  assert.deepEqual(words, expectedWords);
  close(score, expectedScore, tolerance);
  close(margin, expectedMargin, tolerance);
});

topic('frames', ({frames}, {tolerance}) => {
  const tracks = new Tracks();
  for (const {faces, expected} of frames) {
    const shown = tracks.follow(faces.map((/** @type {any} */ {box, ...answer}) => ({box, answer})));
    shown.forEach(({id, decision, name, score}, index) => {
      const {track, score: expectedScore, ...words} = expected[index];
      assert.deepEqual({id, decision, name}, {id: track, ...words});
      close(score, expectedScore, tolerance);
    });
  }
});

topic('quality', ({name: _, codes, ...measured}) => {
  assert.deepEqual(reasonsAgainst(measured), codes);
});

topic('measures', ({crop, landmarks, score, confidence, expected}, {tolerance, eyes_needed}) => {
  const {data, width, height} = picture(crop);
  const template = /** @type {[number, number][]} */ ([[0, 0], [eyes_needed * 1.5, 0]]);
  const face = {box: /** @type {[number, number, number, number]} */ ([0, 0, 9, 9]), score, landmarks, confidence};
  const measured = measure(face, [], data, {width, height, template, fit: 'crop'});
  close(measured.eyes_needed, eyes_needed, 1e-9);
  for (const [key, value] of Object.entries(expected)) {
    close(Reflect.get(measured, key), value, tolerance[key] ?? 1e-9, key);
  }
});

topic('poses', ({landmarks, front_pitch: front, yaw, pitch, poses}, {tolerance}) => {
  const turn = headTurn(landmarks);
  close([turn.yaw, turn.pitch], [yaw, pitch], tolerance);
  const all = /** @type {const} */ (['front', 'left', 'right', 'up', 'down']);
  assert.deepEqual(all.filter((pose) => isPose(turn, pose, front)), poses);
});

topic('checksums', async ({parts, checksum: expected}) => {
  assert.equal(await checksum(parts), expected);
});

topic('imports', ({text, repeat, added}, {identity}) => {
  const content = repeat ? text ?? '['.repeat(repeat) : text;
  const take = () => missingFrom(importText(content, identity), () => undefined).length;
  if (added === null) assert.throws(take, {code: 'gallery'});
  else assert.equal(take(), added);
});

/** Bytes of normalised numbers. @param {Float32Array} numbers */
function bytesOf(numbers) {
  const places = new Map(Array.from(NORMALIZED, (value, byte) => [value, byte]));
  assert.equal(places.get(NORMALIZED[GREY]), GREY);
  return Uint8Array.from(numbers, (value) => Number(places.get(value)));
}

/** @param {(number | null)[]} answer Five x and five y. */
function points(answer) {
  return [0, 1, 2, 3, 4].map((i) => [answer[i] ?? NaN, answer[i + 5] ?? NaN]);
}

/** Networks that give prepared answers, in the order in which they are asked. @param {any} one */
function scripted({pnet, rnet, onet}) {
  const left = {rnet: [...rnet], onet: [...onet]};
  /** @type {number[][]} */
  const levels = [];
  const take = (/** @type {"rnet" | "onet"} */ name, /** @type {number} */ count) => {
    const answers = left[name].splice(0, count);
    assert.equal(answers.length, count, `${name}: too few answers`);
    const rows = (/** @type {string} */ key) => Float32Array.from(answers.flatMap((a) => a[key]));
    const probabilities = Float32Array.from(answers.flatMap((a) => [1 - a.score, a.score]));
    return [rows('offsets'), ...(name === 'onet' ? [rows('landmarks')] : []), probabilities];
  };
  return {
    levels,
    pnet: async (/** @type {Float32Array} */ _, /** @type {number} */ height, /** @type {number} */ width) => {
      levels.push([height, width]);
      const [rows, columns] = [height, width].map((side) => Math.ceil((side - 2) / 2) - 4);
      const outputs = [new Float32Array(rows * columns * 4), new Float32Array(rows * columns * 2)];
      const level = pnet.find((/** @type {any} */ l) => l.height === height && l.width === width);
      for (const {row, column, score, offsets} of level?.cells ?? []) {
        outputs[0].set(offsets, 4 * (row * columns + column));
        outputs[1][2 * (row * columns + column) + 1] = score;
      }
      return {outputs, rows, columns};
    },
    rnet: async (/** @type {Float32Array} */ _, /** @type {number} */ count) => take('rnet', count),
    onet: async (/** @type {Float32Array} */ _, /** @type {number} */ count) => take('onet', count),
  };
}
