/**
 * The OpenAPI document without a running broker.
 * @module
 */
import { apiRoutes } from '../broker/http/api.ts';
import { drillRoutes } from '../broker/http/drill-routes.ts';
import { hookRoutes } from '../broker/http/hook-routes.ts';
import { openApi } from '../broker/http/openapi.ts';
import { sessionRoutes } from '../broker/http/session-routes.ts';
import { JitError } from '../core/errors.ts';
import { version } from './version.ts';

/** The same document that a broker serves at `/v1/openapi.json`. */
export function openApiDocument(): object {
  const refuse = async (): Promise<never> => {
    throw new JitError({ code: 'ERR_UNEXPECTED', message: 'only described, not served' });
  };
  const described = {
    plan: refuse,
    submit: refuse,
    request: refuse,
    inbox: refuse,
    review: refuse,
    explanation: refuse,
    approve: refuse,
    deny: refuse,
    confirm: refuse,
    cancel: refuse,
    issue: refuse,
    grant: refuse,
    requests: refuse,
    liveGrants: refuse,
    credentials: refuse,
    renew: refuse,
    revoke: refuse,
    revokeMine: refuse,
    revokeUser: refuse,
    use: refuse,
    entries: refuse,
    incidents: refuse,
    incident: refuse,
    revokeIncident: refuse,
    reviews: refuse,
    reviewOf: refuse,
    closeReview: refuse,
  };
  const drills = { begin: refuse, end: refuse };
  const sessions = sessionRoutes({ audience: '', providers: [] }, null);
  return openApi(
    [...sessions, ...apiRoutes(described, refuse), ...drillRoutes(drills), ...hookRoutes(new Map())],
    version,
  );
}
