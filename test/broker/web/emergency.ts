/**
 * The pages in an emergency: the same as ever with the sandbox as the cloud, whose revocations can be held up, and incidents in a
 * file, of which Ada and Eve are responders.
 * @module
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { REVOKER_ROLE_ARN, SANDBOX_ROLE_ARN } from '../../../src/sandbox/world.ts';
import type { Outcome } from '../../../src/wire/views.ts';
import { eventually } from '../../support/eventually.ts';
import { type Cloud, startCloud } from '../../support/gated-cloud.ts';
import { type Ask, type Asking, type PagesWorld, startPages } from './world.ts';

const POLICY = `@id("broken") @max("1h")
permit (principal is Jit::User in Jit::Group::"engineers", action == Jit::Action::"BreakGlass", resource)
when { context.operation == "s3:GetObject" && context.incident.severity <= 2 && context.incident.responder };
@id("sealed") @max("30m") @sealed("2") @sealed_group("leads") @sealed_max("15m")
permit (principal is Jit::User in Jit::Group::"engineers", action == Jit::Action::"BreakGlass", resource)
when { context.operation == "s3:GetObject" && !context.incident.verified };
@id("leads") permit (principal in Jit::Group::"leads", action == Jit::Action::"Approve", resource);
`;

/** As it stands in the file, without what every one has. */
export interface Written {
  readonly title?: string;
  readonly state?: 'open' | 'closed';
  readonly url?: string;
}

export interface EmergencyPages extends PagesWorld {
  readonly cloud: Cloud;
  /** What the file says from now on, by id; null makes a file of which nothing counts. */
  incidents(said: Readonly<Record<string, Written>> | null): void;
  /** Emergency access for `INC-7`. */
  breaks(who: Asking, more?: Ask): Promise<Outcome>;
  /** Waits until the access of a request is over. */
  gone(who: Asking, id: string): Promise<Outcome>;
}

export async function startEmergency(t: TestContext): Promise<EmergencyPages> {
  const cloud = await startCloud(t);
  let file = '';
  const incidents: EmergencyPages['incidents'] = (said) => {
    const all = Object.entries(said ?? {}).map(([id, { title = 'checkout is down', state = 'open', ...rest }]) => {
      const people = { responders: ['ada', 'eve'], severity: 1, services: ['web'] };
      return { id, title, state, openedAt: '2026-11-22T09:00:00Z', ...people, ...rest };
    });
    writeFileSync(`${file}.new`, said === null ? 'none of it counts' : JSON.stringify({ incidents: all }), {
      mode: 0o600,
    });
    renameSync(`${file}.new`, file);
  };
  const world = await startPages(t, {
    emergencies: {
      policy: POLICY,
      cloud: [`role: ${SANDBOX_ROLE_ARN}`, `revoker: ${REVOKER_ROLE_ARN}`, `endpoint: ${cloud.url}`, 'sandbox: true'],
      env: cloud.keys,
      more: (home, idp) => {
        file = join(home, 'incidents.yaml');
        incidents({ 'INC-7': {}, 'INC-8': {} });
        const people = ['ada', 'eve'].map((id) => `{ id: ${id}, issuer: '${idp.issuer}', subject: ${id} }`);
        return `incidents:
  ours: { type: file, file: incidents.yaml, people: [${people.join(', ')}] }
emergencies: { rate: { requests: 50, within: 1h }, reviews: 100 }
`;
      },
    },
  });
  return {
    ...world,
    cloud,
    incidents,
    breaks: async (who, more = {}) =>
      who.submit({
        operation: 's3:GetObject',
        resource: 'arn:aws:s3:::sandbox-reports/hello.txt',
        reason: 'the site is down',
        incident: 'INC-7',
        ...more,
      }),
    gone: async (who, id) =>
      eventually(
        async () => {
          const seen = await who.look(id);
          return seen.grant?.state === 'closed' ? seen : null;
        },
        { deadlineMs: 30_000 },
      ),
  };
}
