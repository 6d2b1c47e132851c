/** The exchange file of a gallery, names, and the hint of a moving head. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Tracks} from '../src/decision.js';
import {missingFrom} from '../src/gallery.js';
import {Liveness} from '../src/liveness.js';
import {personKey} from '../src/person_names.js';
import {exportText, importText} from '../src/transfer.js';

const IDENTITY = {
  variant: 'none',
  mirror: /** @type {const} */ ('none'),
  feature_dim: 3,
  crop_size: /** @type {[number, number]} */ ([112, 96]),
  crops: '1'.repeat(64),
  features: '2'.repeat(64),
};
const QUALITY = {
  score: 0.99, eyes: 40.5, brightness: 120, sharpness: 0.2, turn: -0.1,
  landmark_confidence: null,
};

/** @param {...number} numbers */
const template = (...numbers) => ({
  feature: Float32Array.from(numbers),
  source: 'photo.jpg',
  added: '2026-11-30T12:00:00Z',
  quality: QUALITY,
});

test('an exported gallery is imported bit by bit', () => {
  const people = [
    {name: 'Ada', templates: [template(0.1, -1e-30, 3), template(1, 2, 3)]},
    {name: '<b>Zoë</b>', templates: [template(Math.PI, 0, -0)]},
  ];
  assert.deepEqual(importText(exportText(IDENTITY, people), IDENTITY), people);
});

test('templates that are there are passed over, under either spelling of the name', () => {
  const there = new Map([['Zoë', {name: 'Zoë', rows: [template(1, 2, 3)]}]]);
  const file = [{name: 'Zoe\u0308', templates: [template(1, 2, 3), template(1, 2, 4)]}];
  const missing = missingFrom(file, (key) => there.get(key));
  assert.deepEqual(missing.map(({name, template: {feature}}) => [name, ...feature]), [['Zoë', 1, 2, 4]]);
});

test('a file of another bundle says so, an encrypted one too', () => {
  const text = exportText(IDENTITY, []);
  const other = {...IDENTITY, features: '3'.repeat(64)};
  assert.throws(() => importText(text, other), {code: 'gallery', message: /never compared/});
  const sealed = 'tf_sphereface encrypted gallery 1\n\u0000';
  assert.throws(() => importText(sealed, IDENTITY), {code: 'gallery', message: /encrypted/});
});

test('names are one line of text', () => {
  assert.equal(personKey('e\u0301'), 'é');
  for (const name of ['', ' Ada', 'a\nb', 'a\u202eb', '\ud800', 'a\u00a0b', 'x'.repeat(201), 7]) {
    assert.throws(() => personKey(name), {code: 'name'}, JSON.stringify(name));
  }
  assert.equal(personKey('👩'.repeat(200)), '👩'.repeat(200));
  assert.throws(() => personKey('x'.repeat(230)), {message: /1 to 200 characters; this one has 230/});
});

test('a head that turns is a hint, a still one is not', () => {
  const liveness = new Liveness();
  assert.equal(liveness.of(1, 0.0, 0), 'none');
  assert.equal(liveness.of(1, 0.1, 500), 'none');
  assert.equal(liveness.of(2, 0.3, 600), 'none', 'another face');
  assert.equal(liveness.of(1, 0.25, 1000), 'turned');
  assert.equal(liveness.of(1, 0.25, 6000), 'none', 'forgotten');
});

test('a face that moves by less than half of itself keeps its name', () => {
  const tracks = new Tracks();
  const answer = {decision: /** @type {const} */ ('known'), name: 'Ada', nearest: 'Ada', score: 0.5, margin: null};
  const ids = [0, 50, 105].map((x) => {
    const box = /** @type {[number, number, number, number]} */ ([x, 0, x + 100, 100]);
    return tracks.follow([{box, answer}])[0].id;
  });
  // Overlaps of 50 / 150 and of 45 / 155, on both sides of 0.3.
  assert.deepEqual(ids, [1, 1, 2]);
});
