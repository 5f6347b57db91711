/**
 * What a permission amounts to, in terms that policy and people share across providers.
 * @module
 */
import type { Permission } from './request.ts';

/** From harmless to able to hand out access; the order matters. Named after AWS's access levels. */
export const ACCESS_LEVELS = ['list', 'read', 'tagging', 'write', 'permissions'] as const;
export type AccessLevel = (typeof ACCESS_LEVELS)[number];

/**
 * How far wildcards reach: `exact` names whole resources; `within` has a wildcard only below one named resource
 * (a bucket's objects); `broad` may match resources that nobody has named.
 */
export const BREADTHS = ['exact', 'within', 'broad'] as const;
export type Breadth = (typeof BREADTHS)[number];

/** A provider's judgement of one permission. */
export interface Assessment {
  readonly access: AccessLevel;
  readonly breadth: Breadth;
}

/** A permission as its provider spells it, and what it amounts to. */
export interface Assessed {
  /** What is decided on, hashed, recorded and issued: two spellings of one action must not be two things to a rule. */
  readonly permission: Permission;
  readonly assessment: Assessment;
}

/** The later of two values in a rising scale. */
export function highest<T extends string>(scale: readonly T[], values: readonly T[]): T | undefined {
  return values.toSorted((a, b) => scale.indexOf(b) - scale.indexOf(a))[0];
}

/** What becomes of credentials that are already out when a grant ends early. */
export type RevocationClass =
  | { readonly kind: 'immediate' }
  /** Access is gone within this many seconds. */
  | { readonly kind: 'within'; readonly seconds: number }
  | { readonly kind: 'expiry-only' };

/** What would be issued at one target, shown before anybody decides. */
export interface Plan {
  readonly target: string;
  /** The narrowed permission in the provider's own language, exactly as it will be issued but for the end time. */
  readonly permission: string;
  /** The same in plain words, one fact a line. */
  readonly words: readonly string[];
  readonly assessment: Assessment;
  /** The shortest life that the cloud gives a credential; the permission inside it still ends with the grant. */
  readonly floorSeconds: number;
  /** How long access may outlive the grant's end, at worst. */
  readonly residualSeconds: number;
  readonly revocation: RevocationClass;
}
