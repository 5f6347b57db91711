/**
 * Why a grant is over, where there is more to say than that it is.
 * @module
 */
import { JitError } from '../core/errors.ts';
import type { CloseReason } from '../core/grant.ts';

// What a service calls an incident goes into notifications, where nothing is escaped.
const PLAIN = /^[\w#.:/-]{1,64}$/;

/** `incident INC-7 is closed`, fit for any place. @param reference as its source calls it. */
export function incidentClosed(reference: string): string {
  return PLAIN.test(reference) ? `incident ${reference} is closed` : 'its incident is closed';
}

/** @param incident the reference of the incident that the grant was for, or null. @returns null where there is nothing to add. */
export function whyOver(reason: string | null, incident: string | null): string | null {
  const closed: CloseReason = 'incident-closed';
  return reason === closed && incident !== null ? incidentClosed(incident) : null;
}

/** `ERR_GRANT_ENDED`. @param why as `whyOver` gives it. @param broker the shared broker that it is about. */
export function overError(why: string | null, broker?: string): JitError {
  return new JitError({
    code: 'ERR_GRANT_ENDED',
    message: why === null ? 'the grant has ended' : `the grant has ended: ${why}`,
    hint: 'ask anew with: jit request',
    broker,
  });
}
