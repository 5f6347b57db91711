/**
 * The contract of providers for Google Cloud, at a server that enforces policies, conditions, boundaries and etags.
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { Credential } from '../../../src/core/credential.ts';
import type { Order, Provider } from '../../../src/core/ports.ts';
import type { Permission } from '../../../src/core/request.ts';
import { gcpProvider } from '../../../src/providers/gcp/provider.ts';
import type { GcpTarget } from '../../../src/providers/gcp/provider.ts';
import type { FakeGcp } from '../../fakes/gcp/gcp.ts';
import { googleError, startGcp } from '../../fakes/gcp/gcp.ts';
import { providerContract } from '../contract/contract.ts';
import { openGate } from '../contract/http-gate.ts';
import type { Answer } from '../contract/http-gate.ts';
import type { Hostile, Rig, Without } from '../contract/rig.ts';
import {
  ANN,
  BROKER,
  ENTITLEMENT,
  FOREIGN,
  IDP,
  OTHER,
  OWNER,
  PROJECT,
  READ,
  SECOND_ENTITLEMENT,
  SECOND_OPENER,
  brokerToken,
  canRead,
  config,
  furnish,
  object,
  pamConfig,
  permissionOf,
  projectResource,
  storageConfig,
  testClock,
  tokenOf,
} from './support.ts';

const SECOND = permissionOf('storage.objects.get', object('secret/plan.txt'));
const LIFE_MS = 60_000;

const hostileTo = (base: Permission): readonly Hostile[] =>
  (
    [
      ['every action', { actions: ['*'] }],
      ['every action of a type', { actions: ['storage.objects.*'] }],
      ['an action that does not exist', { actions: ['storage.objects.gett'] }],
      ['an action with a condition behind it', { actions: ['storage.objects.get" || true || "'] }],
      ['an action of no role here', { actions: ['resourcemanager.projects.setIamPolicy'] }],
      ['a role that is not configured', { actions: ['roles/storage.admin'] }],
      ['a basic role', { actions: ['roles/owner'], resources: [projectResource()] }],
      ['every resource', { resources: ['*'] }],
      ['every bucket', { resources: ['//storage.googleapis.com/projects/_/buckets/*'] }],
      ['another project', { resources: [projectResource('acme-payments')] }],
      ['a condition in a resource', { resources: [object('x") || true || resource.name.startsWith("')] }],
      ['a resource of another service', { resources: ['//pubsub.googleapis.com/projects/acme-web-prod/topics/t'] }],
      ['no resource', { resources: [''] }],
    ] as const
  ).map(([what, changes]) => ({ what, permission: { ...base, ...changes } }));

const answer = (http: number, status: string): Answer => ({
  status: http,
  type: 'application/json',
  body: googleError(http, status).body,
});

interface Mode {
  readonly config: (changes: object) => object;
  readonly leaves: 'objects' | Without;
  readonly own: boolean;
  readonly other?: 'project';
  /** What is different, of the rig that the others have. */
  readonly parts?: (gcp: FakeGcp, parse: (changes: object) => GcpTarget) => Partial<Rig<GcpTarget>>;
}

