/**
 * What sources that cannot be asked have reported of their incidents: the latest word on each, which is then the truth.
 * @module
 */

export interface IncidentReport {
  /** The name of the source in the configuration. */
  readonly source: string;
  readonly id: string;
  /** As people call it. Two of a source may share it. */
  readonly reference: string;
  readonly state: 'open' | 'closed';
  /** Epoch ms, by the clock of whoever reported. */
  readonly openedAt: number;
  /** Epoch ms, by the clock of whoever reported: the latest one counts. */
  readonly updatedAt: number;
  /** All of it, as JSON in one way of writing it: the same words are the same report. */
  readonly report: string;
}

/**
 * `newer`: it counts from now on. `same`: it is what counts already. `older`: what counts is later. `other`: it differs from what
 * counts, and claims to be of the same moment.
 */
export type ReportOutcome = 'newer' | 'same' | 'older' | 'other';

/** How long the last word on a closed incident is kept after it came. */
export const REPORT_KEPT_MS = 30 * 86_400_000;

/** Every method may fail with `ERR_STORE` (retryable), in which case nothing was changed. */
export interface IncidentReports {
  report(source: string, id: string): Promise<IncidentReport | null>;
  /** Of several with that reference an open one, of several open ones the newest. */
  reportNamed(source: string, reference: string): Promise<IncidentReport | null>;
  /** The open ones, newest first. @param limit 1 to 1,000. */
  openReports(source: string, limit: number): Promise<readonly IncidentReport[]>;
  /**
   * Durable when it resolves. Forgets some closed ones whose last word came `REPORT_KEPT_MS` before `now`, too.
   * @param now epoch ms, by the clock of the broker.
   */
  putReport(report: IncidentReport, now: number): Promise<ReportOutcome>;
}
