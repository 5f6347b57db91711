/**
 * The use cases of emergencies beside those that they share with every request.
 * @module
 */
import type { RequestId } from '../../../core/ids.ts';
import type { Principal } from '../../../core/principal.ts';
import type {
  IncidentList,
  IncidentPage,
  ReviewBody,
  ReviewItem,
  ReviewList,
  RevocationView,
} from '../../../wire/emergencies.ts';
import type { Approvals } from '../approvals.ts';
import type { World } from '../world.ts';
import { incidentPageOf, incidentsOf } from './incidents.ts';
import { closeReview, reviewOf, reviewsFor } from './review.ts';
import { revokeIncident } from './revoke.ts';

export interface EmergencyAccess {
  /** Open incidents of which the caller is a responder, or for which they are on call. */
  incidents(principal: Principal): Promise<IncidentList>;
  /** One incident with its requests that the caller may see. @param id the source's own, or the reference. */
  incident(principal: Principal, source: string, id: string): Promise<IncidentPage>;
  /** Ends every grant of an incident that the caller may end. @param incident `INC-7`, or `pagerduty/INC-7`. */
  revokeIncident(principal: Principal, incident: string): Promise<RevocationView>;
  /** Open reviews that the caller may close, and those of their own access. */
  reviews(principal: Principal): Promise<ReviewList>;
  /** That of one request, open or closed; null for what is none of the caller's business, and where there is nothing to review. */
  reviewOf(principal: Principal, id: RequestId): Promise<ReviewItem | null>;
  closeReview(principal: Principal, id: RequestId, body: ReviewBody): Promise<ReviewItem>;
}

/** @param wake tells the worker that something is due at that time, epoch ms. */
export function makeEmergencyAccess(
  world: World,
  approvals: Pick<Approvals, 'cancel'>,
  wake: (dueAt: number) => void,
): EmergencyAccess {
  return {
    incidents: async (principal) => incidentsOf(world, principal),
    incident: async (principal, source, id) => incidentPageOf(world, principal, `${source}/${id}`),
    revokeIncident: async (principal, incident) => revokeIncident(world, { approvals, wake }, principal, incident),
    reviews: async (principal) => reviewsFor(world, principal),
    reviewOf: async (principal, id) => reviewOf(world, principal, id),
    closeReview: async (principal, id, body) => closeReview(world, principal, id, body),
  };
}