const openRig = async ({ parts = () => ({}), ...mode }: Mode): Promise<Rig<GcpTarget>> => {
  const clock = testClock();
  const gcp = await startGcp(clock.now);
  furnish(gcp);
  const gate = await openGate(gcp.url, {
    throttled: answer(429, 'RESOURCE_EXHAUSTED'),
    denied: answer(403, 'PERMISSION_DENIED'),
  });
  const ended = new Set<string>();
  const fresh = (owner = OWNER): Provider<GcpTarget> => {
    const made = gcpProvider({
      now: clock.now,
      random: (bytes) => randomBytes(bytes),
      signer: null,
      owner,
      ambient: brokerToken(gcp),
      pause: async () => await Promise.resolve(),
    });
    const revoke: typeof made.revoke = async (mark, revoked, signal) => {
      ended.add(mark.grant);
      return await made.revoke(mark, revoked, signal);
    };
    return { ...made, revoke };
  };
  const provider = fresh();
  const parse = (project: string): GcpTarget =>
    provider.parseTarget(project, mode.config({ endpoint: gate.url, project }));
  const none: Without = { without: 'a token leaves nothing at Google that could be seen' };

  /** Whoever holds a live grant fetches another token when theirs has ended, as long as nobody has ended the grant. */
  const renewed = async (credential: Credential, order: Order): Promise<Credential> => {
    if (credential.kind !== 'gcp' || ended.has(order.grant) || order.endsAt <= clock.now()) return credential;
    if (gcp.world.isLive(credential.secret.expose().token)) return credential;
    const at = parse(PROJECT);
    const { credential: fetched } = await provider.issue(at, order, new AbortController().signal);
    return fetched;
  };

  return {
    provider,
    restarted: fresh,
    neighbour: mode.own ? fresh('fedcba9876543210') : { without: 'tokens belong to a grant and to no broker' },
    target: parse(PROJECT),
    other:
      mode.other === 'project' ? parse(OTHER) : { without: 'a token is of a service account, whatever the project' },
    principal: { kind: 'user', issuer: IDP, subject: 'u1', name: 'root@example.com', groups: [] },
    permission: READ,
    second: SECOND,
    hostile: hostileTo(READ),
    canaries: [],
    now: clock.now,
    time: 'moved',
    passTo: async (at) => {
      clock.at = Math.max(clock.at, at);
      await Promise.resolve();
    },
    shortMs: LIFE_MS,
    works: async (credential: Credential, order: Order) => {
      const held = await renewed(credential, order);
      const answers = await Promise.all(
        order.permissions.map(async ({ resources: [name = ''] }: Permission) => {
          if (name === projectResource()) return await canRead(gcp, tokenOf(gcp, held), '2026/q1.csv');
          const [, bucket = '', path = ''] = /buckets\/([^/]+)\/objects\/(.+)$/.exec(name) ?? [];
          return await canRead(gcp, tokenOf(gcp, held, order.grant), path, bucket);
        }),
      );
      return answers.every(Boolean);
    },
    objects: async () => {
      const titles = [PROJECT, OTHER].flatMap((project) =>
        gcp.world.policyOf(project).bindings.flatMap(({ condition }) => condition?.title ?? []),
      );
      return await Promise.resolve(titles.filter((title) => title.startsWith('jit-')).toSorted());
    },
    leaves: mode.leaves,
    removeByHand: mode.own
      ? async () => {
          gcp.world.edit(PROJECT, () => FOREIGN);
          await Promise.resolve();
        }
      : none,
    plantForeign: mode.own
      ? async ({ grant }) => {
          const planted = {
            role: 'roles/storage.legacyObjectReader',
            members: [ANN],
            condition: {
              title: `jit-${grant.slice(3)}`,
              expression: 'request.time < timestamp("2020-01-01T00:00:00Z")',
            },
          };
          gcp.world.edit(PROJECT, (policy) => ({ ...policy, bindings: [...policy.bindings, planted] }));
          return async () =>
            await Promise.resolve(
              gcp.world.policyOf(PROJECT).bindings.some((one) => JSON.stringify(one) === JSON.stringify(planted)),
            );
        }
      : none,
    endsByItself: 'yes',
    calls: gate.calls,
    outage: gate.outage,
    // Who asks and which broker writes is known only when something is issued.
    alike: (text) =>
      text
        .replaceAll(ANN, '<requester>')
        .replaceAll(/jit-[0-9a-z]{26}/g, '<grant>')
        .replaceAll(/made and removed by jit; broker [0-9a-f]{16}; target [a-z-]+/g, '<broker>'),
    ...parts(gcp, (changes) =>
      provider.parseTarget('another', mode.config({ endpoint: gate.url, project: PROJECT, ...changes })),
    ),
    close: async () => {
      await gate.close();
      await gcp.close();
    },
  };
};

providerContract(
  `gcp, bindings of ${BROKER}`,
  async () => await openRig({ config, leaves: 'objects', own: true, other: 'project' }),
);
providerContract(
  'gcp, tokens for Cloud Storage',
  async () =>
    await openRig({
      config: storageConfig,
      leaves: { without: 'a token leaves nothing at Google that could be seen' },
      own: false,
    }),
);

const ONE = 'google opens an entitlement for one grant of an account at a time';
const WHOLE = permissionOf('storage.objects.get', projectResource());

providerContract(
  'gcp, an entitlement of Privileged Access Manager',
  async () =>
    await openRig({
      config: pamConfig,
      leaves: 'objects',
      own: true,
      parts: ({ pam }, parse) => ({
        other: parse({ service_account: SECOND_OPENER, entitlement: SECOND_ENTITLEMENT }),
        permission: WHOLE,
        second: { without: 'whoever gets an entitlement gets all of it' },
        hostile: [...hostileTo(WHOLE), { what: 'a part of the project', permission: READ }],
        neighbour: { without: ONE },
        shared: ONE,
        refusesSecond: ONE,
        endsByItself: { without: `two ends cannot be seen at once: ${ONE}` },
        objects: async () =>
          await Promise.resolve(
            pam
              .open()
              .filter(({ requester }) => requester !== ANN)
              .map(({ justification }) => justification),
          ),
        removeByHand: async () => {
          for (const { name } of pam.open()) pam.revoke(name);
          await Promise.resolve();
        },
        plantForeign: async ({ grant }) => {
          const justification = `made and ended by jit; broker ${OWNER}; target ${PROJECT}; grant ${grant}`;
          const { name } = pam.plant(ENTITLEMENT, { requester: ANN, justification, seconds: 7_200 });
          return async () => await Promise.resolve(pam.open().some((one) => one.name === name));
        },
      }),
    }),
);
