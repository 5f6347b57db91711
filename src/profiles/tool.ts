/**
 * What every kind of profile can do: be written, found, put off and wiped, whatever files its tool reads.
 * @module
 */
import type { ToolSettings } from '../core/credential.ts';
import type { JitError } from '../core/errors.ts';
import type { GrantId } from '../core/ids.ts';

/** The tools, by the kind of their settings. */
export const TOOLS = ['aws', 'postgres', 'kubernetes', 'gcp', 'azure'] as const;
export type Tool = (typeof TOOLS)[number];

/** Absolute paths of the files or folders in which a tool looks for profiles, by what they are to it. */
export type Places = Readonly<Record<string, string>>;

/** What every edit of a tool's files takes. */
export interface LockDeps {
  /** The private folder for locks. */
  readonly locks: string;
  /** How long to wait for other jit processes; 10 s if left out. */
  readonly waitMs?: number;
}

/** What writing takes beside it. */
export interface ProfileDeps extends LockDeps {
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** How to start jit: absolute paths, because tools run it from any folder and with any PATH. */
export interface JitCommand {
  readonly runtime: string;
  readonly script: string;
}

/** A profile to be written, with nothing secret in it. */
export interface ProfileEntry {
  readonly name: string;
  readonly grant: GrantId;
  readonly target: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  readonly command: JitCommand;
  readonly tool: ToolSettings;
  /** What the access is called at the target, such as the login role of a database. */
  readonly external: string;
  /** Where the keeper puts what is secret, for tools that read it from a file and can ask nobody. */
  readonly secretFile: string;
}

/** A profile that carries jit's marker. */
export interface ManagedProfile {
  readonly tool: Tool;
  /** As the tool knows it. */
  readonly name: string;
  readonly grant: GrantId;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  /** The file that holds it. */
  readonly file: string;
  /** `process` asks jit each time, or reads what the keeper keeps for it; `static` has the secret itself in the file. */
  readonly holds: 'process' | 'static';
  readonly intact: 'intact' | 'edited';
}

/** A profile in which the user had changed or added something, and what of that is still in the file. */
export interface WipeConflict {
  readonly profile: ManagedProfile;
  /** Keys, never values: one of them could be a secret. */
  readonly kept: readonly string[];
}

/** What a wipe did. `failed` must be looked at: those files still hold what should be gone. */
export interface WipeResult {
  readonly wiped: readonly ManagedProfile[];
  readonly conflicts: readonly WipeConflict[];
  readonly failed: readonly JitError[];
}

export type Env = Readonly<Record<string, string | undefined>>;

/** What a command under a grant gets to its access with, at one target. */
export interface Access {
  readonly grant: GrantId;
  readonly target: string;
  readonly tool: ToolSettings;
  /** What the access is called at the target, such as the login role of a database. */
  readonly external: string;
  /** The keeper's loopback address for this grant and target, for SDKs that ask one, and `/token` behind it for Google's libraries. The token's file goes with the grant. */
  readonly endpoint: { readonly url: string; readonly tokenFile: string };
  /** What the keeper keeps there is secret; it and whatever else has a name that begins with it go with the grant. */
  readonly secretFile: string;
  readonly command: JitCommand;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** A change of an environment. */
export interface Change {
  readonly set: ReadonlyMap<string, string>;
  /** Variables of the parent that must go, in alphabetical order. */
  readonly removed: readonly string[];
  /** Of `removed` and `set`, what replaces a value of the same meaning, so that its loss is nothing to mention. */
  readonly replaced: readonly string[];
  /** Files of the user that the child does not get to see, since what is in them would be used instead. */
  readonly hidden: readonly string[];
}

/** The profiles of one tool. */
export interface ProfileTool {
  readonly tool: Tool;
  /** Where the tool looks under this environment. Throws `ERR_LOCAL_FILE` where that cannot be said. */
  places(env: Env, platform: NodeJS.Platform): Places;
  /** Throws `ERR_PROFILE_NAME` for a name that cannot be used, `ERR_PROFILE_EXISTS` for one that jit did not make. */
  demandFree(places: Places, name: string): Promise<void>;
  /**
   * Writes it in the place of jit's own profile of that name. Every value is checked and refused rather than cleaned; on any
   * error the files are as before. Throws as `demandFree`, `ERR_CONFIG`, `ERR_LOCAL_FILE`, `ERR_GRANT_ENDED`.
   * @returns the file that holds it.
   */
  write(places: Places, entry: ProfileEntry, deps: ProfileDeps): Promise<string>;
  /** All with jit's marker. Takes no lock. Throws `ERR_LOCAL_FILE` for a file that may not be read. */
  list(places: Places): Promise<readonly ManagedProfile[]>;
  /** Removes jit's own unchanged lines and nothing else. What is gone already is no error. */
  wipe(places: Places, select: (profile: ManagedProfile) => boolean, deps: LockDeps): Promise<WipeResult>;
  /** Moves the end in the markers of the grant's profiles to a later one, epoch ms. Throws `ERR_LOCAL_FILE`. */
  extend(places: Places, grant: GrantId, expiresAt: number, deps: LockDeps): Promise<void>;
  /**
   * What to change in `env` so that a child's tools find this access and nothing before it. May write files beside `secretFile`,
   * 0600. Throws `ERR_LOCAL_FILE`.
   */
  environment(env: Env, platform: NodeJS.Platform, access: Access): Promise<Change>;
  /** A command line that uses the profile, for people, such as `psql service=NAME`; null where a better one is known elsewhere. */
  useLine(name: string, entry: Pick<ProfileEntry, 'tool' | 'external'>): string;
}
