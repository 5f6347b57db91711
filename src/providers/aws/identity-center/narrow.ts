/**
 * What can be asked for in IAM Identity Center: to use a permission set, whole.
 * @module
 */
import type { Assessment } from '../../../core/access.ts';
import { display } from '../../../core/display.ts';
import { JitError } from '../../../core/errors.ts';
import type { Permission } from '../../../core/request.ts';
import { suggest } from '../../../core/suggest.ts';
import type { CenterTarget } from './target.ts';

/** The one action. It is jit's own word: a permission set cannot be given in part. */
export const USE = 'identity-center:UsePermissionSet';

/** Whatever a permission set permits, somebody else decides, and may change tomorrow. */
const ASSESSMENT: Assessment = { access: 'permissions', breadth: 'broad' };

export interface Narrowed {
  readonly permission: Permission;
  /** ARNs. */
  readonly sets: readonly string[];
  readonly assessment: Assessment;
}

/** Throws `ERR_OPERATION` or `ERR_RESOURCE`. */
export function narrow(target: CenterTarget, permission: Permission): Narrowed {
  const { operation, actions, resources } = permission;
  const wrong = actions.find((action) => action.toLowerCase() !== USE.toLowerCase());
  if (wrong !== undefined || actions.length === 0) {
    throw new JitError({
      code: 'ERR_OPERATION',
      message: `${display(wrong ?? operation, 100)}: not an operation of IAM Identity Center`,
      hint: `${USE} is the only one`,
    });
  }
  const sets = [...new Set(resources)];
  const unknown = sets.find((set) => !target.permissionSets.includes(set));
  if (unknown !== undefined || sets.length === 0) {
    const [meant = target.permissionSets[0]] = suggest(unknown ?? '', target.permissionSets, 1);
    throw new JitError({
      code: 'ERR_RESOURCE',
      message: `${display(unknown ?? operation, 200)}: not a permission set of target ${target.name}`,
      hint: `one of them is ${meant}`,
    });
  }
  const raw = actions.includes(operation);
  return {
    permission: { ...permission, operation: raw ? USE : operation, actions: [USE], resources: sets },
    sets,
    assessment: ASSESSMENT,
  };
}

/** The permission sets of all permissions, sorted. Throws as `narrow`. */
export function setsOf(target: CenterTarget, permissions: readonly Permission[]): readonly string[] {
  return [...new Set(permissions.flatMap((one) => narrow(target, one).sets))].toSorted();
}
