/**
 * A renewed grant on this machine: keeper, profile and keys last as long as it does now.
 * @module
 */
import { adoptionOf } from '../../keeper/connect.ts';
import { listAll } from '../../profiles/all.ts';
import type { Context } from '../context.ts';
import { profilesHere, spotsHere } from '../sweep.ts';
import type { Granted } from './submit.ts';
import { writeKeys } from './install.ts';
import { endOf } from './words.ts';

/**
 * Does nothing for a grant that is not on this machine. The keeper hears of the new end from the broker as well; here it
 * is told, so that it has it before anybody relies on it. Keys in a file end with the old end, so they are written anew.
 * Throws `ERR_LOCAL_FILE`, `ERR_KEEPER`, and `ERR_GRANT_ENDED` where the keeper has just wiped it.
 */
export async function followRenewal(context: Context, granted: Granted): Promise<void> {
  const { grant } = granted;
  const end = endOf(grant);
  if (end === null) return;
  const spots = spotsHere(context);
  const profiles = await profilesHere(context, grant.id);
  const held = (await (await context.peekKeeper())?.list())?.find((each) => each.grant === grant.id);
  if (profiles.length === 0 && held === undefined) return;
  const [broker, keeper] = [await context.broker(), await context.keeper()];
  await keeper.adopt(adoptionOf(granted, { broker: broker.ref, profiles, delivery: held?.delivery ?? 'process' }));
  for (const { profiles: tool, places } of spots) {
    await tool.extend(places, grant.id, end, { locks: context.paths().locks });
  }
  const keys = (await listAll(spots)).find((each) => each.grant === grant.id && each.holds === 'static');
  const place = profiles.find(({ tool, name }) => tool === keys?.tool && name === keys.name);
  if (place !== undefined) await writeKeys(context, granted, place, broker);
}
