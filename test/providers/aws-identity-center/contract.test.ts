/**
 * The contract of providers for IAM Identity Center, at a small one in memory, through the real SDK.
 * @module
 */
import type { Credential } from '../../../src/core/credential.ts';
import type { Order, Provider } from '../../../src/core/ports.ts';
import { identityCenterProvider } from '../../../src/providers/aws/identity-center/provider.ts';
import type { CenterTarget } from '../../../src/providers/aws/identity-center/target.ts';
import { serveJson } from '../../fakes/aws-json.ts';
import { fakeSso } from '../../fakes/aws-sso/sso.ts';
import { SIGNER } from '../aws/support.ts';
import { providerContract } from '../contract/contract.ts';
import { openGate } from '../contract/http-gate.ts';
import type { Answer } from '../contract/http-gate.ts';
import type { Hostile, Rig } from '../contract/rig.ts';
import { ACCOUNT, ADMIN, ANN, ANN_THERE, OWNER, VIEWER, centerConfig, use } from './support.ts';

const OTHER_ACCOUNT = '210987654321';
const START = Date.UTC(2026, 10, 21, 12);
const SECRET = 'ambient-canary-51b9';

const hostile: readonly Hostile[] = (
  [
    ['another operation of AWS', { actions: ['sso:CreateAccountAssignment'] }],
    ['every operation', { actions: ['*'] }],
    ['an operation beside another', { actions: ['identity-center:UsePermissionSet', 's3:GetObject'] }],
    ['every permission set', { resources: ['*'] }],
    ['every permission set of the instance', { resources: [ADMIN.replace(/ps-.*/, '*')] }],
    ['a permission set that is not configured', { resources: [ADMIN.replace(/a$/, 'c')] }],
    ['no permission set', { resources: [] }],
    ['an empty text', { resources: [''] }],
    ['one that is configured beside one that is not', { resources: [ADMIN, `${VIEWER}x`] }],
  ] as const
).map(([what, changes]) => ({ what, permission: { ...use(ADMIN), ...changes } }));

const fault = (type: string): Answer => ({
  status: 400,
  type: 'application/x-amz-json-1.1',
  body: JSON.stringify({ __type: type, Message: 'no' }),
});

async function openRig(): Promise<Rig<CenterTarget>> {
  let clock = START;
  const now = (): number => clock;
  const sso = fakeSso();
  const server = await serveJson([sso]);
  const gate = await openGate(server.url, {
    throttled: fault('ThrottlingException'),
    denied: fault('AccessDeniedException'),
  });
  const fresh = (owner = OWNER): Provider<CenterTarget> =>
    identityCenterProvider({
      now,
      signer: SIGNER,
      owner,
      ambient: async () => await Promise.resolve({ accessKeyId: 'AKIAEXAMPLE', secretAccessKey: SECRET }),
      pause: async () => await Promise.resolve(),
    });
  const provider = fresh();
  const at = (name: string, account: string): CenterTarget =>
    provider.parseTarget(name, centerConfig({ endpoint: gate.url, account }));
  const user = (order: Order, target = ACCOUNT): readonly string[] =>
    order.permissions.flatMap(({ resources }) => resources.map((set) => `${target} ${set} ${ANN_THERE}`));

  return {
    provider,
    restarted: fresh,
    neighbour: fresh('fedcba9876543210'),
    target: at('c', ACCOUNT),
    other: at('other', OTHER_ACCOUNT),
    principal: ANN,
    permission: use(ADMIN),
    second: use(VIEWER),
    hostile,
    canaries: [SECRET],
    now,
    time: 'moved',
    passTo: async (moment) => {
      clock = Math.max(clock, moment);
      await Promise.resolve();
    },
    shortMs: 60_000,
    // Whoever has two grants of one assignment keeps it by the one when the other ends: then it does not count for the other.
    works: async (credential: Credential, order: Order) => {
      const held = order.permissions
        .flatMap(({ resources }) => resources)
        .every((set) => {
          const live = [...sso.tagsOf(set)].filter(([, value]) => !value.includes('/gone-')).map(([key]) => key);
          return live.length === 0 || live.some((key) => key.endsWith(order.grant));
        });
      const there = user(order).every((one) => sso.assigned().includes(one));
      return await Promise.resolve(credential.kind === 'own' && there && held);
    },
    objects: async () => {
      const tags = [ADMIN, VIEWER].flatMap((set) => [...sso.tagsOf(set).keys()].map((key) => `${set} ${key}`));
      return await Promise.resolve([...sso.assigned(), ...tags].toSorted());
    },
    leaves: 'objects',
    removeByHand: async (order) => {
      for (const { resources } of order.permissions) {
        for (const set of resources) sso.change('unassign', { account: ACCOUNT, set, user: ANN_THERE });
      }
      await Promise.resolve();
    },
    plantForeign: async (order) => {
      sso.change('assign', { account: ACCOUNT, set: ADMIN, user: ANN_THERE });
      sso.tag(ADMIN, `jit/${order.grant}`, ACCOUNT);
      const [mine = ''] = user(order);
      let cleared = false;
      return async () => {
        const there = sso.assigned().includes(mine) && sso.tagsOf(ADMIN).has(`jit/${order.grant}`);
        // The second look is the last one; the next test begins without it.
        if (cleared) {
          sso.change('unassign', { account: ACCOUNT, set: ADMIN, user: ANN_THERE });
          sso.tag(ADMIN, `jit/${order.grant}`, null);
        }
        cleared = true;
        return await Promise.resolve(there);
      };
    },
    endsByItself: { without: 'an assignment stays at AWS until somebody takes it away' },
    calls: gate.calls,
    outage: gate.outage,
    alike: (text) => text.replace(ANN_THERE, 'the requester'),
    close: async () => {
      await gate.close();
      await server.close();
    },
  };
}

providerContract('aws-identity-center, at a fake', openRig);
