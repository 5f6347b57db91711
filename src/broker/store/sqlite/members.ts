/**
 * Reads what lies as JSON in a cell. Strict like the rest: what is not exactly what the store writes is null.
 * @module
 */
import type { Vote } from '../../../core/approval.ts';
import type { BoundIncident, Standing } from '../../../core/incident.ts';
import type { Principal } from '../../../core/principal.ts';
import type { Ask, Permission, Quorum } from '../../../core/request.ts';
import type { Idempotency } from '../store.ts';

export const asText = (value: unknown): string | null => (typeof value === 'string' ? value : null);

export function asAsk(value: unknown): Ask | null {
  const operation = asText(member(value, 'operation'));
  const resources = asTexts(member(value, 'resources'));
  const target = member(value, 'target');
  if (operation === null || resources === null) return null;
  if (target === undefined) return { operation, resources };
  return typeof target === 'string' ? { operation, resources, target } : null;
}

export function asPermission(value: unknown): Permission | null {
  const target = asText(member(value, 'target'));
  const operation = asText(member(value, 'operation'));
  const actions = asTexts(member(value, 'actions'));
  const resources = asTexts(member(value, 'resources'));
  if (target === null || operation === null || actions === null || resources === null) return null;
  return { target, operation, actions, resources };
}

export function asQuorum(value: unknown): Quorum | null {
  const [group, approvers] = [member(value, 'group'), asWhole(member(value, 'approvers'))];
  if ((group !== null && typeof group !== 'string') || approvers === null || approvers < 1) return null;
  return { group, approvers };
}

export function asIdempotency(value: unknown): Idempotency | null {
  const [key, bodyHash] = [asText(member(value, 'key')), asText(member(value, 'bodyHash'))];
  return key === null || bodyHash === null ? null : { key, bodyHash };
}

export function asVote(value: unknown): Vote | null {
  const [choice, comment] = [member(value, 'choice'), member(value, 'comment')];
  const [voter, at, policy] = [
    asVoter(member(value, 'voter')),
    asWhole(member(value, 'at')),
    asText(member(value, 'policy')),
  ];
  if (choice !== 'approve' && choice !== 'deny') return null;
  // What was written before this was asked for says nothing, and counts as what nobody was asked for.
  const attended = member(value, 'attended') ?? false;
  if (voter === null || at === null || policy === null || typeof attended !== 'boolean') return null;
  return comment === null || typeof comment === 'string' ? { voter, choice, comment, attended, at, policy } : null;
}

export function asBound(value: unknown): BoundIncident | null {
  const [source, id, reference] = [
    asText(member(value, 'source')),
    member(value, 'id'),
    asText(member(value, 'reference')),
  ];
  const standing = asStanding(member(value, 'standing'));
  if (source === null || reference === null || standing === null) return null;
  return id === null || typeof id === 'string' ? { source, id, reference, standing } : null;
}

function asStanding(value: unknown): Standing | null {
  const [responder, commander] = [member(value, 'responder'), member(value, 'commander')];
  const onCallTier = asWhole(member(value, 'onCallTier'));
  if (typeof responder !== 'boolean' || typeof commander !== 'boolean' || onCallTier === null) return null;
  return { responder, commander, onCallTier };
}

export function asPerson(value: unknown): Principal | null {
  return asVoter(value);
}

/** Only a person votes, in their own name. */
function asVoter(value: unknown): Principal | null {
  const issuer = asText(member(value, 'issuer'));
  const subject = asText(member(value, 'subject'));
  const name = asText(member(value, 'name'));
  const groups = asTexts(member(value, 'groups'));
  const personKey = member(value, 'personKey');
  if (issuer === null || subject === null || name === null || groups === null) return null;
  if (member(value, 'kind') !== 'user' || member(value, 'actsFor') !== undefined) return null;
  const itself = { kind: 'user', issuer, subject, name, groups } as const;
  if (personKey === undefined) return itself;
  return typeof personKey === 'string' ? { ...itself, personKey } : null;
}

const asWhole = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) ? value : null;

function asTexts(value: unknown): readonly string[] | null {
  if (!Array.isArray(value)) return null;
  const texts = value.filter((one): one is string => typeof one === 'string');
  return texts.length === value.length ? texts : null;
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
}
