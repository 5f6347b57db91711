/**
 * What people call an incident of incident.io.
 * @module
 */

/**
 * An incident is asked for by its id or by "the numeric part of its reference"
 * (https://docs.incident.io/api-reference/incidents-v2/show).
 */
export type Reference =
  | { readonly kind: 'reference'; readonly reference: string; readonly number: string }
  | { readonly kind: 'id'; readonly id: string };

/** `INC-` unless the account has another prefix. */
const REFERENCE = /^[A-Z][A-Z0-9]{0,15}-([1-9]\d{0,8})$/;
/** A ULID, such as 01FDAG4SAP5TYPT98WGR2N7W91: what is above the largest is none, and its refusal might be taken for an outage. */
const ID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** `INC-123` or an id; null for what can be none of incident.io's. */
export function readReference(text: string): Reference | null {
  const [, number] = REFERENCE.exec(text) ?? [];
  if (number !== undefined) return { kind: 'reference', reference: text, number };
  return ID.test(text) ? { kind: 'id', id: text } : null;
}
