/** Makes elements. Text only ever becomes text: nothing here parses HTML. */

/**
 * @typedef {Node | string | number | undefined | false} Child
 * @typedef {Record<string, string | boolean | number | undefined | ((event: Event) => void)>} Attributes
 */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes] functions become listeners
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...textOf(children));
  return element;
}

/**
 * Replaces the content, and keeps the focus on the element with the same `data-key`.
 *
 * @param {Element} parent
 * @param {...Child} children
 */
export function put(parent, ...children) {
  const active = document.activeElement;
  const key = active && parent.contains(active) ? active.getAttribute('data-key') : null;
  parent.replaceChildren(...textOf(children));
  if (key === null) return;
  for (const one of parent.querySelectorAll('[data-key]')) {
    if (one.getAttribute('data-key') === key && one instanceof HTMLElement) one.focus();
  }
}

/**
 * @param {string} id of an element of `index.html`
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element ${id}`);
  return found;
}

/** @param {readonly Child[]} children */
function textOf(children) {
  return children
    .filter((child) => child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
