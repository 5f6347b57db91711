/**
 * From a live grant to a profile that the ordinary tools can use; or, where that fails, back to nothing.
 * @module
 */
import { asJitError, JitError } from '../../core/errors.ts';
import { adoptionOf, type Keeper } from '../../keeper/connect.ts';
import { readOwnFile } from '../../local/atomic.ts';
import { MAX_EDIT_BYTES } from '../../local/edit.ts';
import { isConfigHeader, isCredentialsHeader, nameTaken, type ProfileDeps } from '../../profiles/aws/file.ts';
import { type AwsFiles, awsFiles, checkProfileName } from '../../profiles/aws/names.ts';
import { isNameTaken } from '../../profiles/aws/sections.ts';
import { writeProfile, writeStaticCredentials } from '../../profiles/aws/write.ts';
import type { LegView } from '../../wire/views.ts';
import type { Broker, Context } from '../context.ts';
import { type Site, siteOf } from '../site.ts';
import { profileNameFor } from './words.ts';
import type { Granted } from './submit.ts';

/** What the profile holds: a way to ask jit, or the keys themselves for tools that need them in a file. */
export type Holds = 'process' | 'keys';

/** How the user wants it. */
export interface Wish {
  /** Null: one is made up. */
  readonly profile: string | null;
  readonly holds: Holds;
  /** What becomes of the grant if the profile cannot be made: one that was in use before must not be taken away. */
  readonly onFailure: 'revoke' | 'keep';
}

/** A profile that is there. */
export interface Installed {
  readonly name: string;
  readonly tool: 'aws';
  readonly path: string;
  readonly target: string;
  readonly holds: Holds;
}

/** Throws `ERR_PROFILE_NAME` or `ERR_PROFILE_EXISTS` before anything is asked for or written. */
export async function checkWish(context: Context, { profile }: Wish): Promise<void> {
  if (profile === null) return;
  const name = checkProfileName(profile);
  const files = awsFiles(context.env, context.platform);
  const places = [
    { path: files.config, isTaken: isConfigHeader },
    { path: files.credentials, isTaken: isCredentialsHeader },
  ];
  for (const { path, isTaken } of places) {
    const text = (await readOwnFile(path, MAX_EDIT_BYTES))?.toString('latin1') ?? '';
    if (isNameTaken(text, (line) => isTaken(line, name))) throw nameTaken(name, path);
  }
}

/**
 * Hands the grant to the keeper, then writes the profile: in this order, so that somebody is there to wipe what is
 * written. If any step fails a fresh grant is revoked at once, and the error says so.
 */
export async function install(context: Context, granted: Granted, wish: Wish): Promise<Installed> {
  const [broker, site] = [await context.broker(), await siteOf(context)];
  let keeper: Keeper | null = null;
  try {
    const leg = onlyLeg(granted, site);
    const name = checkProfileName(wish.profile ?? profileNameFor(granted));
    const files = awsFiles(context.env, context.platform);
    keeper = await context.keeper();
    const profile = { tool: 'aws', name, files } as const;
    await keeper.adopt(adoptionOf(granted, { broker: broker.ref, profile, delivery: 'process' }));
    const writing = { granted, leg, name, files, site };
    await writeEntry(context, writing);
    if (wish.holds === 'keys') await writeKeys(context, writing, broker);
    return {
      name,
      tool: 'aws',
      path: wish.holds === 'keys' ? files.credentials : files.config,
      target: leg.target,
      holds: wish.holds,
    };
  } catch (thrown) {
    if (wish.onFailure === 'keep') throw thrown;
    throw await undo(asJitError(thrown), granted, { broker, keeper, site });
  }
}

/** What is written where. */
export interface Writing {
  readonly granted: Granted;
  readonly leg: LegView;
  readonly name: string;
  readonly files: AwsFiles;
  readonly site: Site;
}

async function writeEntry(context: Context, { granted: { grant }, leg, name, files, site }: Writing): Promise<void> {
  const { tool } = leg;
  const { runtime, jit: script } = context.installation;
  if (grant.expiresAt === null || tool === null) throw unusable(leg, site);
  await writeProfile(
    files,
    {
      name,
      grant: grant.id,
      expiresAt: Date.parse(grant.expiresAt),
      command: { runtime, script },
      region: tool.region,
      ...(tool.endpoint === null ? {} : { endpointUrl: tool.endpoint }),
    },
    profileDeps(context),
  );
}

/** Fetches keys and writes them into the credentials file, in the place of those that stand there for this name. */
export async function writeKeys(
  context: Context,
  { granted: { grant }, leg, name, files, site }: Writing,
  broker: Broker,
): Promise<void> {
  const deps = profileDeps(context);
  const issued = (await broker.client.credentials(grant.id)).credentials.find(({ target }) => target === leg.target);
  if (issued === undefined) throw unusable(leg, site);
  const expiresAt = Date.parse(issued.expiration);
  await writeStaticCredentials(files, { name, grant: grant.id, expiresAt, credential: issued.credential.keys }, deps);
}

function profileDeps(context: Context): ProfileDeps {
  return { locks: context.paths().locks, now: context.now };
}

function onlyLeg({ grant }: Granted, { broker }: Site): LegView {
  const [leg, ...more] = grant.legs;
  if (leg === undefined) throw new JitError({ code: 'ERR_BROKER_REPLY', message: 'the grant names no target', broker });
  if (more.length > 0) {
    throw new JitError({
      code: 'ERR_TARGET',
      message: `one profile cannot serve ${grant.legs.length} targets`,
      hint: 'ask for one target at a time with: --target NAME',
      broker,
    });
  }
  return leg;
}

function unusable({ target }: LegView, { broker }: Site): JitError {
  const message = `the broker does not say how to use the target ${target}`;
  return new JitError({ code: 'ERR_BROKER_REPLY', message, broker });
}

/** Revokes what nobody could use anyway, and says whether that worked. */
async function undo(
  failure: JitError,
  { grant }: Granted,
  { broker, keeper, site }: { readonly broker: Broker; readonly keeper: Keeper | null; readonly site: Site },
): Promise<JitError> {
  const results = await Promise.allSettled([keeper?.release(grant.id), broker.client.revoke(grant.id, 'revoked')]);
  const revoked = results[1].status === 'fulfilled';
  const { hint, code } = failure;
  const remedy =
    code === 'ERR_LOCAL_FILE' && hint?.includes('jit exec') !== true ? `${hint ?? ''}; jit exec needs no file` : hint;
  return new JitError({
    code: failure.code,
    // What failed may be a file here; the grant, which this is about in the end, is the broker's.
    message: `${failure.message}; ${revoked ? 'the grant was revoked at once' : `the grant ${grant.id} could not be revoked`}`,
    hint: revoked ? remedy : `revoke it with: ${site.line(`jit revoke ${grant.id}`)}`,
    subject: grant.id,
    broker: failure.broker ?? site.broker,
    cause: failure,
  });
}
