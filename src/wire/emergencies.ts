/**
 * What the HTTP API takes and replies about incidents, emergency access, its reviews, and drills. Times are RFC 3339 UTC.
 * @module
 */
import * as z from 'zod';
import { VERDICTS } from '../core/incident.ts';
import { grantViewSchema, outcomeSchema, personSchema, requestViewSchema } from './views.ts';

const time = z.iso.datetime();
const name = z.string().max(256);
const line = z.string().max(4_096);

/** `INC-7`, or `pagerduty/INC-7`. */
export const incidentNameSchema = z.string().min(1).max(192);

export const revokeIncidentBodySchema = z
  .strictObject({
    scope: z.literal('incident').describe('every grant of one incident that the caller may end'),
    incident: incidentNameSchema.describe('INC-7, or pagerduty/INC-7'),
  })
  .meta({ id: 'RevokeIncidentBody' });

/** An incident, as its source has it. All text in it is the source's: it is escaped before it is shown. */
export const incidentViewSchema = z.strictObject({
  source: name,
  id: name,
  /** As people call it. */
  reference: name,
  title: line,
  state: z.enum(['open', 'closed']),
  /** 1 is the most severe; null where it has none that is known. */
  severity: z.int().min(1).max(5).nullable(),
  services: z.array(line),
  /** These three are about the caller. */
  responder: z.boolean(),
  commander: z.boolean(),
  /** 1 for whoever is called first; 0: not on call for it. */
  onCallTier: z.int().nonnegative(),
  openedAt: time,
  /** Its page at the source. */
  url: line.nullable(),
});

/** Newest first. */
export const incidentListSchema = z.strictObject({
  items: z.array(incidentViewSchema),
  /** Names of the sources that give no answer: there may be more. */
  silent: z.array(name),
});

/** One incident with its emergency access. */
export const incidentPageSchema = z.strictObject({
  /** Null where its source gives no answer or does not know it any more. */
  incident: incidentViewSchema.nullable(),
  source: name,
  /** The source's own; of one that could not be looked up yet, its reference. */
  id: name,
  reference: name,
  /** Its requests that the caller may see, newest first. */
  items: z.array(outcomeSchema),
  /** How many of their grants are live and the caller's to end. */
  revocable: z.int().nonnegative(),
  /** Live grants of it that are not, and go on whatever the caller ends. */
  kept: z.int().nonnegative(),
});

/** What has been ended: each grant of the incident that is not gone yet, to be followed by its id. */
export const revocationViewSchema = z.strictObject({
  items: z.array(outcomeSchema),
  /** Live grants of it that are not the caller's to end, and go on. */
  kept: z.int().nonnegative(),
});

export const reviewBodySchema = z
  .strictObject({
    hash: z.hex().length(64).describe('hash of the request as it was shown: the verdict is on exactly this'),
    verdict: z.enum(VERDICTS),
    comment: z.string().min(1).max(2_000).describe('why; at most 1,000 characters'),
  })
  .meta({ id: 'ReviewBody' });

/** The review of one emergency access. */
export const reviewItemSchema = z.strictObject({
  request: requestViewSchema,
  grant: grantViewSchema.nullable(),
  openedAt: time,
  closed: z.strictObject({ at: time, by: personSchema, verdict: z.enum(VERDICTS), comment: line }).nullable(),
  /** Whether the caller may close it now: it is somebody else's, and over. */
  can: z.boolean(),
});

/** The longest open first. */
export const reviewListSchema = z.strictObject({ items: z.array(reviewItemSchema) });

export type RevokeIncidentBody = z.infer<typeof revokeIncidentBodySchema>;
export type IncidentView = z.infer<typeof incidentViewSchema>;
export type IncidentList = z.infer<typeof incidentListSchema>;
export type IncidentPage = z.infer<typeof incidentPageSchema>;
export type RevocationView = z.infer<typeof revocationViewSchema>;
export type ReviewBody = z.infer<typeof reviewBodySchema>;
export type ReviewItem = z.infer<typeof reviewItemSchema>;
export type ReviewList = z.infer<typeof reviewListSchema>;
