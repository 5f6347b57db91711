/**
 * Who somebody is at Google: from issuer and subject only, by an exact list or by a template of the operator.
 * @module
 */
import type { Principal } from '../../core/principal.ts';
import { EMAIL_OF_ACCOUNT } from './role-names.ts';

/** One line of the configuration. `subject` null: any subject of the issuer, put into the template. */
export interface MemberRule {
  readonly issuer: string;
  readonly subject: string | null;
  /** A principal as in IAM's bindings; in a template with `{subject}` once, at its end. */
  readonly member: string;
}

const HOLE = '{subject}';
const EMAIL = /^[a-z0-9][a-z0-9._%+-]{0,63}@[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i;
// IAM, "Principal identifiers". The subject of a pool is at most 127 bytes; what is allowed here needs no escaping anywhere.
const POOL_SUBJECT = /^[A-Za-z0-9._@+=-]{1,127}$/;
const POOL =
  /^principal:\/\/iam\.googleapis\.com\/(?:locations\/global\/workforcePools\/[a-z0-9-]{6,63}|projects\/\d{1,20}\/locations\/global\/workloadIdentityPools\/[a-z0-9-]{4,32})\/subject\/$/;

/**
 * Reads `"<issuer> <subject>": member`.
 * @returns the rule, or one sentence about what is wrong.
 */
export function readMember(key: string, member: string): MemberRule | string {
  const cut = key.indexOf(' ');
  const [issuer, subject] = [key.slice(0, cut), key.slice(cut + 1)];
  if (cut <= 0 || subject === '' || subject !== subject.trim()) {
    return `people: write each as "<issuer> <subject>", and not ${JSON.stringify(key.slice(0, 80))}`;
  }
  const spelled = spell(member);
  if (spelled === null) return `people: ${JSON.stringify(member.slice(0, 120))} ${EXPECTED}`;
  return { issuer, subject, member: spelled };
}

/** @returns the rule, or one sentence about what is wrong. */
export function readTemplate(issuer: string, member: string): MemberRule | string {
  const start = member.slice(0, -HOLE.length);
  if (!member.endsWith(HOLE) || (start !== 'user:' && start !== 'serviceAccount:' && !POOL.test(start))) {
    return `members: ${JSON.stringify(member.slice(0, 160))} is not user:{subject}, serviceAccount:{subject} or principal://…/subject/{subject}`;
  }
  return { issuer, subject: null, member };
}

const EXPECTED = 'is not one person or service account: user:…, serviceAccount:… or principal://…/subject/…';

/**
 * The principal in Google's spelling. Never the display name, and for an agent never the person behind it: what the agent
 * may do is given to the agent's own identity.
 * @returns null where the configuration knows nobody of that issuer and subject, or the subject fits into no principal.
 */
export function memberOf(
  rules: readonly MemberRule[],
  { issuer, subject }: Pick<Principal, 'issuer' | 'subject'>,
): string | null {
  const exact = rules.find((rule) => rule.issuer === issuer && rule.subject === subject);
  if (exact !== undefined) return exact.member;
  const template = rules.find((rule) => rule.issuer === issuer && rule.subject === null);
  return template === undefined ? null : spell(template.member.slice(0, -HOLE.length) + subject);
}

/** Whether two principals are one to IAM, which keeps addresses in lower case and subjects as they are. */
export function sameMember(a: string, b: string): boolean {
  return a === b || (/^(?:user|serviceAccount):/.test(a) && a.toLowerCase() === b.toLowerCase());
}

/** Everything but exactly one person or account is refused: no group, no domain, not everybody. */
function spell(member: string): string | null {
  const [, kind, rest = ''] = /^(user:|serviceAccount:)(.*)$/s.exec(member) ?? [];
  if (kind === 'user:')
    return EMAIL.test(rest) && !rest.toLowerCase().endsWith('.gserviceaccount.com') ? kind + rest.toLowerCase() : null;
  if (kind === 'serviceAccount:') return EMAIL_OF_ACCOUNT.test(rest) ? member : null;
  const end = member.lastIndexOf('/') + 1;
  return POOL.test(member.slice(0, end)) && POOL_SUBJECT.test(member.slice(end)) ? member : null;
}
