/**
 * Incidents, as the services by which people are called to them have it. Emergency access lives and dies with one of them.
 * @module
 */
import type { Hook } from './hook.ts';

/** One incident for good: `source` as configured, `id` the source's own, which never changes. */
export interface IncidentRef {
  readonly source: string;
  readonly id: string;
}

/** How somebody stands to an incident. */
export interface Standing {
  readonly responder: boolean;
  readonly commander: boolean;
  /** 1 for whoever is called first, 0 for who is not on call. */
  readonly onCallTier: number;
}

/** The incident that an emergency request is for, for good. */
export interface BoundIncident {
  readonly source: string;
  /** Null where the source could not be asked: then it is found by its reference as soon as the source answers. */
  readonly id: string | null;
  /** As people call it; where `id` is null, as it was typed. */
  readonly reference: string;
  /** The requester's, when access was asked for. */
  readonly standing: Standing;
}

/** What people make of emergency access afterwards. */
export const VERDICTS = ['justified', 'unjustified'] as const;
export type ReviewVerdict = (typeof VERDICTS)[number];

/** Name of the source of exercises, which reach sandboxes and nothing else. No other source can have it. */
export const DRILLS = 'drill';

/** 1 is the most severe. */
export type Severity = 1 | 2 | 3 | 4 | 5;

/** Somebody as a source knows them: who that is at the broker is for its configuration to say. */
export interface SourcePerson {
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
}

export interface OnCallPerson extends SourcePerson {
  /** 1 for whoever is called first. */
  readonly tier: number;
}

export interface Incident extends IncidentRef {
  /** As people call it, such as `INC-7` or `#1234`. */
  readonly reference: string;
  readonly title: string;
  readonly state: 'open' | 'closed';
  /** Null where the source has none for it, or one that the configuration does not rank. */
  readonly severity: Severity | null;
  /** What is hit, in the source's own names. */
  readonly services: readonly string[];
  /** Who works on it, those who lead it included. */
  readonly responders: readonly SourcePerson[];
  readonly commanders: readonly SourcePerson[];
  /** Who is on call for it at this moment, of the tiers that the configuration counts. Asked for an open one only; else empty. */
  readonly onCall: readonly OnCallPerson[];
  /** Epoch ms. */
  readonly openedAt: number;
  /** Its page at the source, https, or null. */
  readonly url: string | null;
  /** The id of the incident at the same source that it has become part of, or null. Its own state is `closed` then. */
  readonly mergedInto: string | null;
}

/** What a verified call of a source says. It is a reason to look at the incident, and never believed by itself. */
export interface IncidentSignal {
  /** The source's own name for this event: the same one again says nothing new. */
  readonly event: string;
  readonly id: string;
  readonly says: 'opened' | 'changed' | 'closed';
}

/**
 * One service, or one file. Every method fails with `ERR_INCIDENT_SOURCE` (retryable) where the source gives no answer that can
 * be trusted: unreachable, refusing, cut off, too long, not in the published form. What it said goes into no message.
 */
export interface IncidentSource {
  readonly name: string;
  /**
   * By the reference that people use or by its id; null where there is none. The answer is whole or the call fails: a page
   * that is missing is not an empty page.
   * @param text at most 128 visible ASCII characters, chosen by whoever asks.
   */
  find(text: string, signal: AbortSignal): Promise<Incident | null>;
  /** By the id of an earlier answer, never from memory; null where it does not exist any more. */
  look(id: string, signal: AbortSignal): Promise<Incident | null>;
  /** The open ones, newest first, at most 200. `onCall` may be left empty here. */
  open(signal: AbortSignal): Promise<readonly Incident[]>;
}

/** What a source tells by itself is handed to `heard`, which resolves when it will not be lost. */
export type Heard = (source: string, signals: readonly IncidentSignal[]) => Promise<void>;

/** A source, and how it calls the broker; null where it does not. */
export interface OpenSource {
  readonly source: IncidentSource;
  readonly hook: ((heard: Heard) => Hook) | null;
  /** Stops whatever it has running, such as the watch on a file. */
  stop(): void;
}
