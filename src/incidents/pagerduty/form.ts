/**
 * Answers of PagerDuty's REST API, version 2, as far as jit depends on them
 * (https://developer.pagerduty.com/api-reference, the schemas Incident, Oncall, User and Pagination).
 * @module
 */
import * as z from 'zod';

/** Ids are put into addresses, so they are held to letters and digits, and told from numbers. */
export const ID = /^(?=.*[A-Za-z])[A-Za-z0-9]{1,64}$/;
const id = z.string().regex(ID);
const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const words = z.string().nullish();

/** A reference has a summary only; with `include[]` a user comes whole, with name and e-mail address. */
const somebody = z.object({ id, type: z.string(), summary: words, name: words, email: words });
export type Somebody = z.infer<typeof somebody>;

export const incidentForm = z.object({
  id,
  incident_number: z.int().positive(),
  title: words,
  summary: words,
  created_at: time,
  status: z.enum(['triggered', 'acknowledged', 'resolved']),
  html_url: words,
  service: z.object({ id, summary: words }).nullish(),
  escalation_policy: z.object({ id }).nullish(),
  priority: z.object({ name: words, summary: words }).nullish(),
  assignments: z.array(z.object({ assignee: somebody })),
  acknowledgements: z.array(z.object({ acknowledger: somebody })).nullish(),
  /** Missing where the account has no responder requests. */
  incidents_responders: z.array(z.object({ state: z.string(), user: somebody })).nullish(),
  /** The only published type is `merge_resolve_reason`; its incident is the one that it became part of. */
  resolve_reason: z.object({ type: z.string(), incident: z.object({ id }).nullish() }).nullish(),
});
export type PagerDutyIncident = z.infer<typeof incidentForm>;

export const shownForm = z.object({ incident: incidentForm });
/** Classic pagination (https://developer.pagerduty.com/docs/pagination): `more` is always true or false. */
export const listForm = z.object({ incidents: z.array(incidentForm), more: z.boolean() });
export const onCallForm = z.object({
  oncalls: z.array(
    z.object({
      user: somebody,
      escalation_policy: z.object({ id }),
      escalation_level: z.int().positive(),
    }),
  ),
  more: z.boolean(),
});
export const userForm = z.object({ user: somebody });
