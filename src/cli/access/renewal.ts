/**
 * A renewed grant on this machine: keeper, profile and keys last as long as it does now.
 * @module
 */
import { adoptionOf } from '../../keeper/connect.ts';
import { extendProfiles } from '../../profiles/aws/extend.ts';
import { awsFiles } from '../../profiles/aws/names.ts';
import { listProfiles } from '../../profiles/aws/wipe.ts';
import type { Context } from '../context.ts';
import { siteOf } from '../site.ts';
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
  const files = awsFiles(context.env, context.platform);
  const profiles = (await listProfiles(files)).filter((each) => each.grant === grant.id);
  const held = (await (await context.peekKeeper())?.list())?.find((each) => each.grant === grant.id);
  const [first] = profiles;
  if (first === undefined && held === undefined) return;
  const [broker, keeper] = [await context.broker(), await context.keeper()];
  const profile = first === undefined ? null : ({ tool: 'aws', name: first.name, files } as const);
  await keeper.adopt(adoptionOf(granted, { broker: broker.ref, profile, delivery: held?.delivery ?? 'process' }));
  await extendProfiles(files, grant.id, end, { locks: context.paths().locks });
  const keys = profiles.find(({ holds }) => holds === 'static');
  const leg = grant.legs[0];
  if (keys === undefined || leg === undefined) return;
  await writeKeys(context, { granted, leg, name: keys.name, files, site: await siteOf(context) }, broker);
}
