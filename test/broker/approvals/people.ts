/**
 * Who takes part in the model of approvals: accounts, the people behind them, and their groups.
 * @module
 */
import type { Person, Principal } from '../../../src/core/principal.ts';

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

/** Those of the worked example that matter to what is asked for here. */
export const GROUPS = [
  'engineers',
  'on-call',
  'leads',
  'data-owners',
  'analysts',
  'security',
  'platform-admins',
  'contractors',
  'pipelines',
] as const;
export type Group = (typeof GROUPS)[number];
export type Membership = ReadonlyMap<Name, ReadonlySet<Group>>;

/** Groups in which not everybody is from the beginning. */
const FEW: Partial<Record<Group, readonly Name[]>> = {
  'on-call': ['ann', 'cy', 'dee'],
  'data-owners': ['cy', 'dee', 'rita elsewhere'],
  security: ['ann', 'bo in capitals', 'dee', 'rita'],
  contractors: [],
};

/** Most may ask and approve, so that little but what jit itself forbids stands between anybody and their own request. */
export function atFirst(): Membership {
  return new Map(
    NAMES.map((name) => {
      const groups = GROUPS.filter((group) => FEW[group]?.includes(name) ?? (group !== 'leads' || name !== 'dee'));
      return [name, new Set(groups)];
    }),
  );
}
