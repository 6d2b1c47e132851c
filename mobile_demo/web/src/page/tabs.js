/** The tabs: one panel at a time; arrows, Home and End move between them. */

/**
 * Makes the tabs of a list work.
 *
 * @param {Element} list
 * @param {(name: string) => void} onSelect Gets the name behind "tab-".
 * @returns {(name: string) => void} Selects a tab.
 */
export function makeTabs(list, onSelect) {
  const tabs = /** @type {HTMLElement[]} */ ([...list.querySelectorAll('[role="tab"]')]);
  /** @param {HTMLElement} tab */
  const select = (tab) => {
    for (const each of tabs) {
      const chosen = each === tab;
      each.setAttribute('aria-selected', String(chosen));
      each.tabIndex = chosen ? 0 : -1;
      const panel = document.getElementById(each.getAttribute('aria-controls') ?? '');
      if (panel) panel.hidden = !chosen;
    }
    onSelect(tab.id.replace('tab-', ''));
  };
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener('click', () => select(tab));
    tab.addEventListener('keydown', ({key}) => {
      const places = {ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: -1};
      if (!(key in places)) return;
      const place = places[/** @type {keyof typeof places} */ (key)];
      const next = tabs[(place + tabs.length) % tabs.length];
      select(next);
      next.focus();
    });
  }
  return (name) => {
    const tab = tabs.find(({id}) => id === `tab-${name}`);
    if (tab) select(tab);
  };
}
