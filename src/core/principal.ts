/**
 * Who asks, always as verified by the broker and never as claimed in a body.
 * @module
 */

/** Somebody is identified by issuer and subject together; the name is for display and for the cloud's own records. */
export interface Principal {
  readonly kind: 'user' | 'workload' | 'agent';
  /** Exact issuer: an OIDC issuer URL, or `os` for the user of the embedded broker. */
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  /** Groups from verified claims only. */
  readonly groups: readonly string[];
  /** The person for whom an agent acts, verified as well (the other side of `act`, RFC 8693 section 4.1). Never nested. */
  readonly actsFor?: Person;
}

export type Person = Omit<Principal, 'actsFor'> & { readonly kind: 'user' };

/** What identifies: an agent that acts for one person is somebody else than the same agent acting for another. */
export type PrincipalKey = Pick<Principal, 'issuer' | 'subject'> & {
  readonly actsFor?: Pick<Person, 'issuer' | 'subject'>;
};

export function samePrincipal(a: PrincipalKey, b: PrincipalKey): boolean {
  return sameSubject(a, b) && sameSubject(a.actsFor, b.actsFor);
}

/** Whether `owner` is `principal`, or an agent that acts for them: people see and end what is done in their name. */
export function answersFor(principal: PrincipalKey, owner: PrincipalKey): boolean {
  if (samePrincipal(principal, owner)) return true;
  return principal.actsFor === undefined && owner.actsFor !== undefined && sameSubject(principal, owner.actsFor);
}

type Subject = Pick<Principal, 'issuer' | 'subject'> | undefined;

function sameSubject(a: Subject, b: Subject): boolean {
  return a?.issuer === b?.issuer && a?.subject === b?.subject;
}
