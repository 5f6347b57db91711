/**
 * What `@unattended` says about a permit on action `Approve`.
 * @module
 */
import type { Annotations } from './annotations.ts';

/**
 * How a yes was given: `attended` where a person was asked for it at a terminal or on a page, `unattended` where a program gave
 * it. The program says so itself, and a changed one can lie: this is against scripts with the ordinary one.
 */
export type Manner = 'attended' | 'unattended';

/**
 * Whether the policy also lets its voters vote unattended.
 * @param report is called with each problem, in plain words; with a problem the result must not be used.
 */
export function readUnattended(
  effect: 'permit' | 'forbid',
  actions: readonly string[] | null,
  annotations: Annotations,
  report: (problem: string) => void,
): boolean {
  if (!Object.hasOwn(annotations, 'unattended')) return false;
  if (effect === 'forbid' || actions?.length !== 1 || actions[0] !== 'Approve') {
    report('@unattended has a meaning only on a permit on Approve');
  }
  const { unattended: value } = annotations;
  if (value !== 'yes') report(`@unattended(${JSON.stringify(value ?? '')}): the only thing it can be is "yes"`);
  return value === 'yes';
}
