/**
 * What people call an incident of PagerDuty.
 * @module
 */

/** Its number is unique within an account, and stands as well as the id where an incident is asked for (`GET /incidents/{id}`). */
export type Reference =
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'id'; readonly id: string };

/** No account has more; a number that its database cannot hold might be answered with a failure, and be taken for an outage. */
const NUMBER = /^(?:PD-|#)?([1-9]\d{0,8})$/;
/** Such as PT4KHLK or Q0SDD3HB6SGFTI. */
const ID = /^[A-Z][A-Z0-9]{5,31}$/;

/** `PD-123`, `#123`, `123` or an id; null for what can be none of PagerDuty's. */
export function readReference(text: string): Reference | null {
  const [, digits] = NUMBER.exec(text) ?? [];
  if (digits !== undefined) return { kind: 'number', number: Number(digits) };
  return ID.test(text) ? { kind: 'id', id: text } : null;
}
