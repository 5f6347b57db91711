/**
 * What would be issued at a target, for people and for policy.
 * @module
 */
import type { Plan, RevocationClass } from '../../core/access.ts';
import { display } from '../../core/display.ts';
import { formatDuration } from '../../core/duration.ts';
import { together } from './narrow.ts';
import type { Narrowed, Pair } from './narrow.ts';
import { patternsOf } from './roles.ts';
import type { AzureTarget } from './target.ts';

/**
 * Seconds until a change of role assignments is in effect everywhere: "it can take up to 10 minutes for changes to take
 * effect when you assign roles or remove role assignments" (Azure RBAC, "Troubleshoot Azure RBAC").
 */
export const PROPAGATION = 600;
/**
 * Seconds. An assignment of privileged identity management "can't be assigned for a duration of less than five minutes" and
 * "can't be removed within five minutes of it being assigned" (Microsoft Entra, "Assign Azure resource roles in PIM").
 */
export const SHORTEST_PIM = 300;
/** Of a role with very many operations, so many are named one by one. */
const NAMED = 12;

/** The assignments in one spelling, for the plan and for the record of what was given. */
export function permissionText(target: AzureTarget, pairs: readonly Pair[], given: object = {}): string {
  return JSON.stringify({
    assignment: target.mode,
    principal: target.recipient.kind,
    assignments: pairs.map(({ scope, role }) => ({
      scope,
      roleDefinitionId: role.id,
      roleName: role.name,
      permissions: role.blocks,
    })),
    ...given,
  });
}

export function planOf(
  target: AzureTarget,
  parts: { readonly narrowed: readonly Narrowed[]; readonly pairs: readonly Pair[]; readonly seconds: number },
): Plan {
  const { narrowed, pairs, seconds } = parts;
  const revocation = revocationOf(target);
  const floorSeconds = target.mode === 'pim' ? SHORTEST_PIM : 0;
  return {
    target: target.name,
    permission: permissionText(target, pairs),
    words: [
      target.recipient.kind === 'identity'
        ? 'to an identity of its own, which is deleted at the end'
        : "to the requester's own account",
      ...pairs.flatMap(pairWords),
      ...(narrowed.some(({ assessment }) => assessment.access === 'permissions')
        ? ['keys and access that it hands out stay after the grant has ended']
        : []),
      'azure takes up to 10 minutes to let it work, and as long to refuse it again',
      ...endWords(target, seconds),
    ],
    assessment: together(narrowed),
    floorSeconds,
    residualSeconds: PROPAGATION + Math.max(0, floorSeconds - seconds),
    revocation,
  };
}

/** What becomes of access that is out when its grant ends early. */
export function revocationOf({ mode }: Pick<AzureTarget, 'mode'>): RevocationClass {
  return { kind: 'within', seconds: PROPAGATION + (mode === 'pim' ? SHORTEST_PIM : 0) };
}

function endWords({ mode, recipient }: AzureTarget, seconds: number): readonly string[] {
  if (mode === 'pim') {
    return [
      seconds < SHORTEST_PIM
        ? `azure assigns nothing for less than 5 minutes, so that it lasts ${formatDuration(SHORTEST_PIM - seconds)} longer than the grant`
        : 'azure ends it by itself at the end of the grant',
      'it cannot be taken back in its first 5 minutes',
    ];
  }
  return recipient.kind === 'identity'
    ? ['azure keeps no end: if no broker runs at the end, tokens that are out work for up to a day']
    : ['azure keeps no end: if no broker runs at the end of the grant, the access stays until one does'];
}

/** The role, what of it was asked for, and what else it brings. */
function pairWords({ scope, role, asked }: Pair): readonly string[] {
  const names = new Set(asked.map(({ name }) => name.toLowerCase()));
  const patterns = patternsOf(role);
  const wild = patterns.filter((pattern) => pattern.includes('*'));
  const more = patterns.filter((pattern) => !pattern.includes('*') && !names.has(pattern.toLowerCase()));
  const except = role.blocks.flatMap(({ notActions, notDataActions }) => [...notActions, ...notDataActions]);
  return [
    `role ${role.name} on ${scope}`,
    ...asked.map(({ name, summary, access, data }) => `${summary}, with ${name} (${access}${data ? ', data' : ''})`),
    ...(more.length === 0 ? [] : [`the role brings ${more.length} more that was not asked for: ${some(more)}`]),
    ...(wild.length === 0 ? [] : [`the role brings wildcards, wider than what was asked for: ${some(wild)}`]),
    ...(wild.length === 0 || except.length === 0 ? [] : [`except ${some(except)}`]),
    ...(more.length === 0 && wild.length === 0 ? ['the role brings nothing else'] : []),
  ];
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, NAMED).map((name) => display(name, 160));
  return `${shown.join(', ')}${names.length > NAMED ? ` and ${names.length - NAMED} more` : ''}`;
}
