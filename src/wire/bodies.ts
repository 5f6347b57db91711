/**
 * The bodies that the HTTP API takes. Unknown keys are errors: a misspelt field must never be silently ignored.
 * @module
 */
import * as z from 'zod';
import { LONGEST_SECONDS } from '../core/duration.ts';
import { incidentNameSchema, revokeIncidentBodySchema } from './emergencies.ts';

/** One of the `authorization_details` of RFC 9396, of jit's own type. */
export const detailSchema = z
  .strictObject({
    type: z.literal('jit_access'),
    operation: z
      .string()
      .min(1)
      .max(128)
      .describe('a catalogued operation or a provider permission such as s3:GetObject'),
    resources: z
      .array(z.string().min(1).max(2_048))
      .max(50)
      .describe("the provider's own identifiers, or name=value parameters of a catalogued operation"),
    target: z.string().min(1).max(63).optional().describe('a configured target, where it does not follow'),
  })
  .meta({ id: 'AuthorizationDetail' });

export const requestBodySchema = z
  .strictObject({
    authorization_details: z.array(detailSchema).min(1).max(10),
    seconds: z.int().min(1).max(LONGEST_SECONDS).describe('length of the grant, counted from issuance'),
    reason: z.string().min(1).max(2_000).describe('why; at most 1,000 characters'),
    ticket: z.string().max(64).optional(),
    incident: incidentNameSchema
      .optional()
      .describe('asks for emergency access, bound to this open incident: INC-7, or pagerduty/INC-7'),
  })
  .meta({ id: 'RequestBody' });

const seen = {
  hash: z.hex().length(64).describe('hash of the request as it was shown: the vote is for exactly this'),
  policy: z.string().min(1).max(64).describe('version of the policy under which it was shown'),
};

export const approveBodySchema = z
  .strictObject({
    ...seen,
    comment: z.string().min(1).max(2_000).optional(),
    attended: z
      .boolean()
      .describe('whether a person was shown the request and asked for it; false for what a script says by itself'),
  })
  .meta({ id: 'ApproveBody' });

export const denyBodySchema = z
  .strictObject({ ...seen, reason: z.string().min(1).max(2_000).describe('why; the requester reads it') })
  .meta({ id: 'DenyBody' });

export const selfServeBodySchema = z.strictObject(seen).meta({ id: 'SelfServeBody' });

export const revokeBodySchema = z
  .strictObject({ reason: z.enum(['revoked', 'completed']).describe('completed: the task is done') })
  .meta({ id: 'RevokeBody' });

export const renewBodySchema = z
  .strictObject({
    seconds: z.int().min(1).max(LONGEST_SECONDS).describe('length from now on; an end that is later already stays'),
  })
  .meta({ id: 'RenewBody' });

export const revocationsBodySchema = z
  .discriminatedUnion('scope', [
    z.strictObject({ scope: z.literal('mine').describe('every live grant of the caller') }),
    revokeIncidentBodySchema,
    z.strictObject({
      scope: z.literal('user').describe('every live grant of this user, as far as policy lets the caller end it'),
      issuer: z.string().min(1).max(2_048).optional().describe("the caller's own where it is left out"),
      subject: z.string().min(1).max(512),
    }),
  ])
  .meta({ id: 'RevocationsBody' });

/** What was used locally, counted by the keeper. It never says with what content. */
export const useBodySchema = z
  .strictObject({
    uses: z
      .array(
        z.strictObject({
          channel: z.enum(['process', 'endpoint', 'environment', 'file']),
          count: z.int().min(1).max(1_000_000),
          first: z.iso.datetime(),
          last: z.iso.datetime(),
        }),
      )
      .min(1)
      .max(16),
  })
  .meta({ id: 'UseBody' });

export type RequestBody = z.infer<typeof requestBodySchema>;
export type ApproveBody = z.infer<typeof approveBodySchema>;
export type DenyBody = z.infer<typeof denyBodySchema>;
export type SelfServeBody = z.infer<typeof selfServeBodySchema>;
export type RenewBody = z.infer<typeof renewBodySchema>;
export type RevokeBody = z.infer<typeof revokeBodySchema>;
export type RevocationsBody = z.infer<typeof revocationsBodySchema>;
export type UseBody = z.infer<typeof useBodySchema>;
