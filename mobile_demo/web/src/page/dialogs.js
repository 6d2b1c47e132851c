/** The one dialog: a question with an answer, perhaps a text. */

import {byId, setText} from './dom.js';

/**
 * Asks and waits.
 *
 * @param {object} question
 * @param {string} question.title
 * @param {string} question.text
 * @param {string} question.yes Text of the button that agrees.
 * @param {{label: string, value: string}} [question.field] A text to be given.
 * @returns {Promise<string | null>} The text ("" without a field), or null.
 */
export function ask({title, text, yes, field}) {
  const dialog = byId('dialog', 'dialog');
  const input = byId('dialog-input', 'input');
  setText(byId('dialog-title', 'h2'), title);
  setText(byId('dialog-text', 'p'), text);
  setText(byId('dialog-yes', 'button'), yes);
  byId('dialog-field', 'label').hidden = !field;
  setText(byId('dialog-label', 'span'), field?.label ?? '');
  input.value = field?.value ?? '';
  dialog.showModal();
  (field ? input : byId('dialog-no', 'button')).focus();
  return new Promise((resolve) => {
    const end = new AbortController();
    /** @param {string | null} answer */
    const close = (answer) => {
      end.abort();
      dialog.close();
      resolve(answer);
    };
    const {signal} = end;
    const agree = () => close(field ? input.value : '');
    byId('dialog-yes', 'button').addEventListener('click', agree, {signal});
    byId('dialog-no', 'button').addEventListener('click', () => close(null), {signal});
    input.addEventListener('keydown', (event) => event.key === 'Enter' && agree(), {signal});
    dialog.addEventListener('close', () => close(null), {signal});
  });
}
