/**
 * The profiles of all tools together.
 * @module
 */
import { asJitError } from '../core/errors.ts';
import type { JitError } from '../core/errors.ts';
import type { ToolSettings } from '../core/credential.ts';
import { awsProfiles } from './aws/tool.ts';
import { azureProfiles } from './azure/tool.ts';
import { gcloudProfiles } from './gcp/tool.ts';
import { kubernetesProfiles } from './kubernetes/tool.ts';
import { postgresProfiles } from './postgres/tool.ts';
import type { LockDeps, ManagedProfile, Places, ProfileTool, Tool, WipeConflict, WipeResult } from './tool.ts';

const ALL: readonly ProfileTool[] = [awsProfiles, postgresProfiles, kubernetesProfiles, gcloudProfiles, azureProfiles];

/** Null for a tool that needs no profile, or has none. */
export function profilesOf(kind: ToolSettings['kind']): ProfileTool | null {
  return ALL.find(({ tool }) => tool === kind) ?? null;
}

/** Where one tool looks. */
export interface Spot {
  readonly profiles: ProfileTool;
  readonly places: Places;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Where each tool looks under this environment. One whose place cannot be told has nothing that jit could have written there. */
export function spotsOf(env: Env, platform: NodeJS.Platform): readonly Spot[] {
  return ALL.flatMap((profiles) => {
    try {
      return [{ profiles, places: profiles.places(env, platform) }];
    } catch {
      return [];
    }
  });
}

/** The profiles with jit's marker. Throws `ERR_LOCAL_FILE` for a file that may not be read. */
export async function listAll(spots: readonly Spot[]): Promise<readonly ManagedProfile[]> {
  const found: ManagedProfile[] = [];
  for (const { profiles, places } of spots) found.push(...(await profiles.list(places)));
  return found;
}

/** Every tool is tried, even if one fails. */
export async function wipeAllOf(
  spots: readonly Spot[],
  select: (profile: ManagedProfile) => boolean,
  deps: LockDeps,
): Promise<WipeResult> {
  const wiped: ManagedProfile[] = [];
  const conflicts: WipeConflict[] = [];
  const failed: JitError[] = [];
  for (const { profiles, places } of spots) {
    try {
      const result = await profiles.wipe(places, select, deps);
      wiped.push(...result.wiped);
      conflicts.push(...result.conflicts);
      failed.push(...result.failed);
    } catch (thrown) {
      failed.push(asJitError(thrown));
    }
  }
  return { wiped, conflicts, failed };
}

/** Throws `ERR_LOCAL_FILE` for a tool that this jit has no profiles for. */
export function spotOf(tool: Tool, places: Places): Spot | null {
  const profiles = profilesOf(tool);
  return profiles === null ? null : { profiles, places };
}
