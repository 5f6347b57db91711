/**
 * The cloud of the broker's tests keeps the contract of providers, in both of its ways of keeping what it issues.
 * @module
 */
import type { Target } from '../../src/core/ports.ts';
import type { Permission } from '../../src/core/request.ts';
import { providerContract } from '../providers/contract/contract.ts';
import type { OutageKind, Rig } from '../providers/contract/rig.ts';
import { type Behaviour, fakeCloud, type Keeping, target } from './cloud.ts';

const READ: Permission = {
  target: 'main',
  operation: 's3:GetObject',
  actions: ['s3:GetObject'],
  resources: ['arn:aws:s3:::bucket/key'],
};
const WRITE: Permission = { ...READ, operation: 's3:PutObject', actions: ['s3:PutObject'] };

const BEHAVIOURS: Readonly<Record<OutageKind, Behaviour>> = {
  down: 'breaks before',
  'black-hole': 'hangs',
  throttled: 'busy',
  denied: 'refuses',
  'reply-lost': 'breaks after',
};

async function openRig(keeps: Keeping): Promise<Rig> {
  let clock = Date.UTC(2026, 10, 22, 12);
  const now = (): number => clock;
  const cloud = fakeCloud(now, { keeps });
  const { provider } = cloud;
  return await Promise.resolve<Rig>({
    provider,
    restarted: () => cloud.as('0123456789abcdef'),
    neighbour: cloud.as('fedcba9876543210'),
    target: target('main', provider.kind),
    other: target('second', provider.kind) satisfies Target,
    principal: { kind: 'user', issuer: 'https://id.test', subject: 'alice', name: 'alice', groups: [] },
    permission: READ,
    second: WRITE,
    hostile: [
      { what: 'every action', permission: { ...READ, actions: ['*'] } },
      { what: 'an action with more behind it', permission: { ...READ, actions: ['s3:GetObject,s3:PutObject'] } },
      { what: 'every resource', permission: { ...READ, resources: ['*'] } },
    ],
    canaries: ['canary-secret-access-key', 'canary-session-token'],
    now,
    time: 'moved',
    passTo: async (at) => {
      clock = Math.max(clock, at);
      await Promise.resolve();
    },
    shortMs: 60_000,
    works: async (_, { grant, permissions }) =>
      await Promise.resolve(permissions.every(({ operation }) => cloud.works(grant, { operation }))),
    objects: async () => await Promise.resolve(cloud.objects()),
    leaves: keeps === 'objects' ? 'objects' : { without: 'a session leaves nothing that could be seen' },
    removeByHand:
      keeps === 'objects'
        ? async ({ grant }) => await Promise.resolve(cloud.remove(grant))
        : { without: 'nobody can end a session' },
    plantForeign: { without: 'nobody but brokers makes anything there' },
    endsByItself: 'yes',
    calls: () => cloud.calls.length,
    outage: async (kind, { after }) => {
      const plan = (): Behaviour[] => [...Array.from({ length: after }, () => 'well' as const), BEHAVIOURS[kind]];
      [cloud.issuing, cloud.revoking, cloud.listing] = [plan(), plan(), plan()];
      return await Promise.resolve(async () => {
        [cloud.issuing, cloud.revoking, cloud.listing] = [['well'], ['well'], ['well']];
        await Promise.resolve();
      });
    },
    close: async () => {
      await Promise.resolve();
    },
  });
}

providerContract('a fake that keeps sessions', async () => await openRig('sessions'));
providerContract('a fake that keeps objects', async () => await openRig('objects'));
