/** The contract cases, and comparisons by their tolerances. */

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {test} from 'node:test';
import {readPNG} from './png.mjs';

export const FOLDER = fileURLToPath(new URL('../../contract/', import.meta.url));

/**
 * Runs a check over all cases of a topic.
 * @param {string} name
 * @param {(one: any, topic: any) => unknown} check
 */
export function topic(name, check) {
  const document = JSON.parse(readFileSync(`${FOLDER}${name}.json`, 'utf8'));
  test(name, async (t) => {
    assert.ok(document.cases.length > 0);
    for (const one of document.cases) {
      await t.test(one.name, async () => {
        await check(one, document);
      });
    }
  });
}

/** @param {string} file */
export const picture = (file) => readPNG(FOLDER + file);

/**
 * @param {any} given @param {any} expected @param {number} tolerance
 * @param {string} [path]
 */
export function close(given, expected, tolerance, path = '') {
  if (typeof expected === 'number') {
    assert.ok(Math.abs(given - expected) <= tolerance, `${path}: ${given}, not ${expected}`);
  } else if (typeof expected === 'object' && expected !== null) {
    assert.equal(given?.length, expected.length, path);
    for (const key of Object.keys(expected)) {
      close(given[key], expected[key], tolerance, `${path}.${key}`);
    }
  } else {
    assert.equal(given, expected, path);
  }
}

/**
 * Bytes that differ: none, unless more is allowed. This page computes in OpenCV's order,
 * so that the cases' own tolerance, which is for others, is not asked.
 * @param {ArrayLike<number>} given @param {ArrayLike<number>} expected
 */
export function sameBytes(given, expected) {
  assert.equal(given.length, expected.length);
  let different = 0;
  for (let i = 0; i < given.length; i++) if (given[i] !== expected[i]) different++;
  assert.equal(different, 0, `${different} of ${given.length} bytes differ`);
}
