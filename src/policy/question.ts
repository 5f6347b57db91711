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

/** The severity of an incident for which none is known. */
export const UNKNOWN_SEVERITY = 9;

/** An incident as rules see it: what its source says, from where the requester stands. */
export interface IncidentFacts {
  /** The name of the source in the configuration. */
  readonly source: string;
  readonly open: boolean;
  /** 1 (the most severe) to 5; 9 where it is not known. */
  readonly severity: number;
  /** In the source's own names. */
  readonly services: readonly string[];
  /** Whether the requester works on it; commanders do. */
  readonly responder: boolean;
  readonly commander: boolean;
  /** 1 for who is called first; 0 for who is not on call for it. */
  readonly onCallTier: number;
  /** False only where the source cannot be reached: then a permit counts only if it has a sealed path, and see `believed`. */
  readonly verified: boolean;
  /** Whether it is an exercise. */
  readonly drill: boolean;
}

/** What rules are shown: of what could not be verified only which source it would be of, and whether it is an exercise. */
export function believed(facts: IncidentFacts): IncidentFacts {
  if (facts.verified) return facts;
  const { source, drill } = facts;
  return { source, drill, verified: false, open: false, ...UNKNOWN };
}

const UNKNOWN = { severity: UNKNOWN_SEVERITY, services: [], responder: false, commander: false, onCallTier: 0 };

/** One permission of an emergency request. */
export interface EmergencyQuestion extends Question {
  readonly incident: IncidentFacts;
}

/** Whether a question is one of an emergency. */
export function isEmergency(question: Question): question is EmergencyQuestion {
  return 'incident' in question;
}

/** A grant of somebody else at one target, which is to end. */
export interface RevokeQuestion {
  readonly holder: Principal;
  readonly target: Question['target'];
  /** Epoch ms by the broker's clock, for the hours of rules. */
  readonly now: number;
}

/** How many characters a reason has, without the white space around it. */
export function reasonLength(reason: string): number {
  return Array.from(reason.trim()).length;
}
