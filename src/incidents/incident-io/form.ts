/**
 * Answers of incident.io's API, version 2, as far as jit depends on them (https://docs.incident.io/api-reference, the schemas
 * IncidentV2, IncidentUpdateV2, EscalationV2, EscalationPathV2, ScheduleV2 and UserV2). It may change the length and form of ids.
 * @module
 */
import * as z from 'zod';

/** Ids are put into addresses, so they are held to what needs no encoding. */
export const ID = /^[A-Za-z0-9_-]{1,64}$/;
const id = z.string().regex(ID);
const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const somebody = z.object({ id, name: z.string(), email: z.string().nullish() });
export type Somebody = z.infer<typeof somebody>;

/** "All statuses apart from live and learning are managed by incident.io and cannot be configured." */
const CATEGORIES = ['triage', 'live', 'paused', 'learning', 'closed', 'declined', 'merged', 'canceled'] as const;
export type Category = (typeof CATEGORIES)[number];
export const statusForm = z.object({ category: z.enum(CATEGORIES) });

const valueForm = z.object({
  value_option: z.object({ value: z.string() }).nullish(),
  value_catalog_entry: z.object({ name: z.string() }).nullish(),
});

export const incidentForm = z.object({
  id,
  reference: z.string().regex(/^[!-~]{1,64}$/),
  name: z.string(),
  mode: z.enum(['standard', 'retrospective', 'test', 'tutorial']),
  created_at: time,
  permalink: z.string().nullish(),
  incident_status: statusForm,
  severity: z.object({ name: z.string() }).nullish(),
  incident_role_assignments: z.array(
    z.object({
      role: z.object({ role_type: z.enum(['lead', 'reporter', 'custom']) }),
      /** Missing where nobody has the role. */
      assignee: somebody.nullish(),
    }),
  ),
  custom_field_entries: z.array(z.object({ custom_field: z.object({ name: z.string() }), values: z.array(valueForm) })),
});
export type IncidentIoIncident = z.infer<typeof incidentForm>;

/** Cursor pagination: `after` is passed on for the next page, and there is none after the last. */
const paging = z.object({ after: z.string().max(512).nullish() }).nullish();

export const shownForm = z.object({ incident: incidentForm });
export const listForm = z.object({ incidents: z.array(incidentForm), pagination_meta: paging });
export const updatesForm = z.object({
  incident_updates: z.array(z.object({ incident_id: id, created_at: time, merged_into_incident_id: id.nullish() })),
  pagination_meta: paging,
});
export const escalationsForm = z.object({
  escalations: z.array(z.object({ escalation_path_id: id.nullish(), related_incidents: z.array(z.object({ id })) })),
  pagination_meta: paging,
});

/** Nodes are read one level at a time: how deep they are nested is for the sender to say. */
const nodes = z.array(z.unknown());
export const pathForm = z.object({ escalation_path: z.object({ id, path: nodes }) });
export const nodeForm = z.object({
  type: z.string(),
  level: z
    .object({
      targets: z.array(
        z.object({ type: z.string(), id, schedule_mode: z.string().nullish(), selected_rota_id: id.nullish() }),
      ),
    })
    .nullish(),
  if_else: z.object({ then_path: nodes, else_path: nodes }).nullish(),
});

export const scheduleForm = z.object({
  schedule: z.object({
    id,
    current_shifts: z.array(z.object({ rotation_id: id.nullish(), user: somebody.nullish() })).nullish(),
  }),
});
export const userForm = z.object({ user: somebody.extend({ is_active: z.boolean() }) });
