/**
 * Who takes part in the model of approvals: accounts, the people behind them, their groups, and the policy sets among which
 * the operator changes. What a set demands is written down twice: as policy, and in plain words for the reference.
 * @module
 */
import type { Person, Principal } from '../../../src/core/principal.ts';
import type { Tier } from '../../../src/core/tier.ts';

const HERE = 'https://id.test';
const ELSEWHERE = 'https://other.test';

interface Account {
  readonly principal: Principal;
  /** Who it is in truth; null where nobody speaks in their own name. */
  readonly person: string | null;
}

function human(person: string, subject: string, issuer: string, personKey?: string): Account {
  const base = { kind: 'user' as const, issuer, subject, name: subject, groups: [] };
  return { person, principal: personKey === undefined ? base : { ...base, personKey } };
}

function machine(kind: 'agent' | 'workload', subject: string, actsFor?: Person): Account {
  const base = { kind, issuer: HERE, subject, name: subject, groups: [] };
  return { person: null, principal: actsFor === undefined ? base : { ...base, actsFor } };
}

const RITA = { kind: 'user' as const, issuer: HERE, subject: 'rita', name: 'rita', groups: [], personKey: 'p-rita' };

export const ACCOUNTS = {
  rita: { person: 'rita', principal: RITA },
  'rita elsewhere': human('rita', 'r.smith', ELSEWHERE, 'P-Rita'),
  "rita's agent": machine('agent', 'bot', RITA),
  sol: human('sol', 'sol', HERE),
  'sol in capitals': human('sol', 'SOL', HERE),
  agent: machine('agent', 'robot'),
  pipeline: machine('workload', 'pipe'),
  ann: human('ann', 'ann', HERE, 'p-ann'),
  'ann elsewhere': human('ann', 'a.jones', ELSEWHERE, 'ｐ-ann'),
  bo: human('bo', 'straße', HERE),
  'bo in capitals': human('bo', 'STRASSE', HERE),
  cy: human('cy', 'cy', HERE),
  dee: human('dee', 'dee', ELSEWHERE),
} as const satisfies Record<string, Account>;

export type Name = keyof typeof ACCOUNTS;
// Object.keys forgets what it knows of its argument.
export const NAMES = Object.keys(ACCOUNTS) as readonly Name[];
export const REQUESTERS = ['rita', 'rita elsewhere', "rita's agent", 'sol in capitals', 'pipeline'] as const;

export function accountOf(name: Name): Account {
  return ACCOUNTS[name];
}

export function nameOf({ issuer, subject }: Pick<Principal, 'issuer' | 'subject'>): Name {
  const found = NAMES.find((name) => {
    const { principal } = ACCOUNTS[name];
    return principal.issuer === issuer && principal.subject === subject;
  });
  if (found === undefined) throw new Error(`nobody here is ${subject} at ${issuer}`);
  return found;
}

export const GROUPS = ['engineers', 'approvers', 'leads', 'owners'] as const;
export type Group = (typeof GROUPS)[number];
export type Membership = ReadonlyMap<Name, ReadonlySet<Group>>;

/** Everybody may ask and approve, so that nothing but what jit itself forbids stands between anybody and their own request. */
export function atFirst(): Membership {
  return new Map(
    NAMES.map((name) => {
      const owns = ['cy', 'dee', 'rita elsewhere'].includes(name);
      const leads = name !== 'dee';
      const groups = GROUPS.filter((group) => (group === 'owners' ? owns : group === 'leads' ? leads : true));
      return [name, new Set(groups)];
    }),
  );
}

export interface Terms {
  readonly tier: Tier;
  readonly group: Group | null;
  readonly approvers: number;
}

export interface Rules {
  /** For each operation what a requester who is an engineer gets it for; null where it is not to be had. */
  readonly put: Terms | null;
  readonly remove: Terms | null;
  /** Whose approval counts. */
  readonly approve: Group;
}

const manual = (approvers: number, group: Group | null): Terms => ({ tier: 'manual', group, approvers });
const own: Terms = { tier: 'self-serve', group: null, approvers: 0 };
const free: Terms = { tier: 'auto', group: null, approvers: 0 };

export const RULES: readonly Rules[] = [
  { put: manual(1, 'leads'), remove: manual(1, 'owners'), approve: 'approvers' },
  { put: manual(2, 'leads'), remove: manual(1, null), approve: 'approvers' },
  { put: own, remove: manual(2, null), approve: 'approvers' },
  { put: free, remove: own, approve: 'approvers' },
  { put: manual(1, 'leads'), remove: manual(1, 'owners'), approve: 'owners' },
  { put: manual(1, null), remove: null, approve: 'approvers' },
];

const ENGINEER = 'principal in Jit::Group::"engineers"';

export function cedarOf({ put, remove, approve }: Rules): string {
  return [
    permit('put', 's3:PutObject', put),
    permit('remove', 's3:DeleteObject', remove),
    `@id("approve") permit(principal in Jit::Group::"${approve}", action == Jit::Action::"Approve", resource);`,
  ].join('\n');
}

function permit(id: string, permission: string, terms: Terms | null): string {
  if (terms === null) return '';
  const { tier, approvers, group } = terms;
  const people = tier === 'manual' ? ` @approvers("${approvers}")` : '';
  const named = group === null ? '' : ` @approver_group("${group}")`;
  return `@id("${id}") @tier("${tier}") @max("1h")${people}${named}
permit(principal, action == Jit::Action::"Request", resource) when { ${ENGINEER} && context.permission == "${permission}" };`;
}
