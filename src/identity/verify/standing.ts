/**
 * Whether an identity provider could give anybody its word at this moment, as the broker finds when it asks by itself. What
 * depends on it is laxer while the provider is down, so in doubt it is not.
 * @module
 */
import * as z from 'zod';
import { type OidcConfig, reachOf } from './config.ts';
import { type FetchParts, makeOpen, type Open, parse, read } from './fetch.ts';
import { discoveryUrl } from './origin.ts';

/** For each of the two questions. */
export const PATIENCE_MS = 3_000;

export type Standing =
  /** `why`: for the operator's log; nothing of the provider's own words. */
  | { readonly kind: 'down'; readonly why: string }
  | { readonly kind: 'answers' }
  /** The broker has no way of asking it. */
  | { readonly kind: 'unknown' };

/** Never rejects. */
export type AskStanding = (config: OidcConfig) => Promise<Standing>;

const endpoints = z.object({ issuer: z.string(), token_endpoint: z.string() });

/**
 * Asks for the discovery document and, as whoever wants a word does, for tokens: many outages leave the first one standing. Nobody
 * answering within 3 s, and a status from 500 to 599, is being down; every other answer, a wrong certificate and a name that
 * leads out of reach are none. Where keys do not come from discovery the broker may never have been able to reach the issuer, and
 * learns nothing from failing to.
 */
export function makeAskStanding(parts: FetchParts & { readonly patienceMs?: number } = {}): AskStanding {
  const { patienceMs = PATIENCE_MS, ...net } = parts;
  const open = makeOpen(net);
  return async (config) => {
    if (config.keys !== 'discovery') return { kind: 'unknown' };
    const { issuer, client_id } = config;
    const found = await asked(open, config, patienceMs, { url: discoveryUrl(issuer), form: undefined });
    if (found.kind !== 'document') return found;
    const document = endpoints.safeParse(found.document);
    if (!document.success || document.data.issuer !== issuer) return { kind: 'answers' };
    const form = new URLSearchParams({ grant_type: 'refresh_token', client_id, refresh_token: NO_TOKEN });
    const given = await asked(open, config, patienceMs, { url: document.data.token_endpoint, form });
    return given.kind === 'document' ? { kind: 'answers' } : given;
  };
}

/** It can be nobody's, and tells whoever reads the provider's log what it is about. */
const NO_TOKEN = 'jit-broker-asks-whether-you-are-there';

type Answer = Exclude<Standing, { kind: 'unknown' }> | { readonly kind: 'document'; readonly document: unknown };

async function asked(
  open: Open,
  config: OidcConfig,
  patienceMs: number,
  { url, form }: { readonly url: string; readonly form: URLSearchParams | undefined },
): Promise<Answer> {
  const signal = AbortSignal.timeout(patienceMs);
  try {
    const response = await open(url, reachOf(config), signal, form);
    try {
      const status = response.statusCode ?? 0;
      if (status >= 500 && status <= 599) return { kind: 'down', why: `status ${status}` };
      if (form !== undefined || status !== 200) return { kind: 'answers' };
      return { kind: 'document', document: parse(await read(response)) };
    } finally {
      response.destroy();
    }
  } catch (thrown) {
    if (signal.aborted) return { kind: 'down', why: `no answer within ${patienceMs} ms` };
    const silence = silenceIn(thrown);
    return silence === null ? { kind: 'answers' } : { kind: 'down', why: silence };
  }
}

/** What the network says where there is nobody. What is wrong with the broker itself, such as too many open files, is not there. */
const SILENCE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

function silenceIn(thrown: unknown): string | null {
  for (let at = thrown; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string' && SILENCE.has(at.code)) return at.code;
  }
  return null;
}
