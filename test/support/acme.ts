/**
 * The worked example of policies as a company: the program jit-broker, the certified oidc-provider and the sandbox as the cloud,
 * each real. The clock is that of the machine, so that people ask for what is decided alike at any hour; what the example has
 * not at any hour is in a rule of its own beside it.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { REVOKER_ROLE_ARN, SANDBOX_ROLE_ARN } from '../../src/sandbox/world.ts';
import { startCloud } from './gated-cloud.ts';
import { type IdpOptions, startIdp } from './idp.ts';
import type { Office, OfficeOptions } from './office.ts';
import { people, startSharedBroker } from './shared-broker.ts';

const EXAMPLE = new URL('../../src/policy/example/', import.meta.url);

/** A target that the example does not know: two of the leads for a change, by script too. */
const BESIDE = `@id("ledger-change") @tier("manual") @approvers("2") @approver_group("leads") @max("1h")
permit (principal in Jit::Group::"engineers", action == Jit::Action::"Request", resource == Jit::Target::"ledger")
when { context.access == "write" };
@id("leads-agree-on-ledger") @unattended("yes")
permit (principal in Jit::Group::"leads", action == Jit::Action::"Approve", resource == Jit::Target::"ledger");
`;

/** Every file of the example, and what stands beside it. */
export const ACME_POLICIES = [
  ...readdirSync(EXAMPLE)
    .filter((name) => name.endsWith('.cedar'))
    .map((name) => readFileSync(new URL(name, EXAMPLE), 'utf8')),
  BESIDE,
].join('\n');

/** Alice and Ed are on call, Bob and Carol lead, Dan does both, Ivy is security, and Erin has nothing to do with any of it. */
export const STAFF = {
  alice: { name: 'alice.liddell', groups: ['engineers', 'on-call'] },
  ed: { name: 'ed.norton', groups: ['engineers', 'on-call'] },
  bob: { name: 'bob.ross', groups: ['leads'] },
  carol: { name: 'carol.shaw', groups: ['leads'] },
  dan: { name: 'dan.brown', groups: ['leads', 'engineers', 'on-call'] },
  ivy: { name: 'ivy.reed', groups: ['security'] },
  erin: { name: 'erin.hills', groups: [] },
} as const satisfies IdpOptions['accounts'];

/** By name: its environment. */
const PLACES = { 'prod-web': 'prod', staging: 'staging', ledger: 'finance' } as const;

export async function startAcme(
  t: TestContext,
  {
    accounts = STAFF,
    identity = '',
    claims,
    env = {},
    ...rest
  }: Pick<OfficeOptions, 'accounts' | 'identity' | 'claims' | 'env' | 'approvals' | 'sessions'> = {},
): Promise<Office> {
  const [idp, cloud] = await Promise.all([startIdp(t, { accounts }), startCloud(t)]);
  const targets = Object.entries(PLACES).map(
    ([name, environment]) => `  ${name}:
    provider: aws
    environment: ${environment}
    role: ${SANDBOX_ROLE_ARN}
    revoker: ${REVOKER_ROLE_ARN}
    region: us-east-1
    credentials: ambient
    endpoint: ${cloud.url}
    sandbox: true
`,
  );
  const broker = await startSharedBroker(t, {
    policy: ACME_POLICIES,
    ...rest,
    identity: `${people(idp)}${claims === undefined ? '' : `    claims: { ${claims} }\n`}${identity}`,
    targets: targets.join(''),
    env: { ...cloud.keys, ...env },
  });
  return { idp, broker, cloud };
}
