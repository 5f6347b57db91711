/**
 * What the worked example of policies says of a few things that people ask for, in plain words for the reference, and the rules
 * beside it among which the operator changes. What such a rule demands is written down twice: as policy, and in these words.
 * @module
 */
import type { Tier } from '../../../src/core/tier.ts';
import type { PolicySource } from '../../../src/policy/read.ts';
import type { RequestBody } from '../../../src/wire/bodies.ts';
import { POLICIES } from './example.ts';
import type { Group } from './people.ts';

export interface Terms {
  readonly tier: Tier;
  /** Null: whoever may approve. */
  readonly group: Group | null;
  readonly approvers: number;
}

/** What somebody of this kind gets who is in this group; an agent, whose person is. */
interface Offer extends Terms {
  readonly kind: 'user' | 'agent' | 'workload';
  readonly of: Group;
}

const manual = (approvers: number, group: Group | null): Terms => ({ tier: 'manual', group, approvers });
const own: Terms = { tier: 'self-serve', group: null, approvers: 0 };
const free: Terms = { tier: 'auto', group: null, approvers: 0 };
const to = (kind: Offer['kind'], of: Group, terms: Terms): Offer => ({ kind, of, ...terms });

interface Thing {
  readonly ask: RequestBody['authorization_details'][number];
  readonly prod: boolean;
  /** In office hours. */
  readonly offers: readonly Offer[];
  /** Whose approval counts; null where nobody's does. */
  readonly voters: Group | null;
  /** Who gets it under no rule. */
  readonly never?: Group;
}

const thing = (target: string, operation: string, resource: string): Thing['ask'] => ({
  type: 'jit_access',
  operation,
  resources: [resource],
  target,
});

const LOGS = 'arn:aws:logs:eu-central-1:111122223333:log-group:web';

export const THINGS = {
  /** Logs of the web site. */
  look: {
    ask: thing('prod-web', 'logs:FilterLogEvents', LOGS),
    prod: true,
    offers: [to('user', 'on-call', free), to('user', 'engineers', own), to('agent', 'engineers', manual(1, 'on-call'))],
    voters: 'on-call',
  },
  change: {
    ask: thing('prod-web', 's3:PutObject', 'arn:aws:s3:::acme-web/index.html'),
    prod: true,
    offers: [to('user', 'on-call', manual(1, 'leads')), to('user', 'engineers', manual(2, 'leads'))],
    voters: 'leads',
  },
  /** Permissions of others. */
  grave: {
    ask: thing('prod-web', 'iam:PutRolePolicy', 'arn:aws:iam::111122223333:role/web'),
    prod: true,
    offers: [to('user', 'platform-admins', manual(2, 'security'))],
    voters: 'security',
  },
  /** Data marked sensitive. */
  read: {
    ask: thing('prod-data', 's3:GetObject', 'arn:aws:s3:::acme-customers/2026.csv'),
    prod: true,
    offers: [to('user', 'analysts', manual(1, 'data-owners'))],
    voters: 'data-owners',
    never: 'contractors',
  },
  tend: {
    ask: thing('staging', 's3:PutObject', 'arn:aws:s3:::acme-staging/a'),
    prod: false,
    offers: [to('user', 'engineers', own), to('workload', 'pipelines', free)],
    voters: null,
  },
  peek: {
    ask: thing('staging', 's3:GetObject', 'arn:aws:s3:::acme-staging/a'),
    prod: false,
    offers: [to('user', 'engineers', free), to('agent', 'engineers', free), to('workload', 'pipelines', free)],
    voters: 'on-call',
  },
} as const satisfies Record<string, Thing>;

export type Operation = keyof typeof THINGS;

/** A rule beside the example. */
interface Rules {
  readonly cedar: string;
  readonly offers?: Partial<Record<Operation, readonly Offer[]>>;
  readonly forbidden?: readonly Operation[];
  /** Who else has to have a voter among them. */
  readonly alsoVoters?: Group;
  /** Who approves this too, by script as well where nothing else lets them. */
  readonly scripts?: { readonly operation: Operation; readonly group: Group };
}

