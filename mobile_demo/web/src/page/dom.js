/** Elements of the page: found by their id, made, and filled with text alone. */

/**
 * The element of an id.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {string} id
 * @param {T} tag Its tag.
 * @returns {HTMLElementTagNameMap[T]}
 */
export function byId(id, tag) {
  const found = document.getElementById(id);
  if (!found || found.localName !== tag) throw new Error(`no <${tag} id=${id}>`);
  return /** @type {HTMLElementTagNameMap[T]} */ (found);
}

/**
 * A new element; strings among its children are text, never markup.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string>} [attributes]
 * @param {(string | Node)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/**
 * A button that calls a function.
 *
 * @param {string} text
 * @param {() => void} action
 * @param {Record<string, string>} [attributes]
 */
export function button(text, action, attributes = {}) {
  const made = make('button', {type: 'button', ...attributes}, text);
  made.addEventListener('click', action);
  return made;
}

/**
 * A name in its own direction of writing.
 *
 * @param {string} name
 */
export const named = (name) => make('bdi', {}, name);

/**
 * Sets a text if it differs, so that a screen reader is not told it again.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
