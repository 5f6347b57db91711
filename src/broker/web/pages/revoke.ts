/**
 * The button that ends access.
 * @module
 */
import { html } from 'hono/html';
import type { GrantView } from '../../../wire/views.ts';
import { ROOT } from '../address.ts';
import { field, type Frame } from './layout.ts';
import type { Html } from './text.ts';

/** Nothing for access that is ending already. */
export function revokeForm(
  { href, viewer }: Frame,
  { id, state }: Pick<GrantView, 'id' | 'state'>,
  word = 'Revoke now',
): Html | null {
  if (viewer === null || (state !== 'active' && state !== 'issuing')) return null;
  return html`<form method="post" action="${href(`${ROOT}/grants/${id}/revoke`)}">
    ${field('form', viewer.form)}<button class="danger">${word}<span class="unseen"> access ${id}</span></button>
  </form>`;
}
