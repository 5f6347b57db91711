/**
 * What a decision is about, in the words that rules can use.
 * @module
 */
import { ACCESS_LEVELS, type Assessment, BREADTHS } from '../core/access.ts';
import type { Target } from '../core/ports.ts';
import type { Principal } from '../core/principal.ts';
import type { Permission } from '../core/request.ts';

/** In rising order. What an operation in the catalogue declares about itself; a raw permission is `medium`. */
export const RISKS = ['low', 'medium', 'high'] as const;
export type Risk = (typeof RISKS)[number];

/** The attributes of the context whose values are a closed list: a rule that compares with anything else is a mistake. */
export const CLOSED_VALUES: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ['access', ACCESS_LEVELS],
  ['breadth', BREADTHS],
  ['risk', RISKS],
  ['requesterKind', ['user', 'workload', 'agent']],
]);

/** One permission of a request, with everything about it that a rule may look at. The reason and the ticket's text are left out on purpose. */
export interface Question {
  readonly principal: Principal;
  readonly target: Pick<Target, 'name' | 'provider' | 'environment' | 'sandbox' | 'tags'>;
  readonly permission: Permission;
  readonly assessment: Assessment;
  readonly operation: { readonly named: boolean; readonly risk: Risk };
  /** How long the grant is to last, in whole seconds. */
  readonly seconds: number;
  readonly hasTicket: boolean;
  /** As `reasonLength` counts it. Rules see no reason, but a permit can ask for more than a word. */
  readonly reasonLength: number;
  /** Epoch ms by the broker's clock, for the hours of rules. */
  readonly now: number;
}

/** How many characters a reason has, without the white space around it. */
export function reasonLength(reason: string): number {
  return Array.from(reason.trim()).length;
}
