/** The form for a credential. */
import { signIn } from './api.js';
import { h, put } from './dom.js';

/**
 * @param {HTMLElement} main
 * @param {{ readonly challenge: string, readonly wrong: boolean, readonly done: () => void }} options
 */
export function showLogin(main, { challenge, wrong, done }) {
  const asksName = challenge === '' || /^Basic/i.test(challenge);
  const takesToken = challenge === '' || /Bearer/i.test(challenge);
  const name = h('input', {
    ...{ id: 'name', name: 'username', autocomplete: 'username', spellcheck: 'false' },
    required: !takesToken,
  });
  const secret = h('input', {
    ...{ id: 'secret', name: 'password', type: 'password', autocomplete: 'current-password' },
    ...{ required: true, 'aria-describedby': 'kept' },
  });
  const form = h(
    'form',
    {
      class: 'login card',
      submit: (event) => {
        event.preventDefault();
        signIn(asksName ? name.value.trim() : '', secret.value.trim());
        done();
      },
    },
    h('h1', {}, 'Sign in'),
    h(
      'p',
      { class: 'muted' },
      takesToken
        ? 'Use the token of a binding to see its app or space, or an operator’s password to see everything.'
        : 'Use an operator’s name and password.',
    ),
    wrong && h('p', { class: 'error', role: 'alert' }, 'This credential was not accepted.'),
    asksName &&
      h('label', { for: 'name' }, takesToken ? 'Operator’s name (none for a token)' : 'Name'),
    asksName && name,
    h('label', { for: 'secret' }, takesToken ? 'Token or password' : 'Password'),
    secret,
    h('button', { class: 'primary', type: 'submit' }, 'Sign in'),
    h('p', { id: 'kept', class: 'muted small' }, 'It is kept in this tab only.'),
  );
  put(main, form);
  (asksName && !takesToken ? name : secret).focus();
}
