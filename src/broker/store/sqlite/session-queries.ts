/**
 * The statements about sessions, which `queries.ts` takes in.
 * @module
 */

const SESSION = `
  sessions.id, sessions.provider, sessions.principal, sessions.key_thumbprint, sessions.access_hash, sessions.access_until,
  sessions.refresh_hash, sessions.created_at, sessions.expires_at, sessions.verified_at, sessions.renewal,
  sessions.ended_at, sessions.ended_why, sessions.version`;

export const SESSION_QUERIES = {
  session: `SELECT ${SESSION} FROM sessions WHERE id = :id`,
  sessionByAccess: `SELECT ${SESSION} FROM sessions WHERE access_hash = :hash`,
  sessionByRefresh: `SELECT ${SESSION} FROM sessions WHERE refresh_hash = :hash`,
  sessionOf: `
    SELECT ${SESSION} FROM sessions
    WHERE issuer = :issuer AND subject = :subject AND person_issuer IS :personIssuer AND person_subject IS :personSubject
    ORDER BY verified_at DESC LIMIT 1`,
  sessionBySpent: `
    SELECT ${SESSION} FROM spent_refresh JOIN sessions ON sessions.n = spent_refresh.session WHERE spent_refresh.hash = :hash`,

  sessionInsert: `
    INSERT INTO sessions (id, provider, principal, key_thumbprint, access_hash, access_until, refresh_hash, created_at,
      expires_at, verified_at, renewal, ended_at, ended_why, version)
    VALUES (:id, :provider, :principal, :keyThumbprint, :accessHash, :accessUntil, :refreshHash, :createdAt,
      :expiresAt, :verifiedAt, :renewal, :endedAt, :endedWhy, 1)
    ON CONFLICT (id) DO NOTHING`,
  sessionUpdate: `
    UPDATE sessions SET provider = :provider, principal = :principal, key_thumbprint = :keyThumbprint,
      access_hash = :accessHash, access_until = :accessUntil, refresh_hash = :refreshHash, created_at = :createdAt,
      expires_at = :expiresAt, verified_at = :verifiedAt, renewal = :renewal, ended_at = :endedAt, ended_why = :endedWhy,
      version = version + 1
    WHERE id = :id AND version = :version`,
  refreshSpend: `
    INSERT INTO spent_refresh (hash, session) SELECT :hash, n FROM sessions WHERE id = :session
    ON CONFLICT (hash) DO NOTHING`,
  proofSpend: 'INSERT INTO spent_proofs (once, until) VALUES (:once, :until) ON CONFLICT (once) DO NOTHING',
  confirmationGive:
    'INSERT INTO confirmations (hash, session, until) SELECT :hash, n, :until FROM sessions WHERE id = :session',
  confirmationSpend: `
    DELETE FROM confirmations
    WHERE hash = :hash AND until > :at AND session = (SELECT n FROM sessions WHERE id = :session)`,

  sessionsOver: 'SELECT n FROM sessions WHERE over_at < :before ORDER BY over_at LIMIT :limit',
  sessionForget: 'DELETE FROM sessions WHERE n = :session',
  refreshForget: `
    DELETE FROM spent_refresh WHERE hash IN (SELECT hash FROM spent_refresh WHERE session = :session LIMIT :limit)`,
  confirmationsForgetOf: `
    DELETE FROM confirmations WHERE hash IN (SELECT hash FROM confirmations WHERE session = :session LIMIT :limit)`,
  confirmationsForget: `
    DELETE FROM confirmations WHERE hash IN (
      SELECT hash FROM confirmations WHERE until < :before ORDER BY until LIMIT :limit)`,
  proofsForget: `
    DELETE FROM spent_proofs WHERE once IN (SELECT once FROM spent_proofs WHERE until < :before ORDER BY until LIMIT :limit)`,
} as const;
