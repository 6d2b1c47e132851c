/** Names of people: what may be one, and the one spelling by which a person is found. */

import {DemoError} from './protocol.js';

const LONGEST_NAME = 200; // characters
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;
// Zero-width joiners are part of the spelling of Persian and Sinhala names, and of emoji;
// elsewhere two names with and without one look the same.
const JOINERS = /(?<=[^\u0000-\u024f\u200c\u200d])[\u200c\u200d](?=[^\u0000-\u024f\u200c\u200d])/gu;

/**
 * The reason why a text is no name of a person, or null.
 * @param {unknown} name
 */
export function whyNoName(name) {
  const length = typeof name === 'string' ? [...name].length : 0;
  const valid =
    typeof name === 'string' && !HIDDEN.test(name.replace(JOINERS, '')) && name === name.trim() &&
    length > 0 && length <= LONGEST_NAME;
  if (valid) return null;
  const found = length > LONGEST_NAME ? `; this one has ${length}` : '';
  return (
    `a name must have no control characters, no spaces at its ends, and 1 to ${LONGEST_NAME} ` +
    `characters${found}`
  );
}

/**
 * The one spelling of a name by which a person is found.
 * @param {unknown} name
 */
export function personKey(name) {
  const reason = whyNoName(name);
  if (reason) throw new DemoError('name', reason);
  return String(name).normalize('NFC');
}
