/** Notices above the picture, and what a screen reader is told. */

import {button, byId, make} from './dom.js';

/** @typedef {"error" | "note"} Kind */
/** @typedef {{text: string, action: () => void}} Action */

const SILENCE = 1500; // ms between two announcements

export class Notices {
  constructor() {
    this.place = byId('notices', 'div');
    /** @type {Map<string, HTMLElement>} */
    this.shown = new Map();
  }

  /**
   * Shows a notice in place of the one of that key.
   *
   * @param {string} key
   * @param {Kind} kind
   * @param {string} title
   * @param {string} text
   * @param {Action | null} [action]
   */
  show(key, kind, title, text, action = null) {
    this.clear(key);
    const notice = make(
      'div',
      {class: 'notice', 'data-kind': kind, 'data-key': key, role: 'alert'},
      make('p', {}, make('strong', {}, title), ` ${text}`),
      button('×', () => this.clear(key), {class: 'close', 'aria-label': 'Close the notice'}),
    );
    if (action) {
      const act = button(action.text, () => {
        this.clear(key);
        action.action();
      });
      notice.append(make('div', {class: 'row'}, act));
    }
    this.shown.set(key, notice);
    this.place.append(notice);
  }

  /** @param {string} key */
  clear(key) {
    this.shown.get(key)?.remove();
    this.shown.delete(key);
  }
}

/** Tells a screen reader what has changed, the last word of a while alone. */
export class Announcer {
  constructor() {
    this.live = byId('live', 'div');
    this.next = '';
    this.timer = 0;
  }

  /** @param {string} text */
  say(text) {
    this.next = text;
    if (this.timer) return;
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      if (this.live.textContent !== this.next) this.live.textContent = this.next;
    }, SILENCE);
  }
}
