/**
 * How this stand-in for Google Cloud says no.
 * @module
 */

/** An answer that is no success, in Google's words. */
export class Refusal extends Error {
  readonly http: number;
  readonly status: string;

  constructor(http: number, status: string, message: string) {
    super(message);
    this.http = http;
    this.status = status;
  }
}
