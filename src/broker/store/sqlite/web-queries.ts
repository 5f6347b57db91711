/**
 * The statements about those who use the pages, which `queries.ts` takes in.
 * @module
 */

const ACT =
  'web_acts.request, web_acts.choice, web_acts.request_hash, web_acts.policy, web_acts.comment, web_acts.until';

export const WEB_QUERIES = {
  webSession: `
    SELECT id, provider, principal, created_at, expires_at, verified_at FROM web_sessions
    WHERE cookie_hash = :hash AND over_at > :at AND ended_at IS NULL`,
  webSessionsOf: `
    SELECT id, provider, principal, created_at, expires_at, verified_at FROM web_sessions
    WHERE issuer = :issuer AND subject = :subject ORDER BY verified_at DESC LIMIT 1`,
  webSessionInsert: `
    INSERT INTO web_sessions (id, cookie_hash, provider, principal, created_at, expires_at, verified_at)
    VALUES (:id, :hash, :provider, :principal, :createdAt, :expiresAt, :verifiedAt)`,
  webSessionVouch: `
    UPDATE web_sessions SET principal = :principal, verified_at = :verifiedAt 
    WHERE id = :id AND expires_at > :at AND ended_at IS NULL`,
  webSessionEnd: 'UPDATE web_sessions SET ended_at = :at WHERE id = :id AND ended_at IS NULL AND expires_at > :at',
  webSessionsForget: `
    DELETE FROM web_sessions WHERE n IN (
      SELECT n FROM web_sessions WHERE over_at < :before ORDER BY over_at LIMIT :limit)`,

  webAct: `
    SELECT ${ACT} FROM web_acts JOIN web_sessions ON web_sessions.n = web_acts.session
    WHERE web_acts.hash = :hash AND web_sessions.id = :session AND web_acts.until > :at`,
  webActIntend: `
    INSERT OR REPLACE INTO web_acts (hash, session, request, choice, request_hash, policy, comment, until)
    SELECT :hash, n, :request, :choice, :requestHash, :policy, :comment, :until FROM web_sessions
    WHERE id = :session AND ended_at IS NULL`,
  webActSpend: 'DELETE FROM web_acts WHERE hash = :hash',
} as const;
