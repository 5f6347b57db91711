/**
 * Alerts and who is on call, as Jira Service Management
 * (https://developer.atlassian.com/cloud/jira/service-desk-ops/rest/v2/api-group-alerts/) and Opsgenie before it
 * (https://docs.opsgenie.com/docs/alert-api) answer about them. What is not looked at may be there or not.
 * @module
 */
import * as z from 'zod';

/** Of an alert: a UUID, which older alerts have a time in ms behind. */
export const ALERT_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:-\d{10,16})?$/;
/** What people call it. A number can be used again for another alert in time. */
export const TINY_ID = /^#?(\d{1,18})$/;

const text = z.string().max(1_000);

/** Teams, escalations and schedules have ids, and so have people. */
const responder = z.object({ type: z.string().max(50), id: z.string().max(128).optional() });

const alert = z.object({
  id: z.string().regex(ALERT_ID),
  tinyId: z.string().regex(/^\d{1,18}$/),
  message: text,
  /** An alert that somebody has acknowledged is open still. */
  status: z.enum(['open', 'closed']),
  priority: text.nullish(),
  tags: z.array(text).max(1_000).nullish(),
  entity: text.nullish(),
  createdAt: z.iso.datetime({ offset: true }).transform((at) => Date.parse(at)),
  responders: z.array(responder).max(1_000).nullish(),
});

export type Alert = z.infer<typeof alert>;

const participant = z.object({
  type: z.string().max(50),
  id: z.string().max(128).optional(),
  /** Of Opsgenie: of somebody their user name, which is an e-mail address. */
  name: text.nullish(),
  /** Of Opsgenie: how long after the alert this step of an escalation comes. */
  escalationTime: z.number().nullish(),
});
const listOf = <T extends z.ZodType>(form: T): z.ZodArray<T> => z.array(form).max(200);
/** A team or an escalation in a schedule, and an escalation in a team: what is nested deeper is nobody who is called at once. */
const group = participant.extend({ onCallParticipants: listOf(participant).nullish() });
const duty = z.object({ onCallParticipants: listOf(group.extend({ onCallParticipants: listOf(group).nullish() })) });

type Participant = z.infer<typeof participant> & {
  readonly onCallParticipants?: readonly Participant[] | null | undefined;
};

export interface JsmForms {
  readonly alert: z.ZodType<Alert>;
  /** `more`: whether there is another page. */
  readonly page: z.ZodType<{ readonly alerts: readonly Alert[]; readonly more: boolean }>;
  readonly onCall: z.ZodType<z.infer<typeof duty>>;
}

const alerts = z.array(alert).max(100);
const next = z.object({ next: text.nullish() }).nullish();
const isMore = (links: z.infer<typeof next>): boolean => typeof links?.next === 'string' && links.next !== '';

export const JSM_FORMS: JsmForms = {
  alert,
  page: z
    .object({ values: alerts, links: next })
    .transform(({ values, links }) => ({ alerts: values, more: isMore(links) })),
  onCall: duty,
};

export const OPSGENIE_FORMS: JsmForms = {
  alert: z.object({ data: alert }).transform(({ data }) => data),
  page: z
    .object({ data: alerts, paging: next })
    .transform(({ data, paging }) => ({ alerts: data, more: isMore(paging) })),
  onCall: z.object({ data: duty }).transform(({ data }) => data),
};

export interface OnDuty {
  readonly id: string;
  readonly name: string | null;
}

/** Everybody who is called at once: not those whom an escalation calls later. */
export function peopleOnDuty(list: readonly Participant[]): readonly OnDuty[] {
  return list
    .filter(({ escalationTime }) => (escalationTime ?? 0) === 0)
    .flatMap(({ type, id, name, onCallParticipants }) =>
      type === 'user' && id !== undefined && id !== ''
        ? [{ id, name: name ?? null }]
        : peopleOnDuty(onCallParticipants ?? []),
    );
}
