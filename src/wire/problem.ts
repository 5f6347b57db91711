/**
 * Errors over HTTP: RFC 9457 problem details to and from `JitError`.
 * @module
 */
import * as z from 'zod';
import { type ErrorCode, isErrorCode, JitError } from '../core/errors.ts';

export const PROBLEM_TYPE = 'application/problem+json';

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string().max(4_096),
    status: z.int(),
    code: z.string(),
    hint: z.string().max(4_096).optional(),
    subject: z.string().max(64).optional(),
  })
  .meta({ id: 'Problem' });

export type Problem = z.infer<typeof problemSchema>;

export function toProblem(error: JitError): Problem {
  return {
    type: `urn:jit:error:${error.code}`,
    title: error.message,
    status: error.facts.http,
    code: error.code,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.subject === undefined ? {} : { subject: error.subject }),
  };
}

/** Never throws: a reply that is not one of our problems becomes `ERR_BROKER_REPLY` naming the status only. */
export function fromProblem(status: number, body: unknown): JitError {
  const parsed = problemSchema.safeParse(body);
  if (!parsed.success || !isErrorCode(parsed.data.code)) {
    return new JitError({ code: fallback(status), message: `the broker answered with status ${status}` });
  }
  const { title, code, hint, subject } = parsed.data;
  return new JitError({ code, message: title, hint, subject });
}

function fallback(status: number): ErrorCode {
  return status === 502 || status === 503 || status === 504 ? 'ERR_BROKER_UNREACHABLE' : 'ERR_BROKER_REPLY';
}
