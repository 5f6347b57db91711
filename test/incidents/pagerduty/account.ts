/**
 * A source over a PagerDuty of the tests.
 * @module
 */
import type { IncidentSource, OpenSource, Severity } from '../../../src/core/incident.ts';
import { Secret } from '../../../src/core/secret.ts';
import { openPagerDuty, type PagerDutyParts } from '../../../src/incidents/pagerduty/source.ts';
import { makeCall } from '../../../src/outbound/call.ts';
import { type FakePagerDuty, startPagerDuty } from '../../fakes/incidents/pagerduty.ts';

export const soon = (): AbortSignal => AbortSignal.timeout(10_000);

export const SEVERITIES: ReadonlyMap<string, Severity> = new Map([
  ['P1', 1],
  ['P2', 2],
]);

export function openAt(duty: FakePagerDuty, over: Partial<PagerDutyParts> = {}): OpenSource {
  return openPagerDuty({
    name: 'pd',
    api: duty.url,
    reach: 'private',
    token: new Secret(duty.token),
    signingSecrets: [{ secret: new Secret(duty.signingSecret), until: null }],
    severities: SEVERITIES,
    tiers: new Set([1]),
    now: Date.now,
    call: makeCall(),
    ...over,
  });
}

export async function withAccount(
  body: (duty: FakePagerDuty, source: IncidentSource) => Promise<void>,
  parts: Parameters<typeof startPagerDuty>[0] = {},
  over: Partial<PagerDutyParts> = {},
): Promise<void> {
  const duty = await startPagerDuty(parts);
  try {
    await body(duty, openAt(duty, over).source);
  } finally {
    await duty.stop();
  }
}
