/**
 * Reports on incidents, as the port of the sources that have to remember them.
 * @module
 */
export type { IncidentReport, IncidentReports } from '../../core/incident-report.ts';
