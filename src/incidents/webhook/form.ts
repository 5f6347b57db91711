/**
 * The form in which a program of the operator's own tells of an incident, and answers when it is asked: `README.md` beside this
 * folder says it in words.
 * @module
 */
import * as z from 'zod';
import type { Incident, Severity, SourcePerson } from '../../core/incident.ts';

/** What such an incident is called. It stands in addresses, so it is narrow. */
export const REPORT_ID = /^[A-Za-z0-9#][A-Za-z0-9._:-]{0,127}$/;

const MOST = 200;

const line = z.string().regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,200}$/u);
const id = z.string().regex(REPORT_ID);
const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const person = z.strictObject({
  id: z.string().regex(/^[\x21-\x7e]{1,128}$/),
  name: line,
  email: z
    .string()
    .max(254)
    .regex(/^[\x21-\x3f\x41-\x7e]+@[\x21-\x3f\x41-\x7e]+$/)
    .nullable()
    .default(null),
});
const people = z.array(person).max(MOST).default([]);

export const reportForm = z.strictObject({
  id,
  /** Left out, it is the id. */
  reference: id.optional(),
  title: line,
  state: z.enum(['open', 'closed']),
  /** One of the names that the configuration ranks. */
  severity: line.nullable().default(null),
  services: z.array(line).max(MOST).default([]),
  responders: people,
  commanders: people,
  on_call: z
    .array(person.extend({ tier: z.int().min(1).max(20) }))
    .max(MOST)
    .default([]),
  opened_at: time,
  updated_at: time,
  url: z
    .url({ protocol: /^https$/ })
    .max(2_000)
    .nullable()
    .default(null),
  merged_into: id.nullable().default(null),
});

export type Report = z.infer<typeof reportForm>;

export interface ReportFacts {
  /** The name of the source. */
  readonly source: string;
  readonly severities: ReadonlyMap<string, Severity>;
  readonly tiers: ReadonlySet<number>;
}

/** What has become part of another incident is over, whatever is said of its state. */
export function stateOf({ state, merged_into: mergedInto }: Report): 'open' | 'closed' {
  return mergedInto === null ? state : 'closed';
}

export function incidentOf(report: Report, { source, severities, tiers }: ReportFacts): Incident {
  const { title, severity, services, commanders, url } = report;
  const state = stateOf(report);
  const onCall = state === 'closed' ? [] : report.on_call.filter(({ tier }) => tiers.has(tier));
  return {
    source,
    id: report.id,
    reference: report.reference ?? report.id,
    title,
    state,
    severity: severity === null ? null : (severities.get(severity) ?? null),
    services,
    responders: eachOnce([...report.responders, ...commanders]),
    commanders: eachOnce(commanders),
    onCall,
    openedAt: report.opened_at,
    url,
    mergedInto: report.merged_into,
  };
}

function eachOnce(list: readonly SourcePerson[]): readonly SourcePerson[] {
  return [...new Map(list.map((each) => [each.id, each])).values()];
}
