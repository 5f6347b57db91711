/**
 * A source over an incident.io of the tests.
 * @module
 */
import type { IncidentSource, OpenSource, Severity } from '../../../src/core/incident.ts';
import { Secret } from '../../../src/core/secret.ts';
import { type IncidentIoParts, openIncidentIo } from '../../../src/incidents/incident-io/source.ts';
import { makeCall } from '../../../src/outbound/call.ts';
import { readWebhookSecret } from '../../../src/outbound/standard-webhooks.ts';
import { type FakeIncidentIo, startIncidentIo } from '../../fakes/incidents/incident-io.ts';

export const soon = (): AbortSignal => AbortSignal.timeout(10_000);

export const SEVERITIES: ReadonlyMap<string, Severity> = new Map([
  ['Critical', 1],
  ['Minor', 4],
]);

export function openAt(io: FakeIncidentIo, over: Partial<IncidentIoParts> = {}): OpenSource {
  return openIncidentIo({
    name: 'io',
    api: io.url,
    reach: 'private',
    token: new Secret(io.token),
    signingSecrets: [{ secret: readWebhookSecret(new Secret(io.signingSecret), 'secret'), until: null }],
    severities: SEVERITIES,
    tiers: new Set([1]),
    now: Date.now,
    call: makeCall(),
    ...over,
  });
}

export async function withAccount(
  body: (io: FakeIncidentIo, source: IncidentSource) => Promise<void>,
  parts: Parameters<typeof startIncidentIo>[0] = {},
  over: Partial<IncidentIoParts> = {},
): Promise<void> {
  const io = await startIncidentIo(parts);
  try {
    await body(io, openAt(io, over).source);
  } finally {
    await io.stop();
  }
}
