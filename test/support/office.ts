/**
 * A shared broker with people who ask and people who approve: the program jit-broker, the certified oidc-provider and the
 * sandbox as the cloud, each real.
 * @module
 */
import type { TestContext } from 'node:test';
import { REVOKER_ROLE_ARN, SANDBOX_ROLE_ARN } from '../../src/sandbox/world.ts';
import { type Idp, type IdpOptions, startIdp } from './idp.ts';
import { type Cloud, startCloud } from './gated-cloud.ts';
import { people, type SharedBroker, type SharedBrokerParts, startSharedBroker } from './shared-broker.ts';

const requests = (id: string, obligations: string, permission: string): string =>
  `@id("${id}") ${obligations} @max("1h")\npermit(principal in Jit::Group::"eng", action == Jit::Action::"Request", resource) when { context.permission == "${permission}" };\n`;

/** Whoever is in `leads` may approve, by script too. */
export const LEADS_APPROVE =
  '@id("leads") @unattended("yes") permit(principal in Jit::Group::"leads", action == Jit::Action::"Approve", resource);\n';

/** For those in `eng`: listing is free, reading is confirmed, deleting needs one of the leads. Writing is up to each set. */
const COMMON = [
  requests('list', '@tier("auto")', 's3:ListBucket'),
  requests('read', '@tier("self-serve")', 's3:GetObject'),
  requests('delete', '@tier("manual") @approvers("1") @approver_group("leads")', 's3:DeleteObject'),
  LEADS_APPROVE,
].join('');

/** Writing needs so many of the leads. */
export function policyWithLeads(count: number): string {
  return `${requests('write', `@tier("manual") @approvers("${count}") @approver_group("leads")`, 's3:PutObject')}${COMMON}`;
}

/** Writing is not to be had. */
export const NO_WRITING = COMMON;

/** Alice and Ed ask, Bob, Carol and Dan approve, and Erin has nothing to do with any of it. */
export const STAFF = {
  alice: { name: 'alice.liddell', groups: ['eng'] },
  ed: { name: 'ed.norton', groups: ['eng'] },
  bob: { name: 'bob.ross', groups: ['leads'] },
  carol: { name: 'carol.shaw', groups: ['leads'] },
  dan: { name: 'dan.brown', groups: ['leads', 'eng'] },
  erin: { name: 'erin.hills', groups: [] },
} as const satisfies IdpOptions['accounts'];

export interface Office {
  readonly idp: Idp;
  readonly broker: SharedBroker;
  readonly cloud: Cloud;
}

export interface OfficeOptions extends Partial<Omit<SharedBrokerParts, 'targets' | 'cloud' | 'notify' | 'incidents'>> {
  readonly accounts?: IdpOptions['accounts'];
  /** `claims` of the provider of people, such as `person: email`. */
  readonly claims?: string;
  /** @returns entries of `notify`, which name people by their provider. */
  readonly notify?: (idp: Idp) => string;
  /** @returns entries of `incidents`, likewise. */
  readonly incidents?: (idp: Idp) => string;
}

/** Two of the leads for writing, unless `policy` says otherwise. */
export async function startOffice(t: TestContext, options: OfficeOptions = {}): Promise<Office> {
  const { accounts = STAFF, identity = '', claims, env = {}, notify, incidents, ...rest } = options;
  const [idp, cloud] = await Promise.all([startIdp(t, { accounts }), startCloud(t)]);
  const broker = await startSharedBroker(t, {
    policy: policyWithLeads(2),
    ...rest,
    ...(notify === undefined ? {} : { notify: notify(idp) }),
    ...(incidents === undefined ? {} : { incidents: incidents(idp) }),
    identity: `${people(idp)}${claims === undefined ? '' : `    claims: { ${claims} }\n`}${identity}`,
    targets: `  reports:
    provider: aws
    environment: prod
    role: ${SANDBOX_ROLE_ARN}
    revoker: ${REVOKER_ROLE_ARN}
    region: us-east-1
    credentials: ambient
    endpoint: ${cloud.url}
    sandbox: true
`,
    env: { ...cloud.keys, ...env },
  });
  return { idp, broker, cloud };
}
