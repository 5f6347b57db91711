/**
 * What incident.io tells by itself (https://docs.incident.io/api-reference/webhooks), signed as Standard Webhooks by Svix. Calls may
 * come out of order and more than once, and those about private incidents hold no more than an id.
 * @module
 */
import * as z from 'zod';
import { JitError } from '../../core/errors.ts';
import type { Hook } from '../../core/hook.ts';
import type { Heard, IncidentSignal } from '../../core/incident.ts';
import type { Clock } from '../../core/ports.ts';
import { current, type Rotating } from '../../outbound/rotating.ts';
import { SIGNED_FOR_MS, verifySigned } from '../../outbound/standard-webhooks.ts';
import { makeOnce } from '../once.ts';
import { ID, statusForm } from './form.ts';
import { isOpen } from './status.ts';

/** It tries for 24 hours, each time signed anew under the same id. */
const REMEMBERED_MS = 25 * 3_600_000 + SIGNED_FOR_MS;
/** What is told later than this may have been true once: it is a reason to look, and says nothing by itself. */
const FRESH_MS = 300_000;

/** Of an incident itself. Whatever else there is, such as follow-ups, actions and alerts, is taken and says nothing. */
const ABOUT = /^(?:public|private)_incident\.incident_(created|updated|status_updated)_v2$/;

const callForm = z.looseObject({ event_type: z.string().regex(/^[a-z0-9_.]{1,100}$/) });

const about = z.object({
  id: z.string().regex(ID),
  incident_status: statusForm.optional(),
  updated_at: z.iso.datetime({ offset: true }).optional(),
});
/** A change of status holds the incident beside the status; all others are the incident. */
const changeForm = z.object({ incident: about, new_status: statusForm.optional() });
const payloadForm = z.union([changeForm, about.transform((incident) => ({ incident, new_status: undefined }))]);

/** @param secrets of the endpoint. */
export function incidentIoHook(
  source: string,
  secrets: readonly Rotating<Uint8Array>[],
  now: Clock,
): (heard: Heard) => Hook {
  return (heard) => {
    const once = makeOnce(now, REMEMBERED_MS);
    return async (call) => {
      const { id: event } = verifySigned(call, current(secrets, now()), now());
      const told = readCall(call.body, now());
      if (told === null) return;
      await once(event, async () => heard(source, [{ event, ...told }]));
    };
  };
}

function readCall(body: Uint8Array, now: number): Omit<IncidentSignal, 'event'> | null {
  try {
    const call = callForm.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)));
    const [, kind] = ABOUT.exec(call.event_type) ?? [];
    if (kind === undefined) return null;
    const { incident, new_status: status = incident.incident_status } = payloadForm.parse(call[call.event_type]);
    const fresh = incident.updated_at !== undefined && Math.abs(now - Date.parse(incident.updated_at)) <= FRESH_MS;
    if (status !== undefined && !isOpen(status)) return { id: incident.id, says: fresh ? 'closed' : 'changed' };
    return { id: incident.id, says: kind === 'created' ? 'opened' : 'changed' };
  } catch (cause) {
    throw new JitError({ code: 'ERR_BODY', message: 'this is no event of incident.io', cause });
  }
}
