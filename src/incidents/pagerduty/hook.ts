/**
 * What PagerDuty tells by itself (https://developer.pagerduty.com/docs/webhooks-overview, version 3).
 * @module
 */
import * as z from 'zod';
import { JitError } from '../../core/errors.ts';
import type { Heard, IncidentSignal } from '../../core/incident.ts';
import type { Hook } from '../../core/hook.ts';
import type { Clock } from '../../core/ports.ts';
import { current, type Rotating } from '../../outbound/rotating.ts';
import { makeOnce } from '../once.ts';
import { ID } from './form.ts';
import { verifyPagerDuty } from './signature.ts';

/** It tries for 48 hours ("Webhook Behavior"); after that the same event is a replay, and no more than a reason to look. */
const REMEMBERED_MS = 49 * 3_600_000;
/** What is told later than this may have been true once: it is a reason to look, and says nothing by itself. */
const FRESH_MS = 300_000;

const id = z.string().regex(ID);
const callForm = z.object({
  event: z.object({
    id: z.string().regex(/^[\x21-\x7e]{1,128}$/),
    event_type: z.string().regex(/^[a-z_.]{1,100}$/),
    resource_type: z.string(),
    occurred_at: z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
    data: z.record(z.string(), z.unknown()),
  }),
});
type Event = z.infer<typeof callForm>['event'];

/** Where the incident is, by the types of `event.data` ("Event Data Types"). */
const itself = z.object({ type: z.literal('incident'), id });
const besides = z.object({ incident: z.object({ id }) });
const roles = z.object({ incident_role_assignments: z.array(besides).min(1) });

/** @param secrets of the subscription, as PagerDuty showed them when it was made. */
export function pagerDutyHook(
  source: string,
  secrets: readonly Rotating<string>[],
  now: Clock,
): (heard: Heard) => Hook {
  return (heard) => {
    const once = makeOnce(now, REMEMBERED_MS);
    return async ({ header, body }) => {
      verifyPagerDuty(header('x-pagerduty-signature'), body, current(secrets, now()));
      const event = eventOf(body);
      // By the id within what is signed: the header X-Webhook-Id is not.
      const incident = incidentOf(event);
      if (incident === null) return;
      const signal: IncidentSignal = { event: event.id, id: incident, says: saidBy(event, now()) };
      await once(event.id, async () => heard(source, [signal]));
    };
  };
}

function eventOf(body: Uint8Array): Event {
  try {
    return callForm.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))).event;
  } catch (cause) {
    throw new JitError({ code: 'ERR_BODY', message: 'this is no event of PagerDuty', cause });
  }
}

/** Null for events about something else, such as services and the test event `pagey.ping`, which are taken and say nothing. */
function incidentOf({ resource_type: about, data }: Event): string | null {
  if (about !== 'incident') return null;
  const own = itself.safeParse(data);
  if (own.success) return own.data.id;
  const [role] = roles.safeParse(data).data?.incident_role_assignments ?? [];
  return role?.incident.id ?? besides.safeParse(data).data?.incident.id ?? null;
}

function saidBy({ event_type: type, occurred_at: at }: Event, now: number): IncidentSignal['says'] {
  if (Math.abs(now - at) > FRESH_MS) return 'changed';
  if (type === 'incident.resolved') return 'closed';
  return type === 'incident.triggered' || type === 'incident.reopened' ? 'opened' : 'changed';
}
