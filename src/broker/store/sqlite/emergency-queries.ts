/**
 * The statements about emergencies.
 * @module
 */

const EMERGENCY =
  'SELECT emergencies.*, requests.id AS request_id FROM emergencies JOIN requests ON requests.n = request_n';

export const EMERGENCY_QUERIES = {
  emergency: `${EMERGENCY} WHERE request_n = :n`,
  emergencyInsert: `
    INSERT INTO emergencies (request_n, source, incident, asked_at, warn_seconds, watched, review_opened_at, review,
      version)
    VALUES (:n, :source, :incident, :askedAt, :warnSeconds, :watched, :reviewOpenedAt, :review, 1)
    ON CONFLICT DO NOTHING`,
  emergencyUpdate: `
    UPDATE emergencies SET incident = :incident, warn_seconds = :warnSeconds, watched = :watched,
      review_opened_at = :reviewOpenedAt, review = :review, version = version + 1
    WHERE request_n = :n AND version = :version`,
  emergenciesWatched: `${EMERGENCY} WHERE watched = 1 ORDER BY request_n LIMIT 10000`,
  emergenciesOf: `
    ${EMERGENCY} WHERE source = :source AND emergencies.incident IS :incident
    ORDER BY watched DESC, request_n DESC LIMIT :limit`,
  emergenciesSince: `
    ${EMERGENCY} WHERE minor = :minor AND asked_at >= :at ORDER BY asked_at DESC, request_n DESC LIMIT :limit`,
  emergenciesUnreviewed: `
    ${EMERGENCY} WHERE unreviewed = 1 ORDER BY minor, request_n LIMIT :limit`,
} as const;
