/**
 * Where the two keep the same things: the operations of Jira Service Management, and Opsgenie, from which they were made.
 * @module
 */
import { Secret } from '../../core/secret.ts';
import { JSM_FORMS, type JsmForms, OPSGENIE_FORMS } from './form.ts';

/** `jsm`: with an API token of an account that may read alerts and schedules. `opsgenie`: with the key of an integration. */
export type Flavour =
  | {
      readonly kind: 'jsm';
      /** The id of the site's cloud. */
      readonly cloud: string;
      /** The e-mail address of the account. */
      readonly user: string;
    }
  | { readonly kind: 'opsgenie' };

export interface Dialect {
  readonly api: string;
  readonly token: Secret<string>;
  /** Before the token. */
  readonly prefix: string;
  alert(id: string): string;
  /** The newest first, 100 at most. */
  page(query: string, offset: number): string;
  onCall(schedule: string): string;
  readonly forms: JsmForms;
}

/** The most that either gives. */
const PAGE = 100;

/** @param api without a slash at the end. */
export function dialectOf(flavour: Flavour, api: string, token: Secret<string>): Dialect {
  const list = (query: string, offset: number): string =>
    `query=${encodeURIComponent(query)}&offset=${offset}&sort=createdAt&order=desc`;
  if (flavour.kind === 'opsgenie') {
    return {
      api: `${api}/v2`,
      token,
      prefix: 'GenieKey ',
      alert: (id) => `/alerts/${encodeURIComponent(id)}?identifierType=id`,
      page: (query, offset) => `/alerts?${list(query, offset)}&limit=${PAGE}`,
      onCall: (id) => `/schedules/${encodeURIComponent(id)}/on-calls?scheduleIdentifierType=id&flat=false`,
      forms: OPSGENIE_FORMS,
    };
  }
  return {
    api: `${api}/${encodeURIComponent(flavour.cloud)}/v1`,
    // RFC 7617.
    token: new Secret(Buffer.from(`${flavour.user}:${token.expose()}`, 'utf8').toString('base64')),
    prefix: 'Basic ',
    alert: (id) => `/alerts/${encodeURIComponent(id)}`,
    page: (query, offset) => `/alerts?${list(query, offset)}&size=${PAGE}`,
    onCall: (id) => `/schedules/${encodeURIComponent(id)}/on-calls?flat=false`,
    forms: JSM_FORMS,
  };
}
