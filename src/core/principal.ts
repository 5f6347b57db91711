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
  /**
   * Names the person behind several accounts, from a verified claim that the operator chose for it; left out where none was.
   * It is used for one thing: that nobody counts as two people.
   */
  readonly personKey?: string;
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

/**
 * Whether two accounts count as one person where distinct people are demanded. Errs towards one: accounts of one issuer whose
 * subjects differ in case, Unicode form or invisible characters only are the same person here, though not the same identity.
 */
export function samePerson(a: Human, b: Human): boolean {
  if (
    a.personKey !== undefined &&
    b.personKey !== undefined &&
    foldedIdentity(a.personKey) === foldedIdentity(b.personKey)
  )
    return true;
  return (
    foldedIdentity(a.issuer) === foldedIdentity(b.issuer) && foldedIdentity(a.subject) === foldedIdentity(b.subject)
  );
}

type Human = Pick<Principal, 'issuer' | 'subject'> & { readonly personKey?: string };

const UNSEEN = /\p{Default_Ignorable_Code_Point}/gu;
const MARKED_I = /i\p{M}+/gu;

/** There and back again: upper case joins letters that lower case does not (the sharp s, the final sigma), and the other way round. */
export function foldedIdentity(text: string): string {
  const plain = text.normalize('NFKD').replaceAll(UNSEEN, '').toLowerCase().toUpperCase().toLowerCase();
  // In lower case the Turkish capital I keeps its dot as a mark of its own.
  return plain
    .replaceAll(MARKED_I, (marked) => marked.replaceAll('\u0307', ''))
    .normalize('NFKD')
    .trim();
}

type Subject = Pick<Principal, 'issuer' | 'subject'> | undefined;

function sameSubject(a: Subject, b: Subject): boolean {
  return a?.issuer === b?.issuer && a?.subject === b?.subject;
}
