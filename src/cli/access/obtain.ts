/**
 * A complete request, brought to its end: a live grant, and a profile that goes with it.
 * @module
 */
import type { Context } from '../context.ts';
import type { CompleteAccess } from './complete.ts';
import type { Wish } from './install.ts';
import { awaitGrant, bodyOf, type Granted, newKey, submit, type Waiter } from './submit.ts';

/** Submits it and waits. Throws as `submit` and `awaitGrant` do. */
export async function obtain(context: Context, access: CompleteAccess, waiter: Waiter): Promise<Granted> {
  // The keeper is there before anything is granted, so that a keeper that cannot start costs no grant.
  await Promise.all([context.broker(), context.keeper()]);
  const outcome = await submit(context, bodyOf(access), newKey(context.random));
  return await awaitGrant(context, outcome, waiter);
}

/** The same with profiles. @param agreed the last chance to throw before anything is submitted. @returns 0. */
export async function obtainProfile(
  context: Context,
  access: CompleteAccess,
  { wish, agreed, ...waiter }: Waiter & { readonly wish: Wish; readonly agreed?: () => Promise<void> },
): Promise<number> {
  const { checkWish, install } = await import('./install.ts');
  await checkWish(context, wish);
  await agreed?.();
  const granted = await obtain(context, access, waiter);
  const profiles = await install(context, granted, wish);
  const { reportGranted } = await import('./report.ts');
  await reportGranted(context, granted, profiles, waiter.format);
  return 0;
}
