/**
 * By whom a grant was ended, from the audit log: between their word and the end at the cloud the broker alone is at work.
 * @module
 */
import * as z from 'zod';
import type { Grant, GrantEvent } from '../../core/grant.ts';
import type { GrantId } from '../../core/ids.ts';
import type { Principal } from '../../core/principal.ts';
import type { World } from './world.ts';

const endEntry = z.looseObject({
  type: z.literal('grant.end'),
  actor: z.looseObject({ kind: z.enum(['user', 'workload', 'agent']), issuer: z.string(), subject: z.string() }),
});

const PAGE = 1_000;

/**
 * The name of whoever ended it; nobody for what ended by itself, and where the log cannot be read.
 * @param event by which it closes. @param actor whose event that is.
 */
export async function endedBy(
  world: World,
  { id, state }: Grant,
  event: GrantEvent,
  actor: Principal | 'broker',
): Promise<readonly string[]> {
  if (state.name !== 'closed' || (state.reason !== 'revoked' && state.reason !== 'completed')) return [];
  if (event.type === 'end') return actor === 'broker' ? [] : [actor.name];
  const who = await enderOf(world, id).catch(() => null);
  return who === null ? [] : [(await world.present(who)).name];
}

async function enderOf({ store }: World, grant: GrantId): Promise<Principal | null> {
  for (let from = 0; ;) {
    const entries = await store.entries({ grant, from, limit: PAGE });
    for (const { line } of entries) {
      const { success, data: entry } = endEntry.safeParse(JSON.parse(line));
      if (!success) continue;
      const { kind, issuer, subject } = entry.actor;
      return { kind, issuer, subject, name: subject, groups: [] };
    }
    const last = entries.at(-1);
    if (entries.length < PAGE || last === undefined) return null;
    from = last.sequence + 1;
  }
}
