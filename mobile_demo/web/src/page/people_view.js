/** The people of the gallery, with their templates: renamed, deleted, carried elsewhere. */

import {button, byId, make, named, setText} from './dom.js';
import {ask} from './dialogs.js';
import {plural} from './words.js';

/** @typedef {import('../protocol.js').PersonInfo} PersonInfo */
/** @typedef {import('../protocol.js').TemplateInfo} TemplateInfo */
/** @typedef {import('./app.js').App} App */

export class PeopleView {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    /** @type {Set<string>} Names whose templates are shown. */
    this.opened = new Set();
    app.addEventListener('state', () => this.show());
    app.addEventListener('tested', () => this.show());
    byId('export', 'button').addEventListener('click', () => this.#export());
    byId('import', 'button').addEventListener('click', () => byId('import-file', 'input').click());
    byId('import-file', 'input').addEventListener('change', () => this.#import());
    byId('persist', 'button').addEventListener('click', () => this.#persist());
  }

  show() {
    const {people, state} = this.app;
    byId('no-people', 'p').hidden = people.length > 0;
    setText(
      byId('count', 'span'),
      people.length ? `${plural(people.length, 'person', 'people')}, ${plural(this.app.templates, 'template')}` : '',
    );
    byId('people', 'ul').replaceChildren(...people.map((person) => this.#row(person)));
    byId('export', 'button').disabled = people.length === 0;
    byId('import', 'button').disabled = !state;
    this.#showPersistence();
  }

  #showPersistence() {
    const {people, state} = this.app;
    const lost = people.length > 0 && state !== null && !state.persisted;
    byId('persistence', 'p').hidden = !lost;
    byId('persist', 'button').hidden = !lost;
    setText(
      byId('persistence', 'p'),
      'The browser has not promised to keep them: it may delete them when space runs short. ' +
        'Export them, or ask it.',
    );
  }

  /** @param {PersonInfo} person */
  #row({name, templates}) {
    const details = make(
      'details',
      {},
      make(
        'summary',
        {},
        named(name),
        make('span', {class: 'count'}, plural(templates.length, 'template')),
      ),
      make(
        'div',
        {class: 'body'},
        make('ul', {class: 'templates'}, ...templates.map((each) => this.#template(name, each))),
        make(
          'div',
          {class: 'row'},
          button('Rename', () => this.#rename(name), {class: 'small'}),
          button('Delete person', () => this.#forget(name), {
            class: 'small danger',
            'aria-label': `Delete person ${name}`,
          }),
        ),
      ),
    );
    details.open = this.opened.has(name);
    details.addEventListener('toggle', () => {
      if (details.open) this.opened.add(name);
      else this.opened.delete(name);
    });
    return make('li', {}, details);
  }

  /**
   * @param {string} name
   * @param {TemplateInfo} template
   */
  #template(name, {id, source, time, pose}) {
    const words = [pose ?? 'photo', source, dated(time)].filter(Boolean).join(', ');
    return make(
      'li',
      {},
      make('span', {}, words),
      button('Delete', () => this.#forgetTemplate(name, id), {
        class: 'small danger',
        'aria-label': `Delete the template of ${name}: ${words}`,
      }),
    );
  }

  /** @param {string} name */
  async #rename(name) {
    const to = await ask({
      title: 'Rename',
      text: name,
      yes: 'Rename',
      field: {label: 'New name', value: name},
    });
    if (to === null || to.trim() === name) return;
    await this.app.attempt('Not renamed.', async () => {
      this.app.setPeople(await this.app.client.ask('rename', {name, to: to.trim()}));
    });
  }

  /** @param {string} name */
  async #forget(name) {
    const text =
      `${name} and all templates are deleted from this browser. ` +
      'Files that were exported are not.';
    if ((await ask({title: 'Delete for good?', text, yes: 'Delete'})) === null) return;
    await this.app.attempt('Not deleted.', async () => {
      this.app.setPeople(await this.app.client.ask('forget', {name}));
      this.app.announcer.say(`${name} is deleted`);
    });
  }

  /**
   * @param {string} name
   * @param {string} templateId
   */
  async #forgetTemplate(name, templateId) {
    await this.app.attempt('Not deleted.', async () => {
      this.app.setPeople(await this.app.client.ask('forget', {name, templateId}));
      this.app.announcer.say(`A template of ${name} is deleted`);
    });
  }

  async #export() {
    await this.app.attempt('Not exported.', async () => {
      const {blob} = await this.app.client.ask('exportGallery', {});
      const url = URL.createObjectURL(blob);
      const link = make('a', {href: url, download: 'people.json'});
      document.body.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    });
  }

  async #import() {
    const input = byId('import-file', 'input');
    const blob = input.files?.[0];
    input.value = '';
    if (!blob) return;
    this.app.notices.clear('imported');
    await this.app.attempt('Not imported; nobody was changed.', async () => {
      const {people, templates} = await this.app.client.ask('importGallery', {blob});
      await this.app.refreshPeople();
      this.app.notices.show(
        'imported',
        'note',
        'Imported.',
        `${plural(people, 'person', 'people')}, ${plural(templates, 'new template')}.`,
      );
    });
  }

  async #persist() {
    if (await this.app.persist()) return;
    this.app.notices.show(
      'persist',
      'note',
      'The browser does not promise it.',
      'Browsers do so for pages on the home screen, or that are often used. Export people to be sure.',
    );
  }
}

/** @param {string} time */
function dated(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? '' : date.toLocaleString(undefined, {dateStyle: 'medium', timeStyle: 'short'});
}
