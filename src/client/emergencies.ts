/**
 * The part of the HTTP API that is about emergencies, as functions.
 * @module
 */
import type { IncidentRef } from '../core/incident.ts';
import type { RequestId } from '../core/ids.ts';
import type * as emergencies from '../wire/emergencies.ts';
import type {
  IncidentList,
  IncidentPage,
  IncidentView,
  ReviewBody,
  ReviewItem,
  ReviewList,
  RevocationView,
} from '../wire/emergencies.ts';
import type { Call } from './transport.ts';

/** Throws as every call of the client does. */
export interface EmergencyClient {
  /** Open incidents of which the caller is a responder, or for which they are on call. */
  incidents(): Promise<IncidentList>;
  /** One incident with its emergency access. @param ref.id the source's own, or the reference. */
  incident(ref: IncidentRef): Promise<IncidentPage>;
  /** Ends every grant of an incident that the caller may end. @param incident `INC-7`, or `pagerduty/INC-7`. */
  revokeIncident(incident: string): Promise<RevocationView>;
  /** Open reviews: those that the caller may close, and those of their own access. */
  reviews(): Promise<ReviewList>;
  /** `ERR_PENDING` while the access is live. @param body.hash of the request as it was shown. */
  closeReview(id: RequestId, body: ReviewBody): Promise<ReviewItem>;
  /** Opens an incident to rehearse with. */
  beginDrill(): Promise<IncidentView>;
  endDrill(id: string): Promise<IncidentView>;
}

interface Schema<T> {
  safeParse(body: unknown): { readonly success: true; readonly data: T } | { readonly success: false };
}

/** Makes a call, and reads the reply by one of the schemas. */
export type Ask = <T>(read: (views: typeof emergencies) => Schema<T>, request: Call) => Promise<T>;

export function emergencyCalls(ask: Ask): EmergencyClient {
  return {
    incidents: () => ask((v) => v.incidentListSchema, { method: 'GET', path: 'v1/incidents' }),
    incident: ({ source, id }) => {
      const path = `v1/incidents/${encodeURIComponent(source)}/${encodeURIComponent(id)}`;
      return ask((v) => v.incidentPageSchema, { method: 'GET', path });
    },
    revokeIncident: (incident) => {
      const body = { scope: 'incident', incident };
      return ask((v) => v.revocationViewSchema, { method: 'POST', path: 'v1/revocations', body, safe: 'repeat' });
    },
    reviews: () => ask((v) => v.reviewListSchema, { method: 'GET', path: 'v1/reviews' }),
    // The same verdict again comes to the same.
    closeReview: (id, body) =>
      ask((v) => v.reviewItemSchema, { method: 'POST', path: `v1/requests/${id}/review`, body, safe: 'repeat' }),
    beginDrill: () => ask((v) => v.incidentViewSchema, { method: 'POST', path: 'v1/drills', body: {} }),
    endDrill: (id) => {
      const path = `v1/drills/${encodeURIComponent(id)}/end`;
      return ask((v) => v.incidentViewSchema, { method: 'POST', path, body: {}, safe: 'repeat' });
    },
  };
}
