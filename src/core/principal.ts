/**
 * Who asks, always as verified by the broker and never as claimed in a body.
 * @module
 */

/** A person is identified by issuer and subject together; the name is for display and for the cloud's own records. */
export interface Principal {
  readonly kind: 'user' | 'workload' | 'agent';
  /** Exact issuer: an OIDC issuer URL, or `os` for the user of the embedded broker. */
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  /** Groups from verified claims only. */
  readonly groups: readonly string[];
}

export function samePrincipal(a: Principal, b: Principal): boolean {
  return a.issuer === b.issuer && a.subject === b.subject;
}
