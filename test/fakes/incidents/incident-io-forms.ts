/**
 * The forms in which incident.io shows things (https://docs.incident.io/api-reference).
 * @module
 */
import { json } from './service.ts';

export interface IncidentIoUser {
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
}

export type Category = 'triage' | 'live' | 'paused' | 'learning' | 'closed' | 'declined' | 'merged' | 'canceled';
export type Role = 'lead' | 'reporter' | 'custom';

/** One incident, as the service keeps it. */
export interface IncidentIoState {
  readonly id: string;
  readonly number: number;
  readonly title: string;
  readonly service: string | null;
  readonly severity: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly category: Category;
  readonly mode: 'standard' | 'retrospective' | 'test' | 'tutorial';
  readonly visibility: 'public' | 'private';
  readonly roles: readonly { readonly user: string; readonly role: Role }[];
  readonly updates: readonly {
    readonly id: string;
    readonly category: Category;
    readonly mergedInto: string | null;
    readonly at: number;
  }[];
}

export const time = (at: number): string => new Date(at).toISOString();

export const statusIn = (category: Category): object => ({
  id: '01FCNDV6P870EA6S7TK1DSYD5H',
  name: category,
  description: '',
  category,
  rank: 4,
  created_at: time(0),
  updated_at: time(0),
});

export const referenceOf = (number: number): string => `INC-${number}`;

/** @param userIn how somebody is shown. */
export function incidentIn(state: IncidentIoState, userIn: (id: string) => object): object {
  const option = {
    id: '01FCNDV6P870EA6S7TK1DSYDG1',
    custom_field_id: '01FCNDV6P870EA6S7TK1DSYDG0',
    sort_key: 10,
    value: state.service ?? '',
  };
  const service = {
    id: '01FCNDV6P870EA6S7TK1DSYDG0',
    name: 'Affected services',
    description: '',
    field_type: 'multi_select',
    options: [option],
  };
  const impact = { ...service, name: 'Customer impact', field_type: 'text', options: [] };
  return {
    id: state.id,
    reference: referenceOf(state.number),
    name: state.title,
    mode: state.mode,
    visibility: state.visibility,
    created_at: time(state.createdAt),
    updated_at: time(state.updatedAt),
    permalink: `https://app.incident.io/acme/incidents/${state.number}`,
    slack_channel_id: 'C02AW36C1M5',
    slack_team_id: 'T02A1FSLE8J',
    creator: { api_key: { id: '01FCNDV6P870EA6S7TK1DSYDG0', name: 'key' } },
    incident_status: statusIn(state.category),
    ...(state.severity === null
      ? {}
      : {
          severity: {
            id: '01FCNDV6P870EA6S7TK1DSYDG0',
            name: state.severity,
            description: '',
            rank: 3,
            created_at: time(0),
            updated_at: time(0),
          },
        }),
    incident_role_assignments: [
      { role: roleIn('custom') },
      ...state.roles.map(({ user, role }) => ({ role: roleIn(role), assignee: userIn(user) })),
    ],
    custom_field_entries: [
      { custom_field: service, values: state.service === null ? [] : [{ value_option: option }] },
      { custom_field: impact, values: [{ value_text: 'all of them' }] },
    ],
  };
}

const roleIn = (type: Role): object => ({
  id: '01FCNDV6P870EA6S7TK1DSYDG0',
  name: type,
  role_type: type,
  shortform: type,
  description: '',
  instructions: '',
  created_at: time(0),
  updated_at: time(0),
});

/** Errors as published ("Errors" of the introduction). */
export function problem(status: number, type: string, code: string): Response {
  const body = { type, status, request_id: '8e3cc412-b49d-4957-9073-2c19d2c61804', errors: [{ code, message: code }] };
  return json(body, status);
}