const REQUEST = 'action == Jit::Action::"Request"';
const CHANGES = 'resource == Jit::Target::"prod-web")\nwhen { context.access == "write" };';
const engineers = 'permit (principal is Jit::User in Jit::Group::"engineers"';
const ONE_LEAD = `@id("model-one-lead") @tier("manual") @approver_group("leads") @max("1h")
${engineers}, ${REQUEST}, ${CHANGES}\n`;

/** By their numbers the sequences speak of them; the first is the example alone. */
export const RULES: readonly Rules[] = [
  { cedar: '' },
  {
    cedar: `@id("model-freeze") forbid (principal, ${REQUEST}, resource)
when { resource.environment == "prod" && !["list", "read"].contains(context.access) };`,
    forbidden: ['change', 'grave'],
  },
  { cedar: ONE_LEAD, offers: { change: [to('user', 'engineers', manual(1, 'leads'))] } },
  {
    cedar: `@id("model-open") @tier("auto") @max("1h") ${engineers}, ${REQUEST}, ${CHANGES}
@id("model-own-data") @tier("self-serve") @max("1h")
permit (principal is Jit::User in Jit::Group::"analysts", ${REQUEST}, resource == Jit::Target::"prod-data");
@id("model-agents-tend") @tier("self-serve") @max("1h")
permit (principal is Jit::Agent, ${REQUEST}, resource == Jit::Target::"staging")
when { principal has actsFor && principal.actsFor in Jit::Group::"engineers" && context.access == "write" };`,
    offers: {
      change: [to('user', 'engineers', free)],
      read: [to('user', 'analysts', own)],
      tend: [to('agent', 'engineers', own)],
    },
  },
  {
    cedar: `${ONE_LEAD}@id("model-owners-decide") forbid (principal, action == Jit::Action::"Approve", resource)
unless { principal in Jit::Group::"data-owners" };`,
    offers: { change: [to('user', 'engineers', manual(1, 'leads'))] },
    alsoVoters: 'data-owners',
  },
  {
    cedar: `@id("model-anybody") @tier("manual") @max("2h") ${engineers}, ${REQUEST}, ${CHANGES}
@id("model-scripts") @unattended("yes")
permit (principal in Jit::Group::"engineers", action == Jit::Action::"Approve", ${CHANGES}`,
    offers: { change: [to('user', 'engineers', manual(1, null))] },
    scripts: { operation: 'change', group: 'engineers' },
  },
];

/** The example as it is, and that rule in a file beside it. */
export function sourcesOf({ cedar }: Rules): readonly PolicySource[] {
  return [...POLICIES, { name: 'model.cedar', text: cedar }];
}

const ORDER: readonly Tier[] = ['auto', 'self-serve', 'manual'];

/** What somebody gets it for, or null. @param member whether they are in that group; for an agent its person. */
export function termsFor(
  rules: number,
  operation: Operation,
  kind: Offer['kind'],
  member: (group: Group) => boolean,
): Terms | null {
  const { offers = {}, forbidden = [] } = RULES[rules] ?? { cedar: '' };
  const { offers: usual, never }: Thing = THINGS[operation];
  if (forbidden.includes(operation) || (never !== undefined && member(never))) return null;
  const fitting = [...(offers[operation] ?? []), ...usual].filter((offer) => offer.kind === kind && member(offer.of));
  const [least = null] = fitting.toSorted(
    (a, b) => ORDER.indexOf(a.tier) - ORDER.indexOf(b.tier) || a.approvers - b.approvers,
  );
  return least;
}

/** Whether the vote of a person counts on it, as far as rules go. */
export function isVoter(
  rules: number,
  operation: Operation,
  member: (group: Group) => boolean,
  manner: 'attended' | 'unattended',
): boolean {
  const { alsoVoters = null, scripts = null } = RULES[rules] ?? { cedar: '' };
  const { voters }: Thing = THINGS[operation];
  if (member('contractors') || (alsoVoters !== null && !member(alsoVoters))) return false;
  const usual = voters !== null && member(voters);
  const byScript = scripts?.operation === operation && member(scripts.group);
  return manner === 'attended' ? usual || byScript : byScript && !usual;
}

/** Whether a person ends what others hold. */
export function isRevoker(operation: Operation, holder: Offer['kind'], member: (group: Group) => boolean): boolean {
  if (member('contractors')) return false;
  return member('security') || (member('on-call') && THINGS[operation].prod && holder !== 'user');
}
