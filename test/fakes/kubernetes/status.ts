/**
 * The answers by which a Kubernetes API server says no.
 * @module
 */

/** An answer that is not what was asked for. */
export class Refusal extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }

  /** As the API server writes it. */
  body(): object {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      code: this.code,
    };
  }
}

export const notFound = (what: string): Refusal => new Refusal(404, 'NotFound', `${what} not found`);
export const invalid = (why: string): Refusal => new Refusal(422, 'Invalid', why);
export const conflict = (why: string): Refusal => new Refusal(409, 'Conflict', why);
export const forbidden = (why: string): Refusal => new Refusal(403, 'Forbidden', why);
export const badRequest = (why: string): Refusal => new Refusal(400, 'BadRequest', why);
