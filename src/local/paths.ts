/**
 * Where jit keeps its files. Pure: the environment, the platform and the user come in as values.
 * @module
 */
import { posix, win32 } from 'node:path';
import { display } from '../core/display.ts';
import { JitError } from '../core/errors.ts';

/** Every place on this machine that jit reads or writes, apart from the files of other tools. */
export interface LocalPaths {
  /** Folder of the user's own settings; never written by jit on its own. */
  readonly config: string;
  readonly configFile: string;
  readonly brokerConfig: string;
  readonly policies: string;
  /** Folder of what must survive a reboot. */
  readonly state: string;
  readonly brokerState: string;
  /** Folder of sockets, and of the single-instance locks that guard them. */
  readonly run: string;
  /** Locks around edits of files. In `state`, so that a cron job without XDG_RUNTIME_DIR shares them with the desktop. */
  readonly locks: string;
  readonly keeperSocket: string;
  readonly brokerSocket: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** In `brokerState`: the path of the socket on which the embedded broker listens, for sessions with another `run`. */
export const SOCKET_FILE = 'socket';

/** The longest socket path in bytes: macOS has 104 for `sun_path` with its NUL, Linux 108. */
export const LONGEST_SOCKET = 100;

/**
 * The rule for the keeper's socket, which the launcher in bin/ repeats word for word:
 * 1. `state` is $XDG_STATE_HOME/jit, or $HOME/.local/state/jit; an XDG variable counts only if it is an absolute path;
 * 2. the candidates for `run` are $XDG_RUNTIME_DIR/jit (if that variable counts), then `state`/run, then $HOME/.jit-run;
 * 3. `run` is the first candidate whose `run`/keeper.sock has at most 100 bytes in UTF-8; without one, jit refuses;
 * 4. the socket is `run`/keeper.sock;
 * 5. on Windows it is the pipe \\.\pipe\jit-NAME-keeper, NAME being USERNAME with all but [A-Za-z0-9._-] as `_`.
 *
 * @param uid the effective user id; unused on Windows.
 * Throws `ERR_LOCAL_FILE` where HOME is unset or relative, `ERR_CONFIG` for a relative JIT_CONFIG:
 * nothing is ever read relative to the current directory.
 */
export function localPaths(env: Env, platform: NodeJS.Platform, uid: number): LocalPaths {
  return platform === 'win32' ? windowsPaths(env, uid) : unixPaths(env);
}

function unixPaths(env: Env): LocalPaths {
  const join = (...parts: string[]): string => posix.join(...parts);
  const home = homeFolder(env, 'linux');
  const config = join(absolute(env['XDG_CONFIG_HOME']) ?? join(home, '.config'), 'jit');
  const state = join(absolute(env['XDG_STATE_HOME']) ?? join(home, '.local', 'state'), 'jit');
  const runtime = absolute(env['XDG_RUNTIME_DIR']);
  const candidates = [
    ...(runtime === undefined ? [] : [join(runtime, 'jit')]),
    join(state, 'run'),
    join(home, '.jit-run'),
  ];
  // The keeper's and the broker's names are equally long, so one test serves both.
  const run = candidates.find((folder) => Buffer.byteLength(join(folder, 'keeper.sock')) <= LONGEST_SOCKET);
  if (run === undefined) {
    throw new JitError({
      code: 'ERR_LOCAL_FILE',
      message: 'every folder for sockets has too long a path for a unix socket',
      hint: 'set XDG_RUNTIME_DIR to a folder of your own with a short path',
    });
  }
  return {
    config,
    configFile: configOverride(env, 'linux') ?? join(config, 'config.yaml'),
    brokerConfig: join(config, 'broker.yaml'),
    policies: join(config, 'policies'),
    state,
    brokerState: join(state, 'broker'),
    run,
    locks: join(state, 'locks'),
    keeperSocket: join(run, 'keeper.sock'),
    brokerSocket: join(run, 'broker.sock'),
  };
}

function windowsPaths(env: Env, uid: number): LocalPaths {
  const join = (...parts: string[]): string => win32.join(...parts);
  const roaming = windowsFolder(env, 'APPDATA', 'Roaming');
  const local = windowsFolder(env, 'LOCALAPPDATA', 'Local');
  const config = join(roaming, 'jit');
  const state = join(local, 'jit');
  const user = (env['USERNAME'] ?? String(uid)).replace(/[^A-Za-z0-9._-]/g, '_');
  return {
    config,
    configFile: configOverride(env, 'win32') ?? join(config, 'config.yaml'),
    brokerConfig: join(config, 'broker.yaml'),
    policies: join(config, 'policies'),
    state,
    brokerState: join(state, 'broker'),
    run: join(state, 'run'),
    locks: join(state, 'locks'),
    keeperSocket: `\\\\.\\pipe\\jit-${user}-keeper`,
    brokerSocket: `\\\\.\\pipe\\jit-${user}-broker`,
  };
}

/** XDG Base Directory Specification: "If an implementation encounters a relative path … it should … ignore it." */
function absolute(value: string | undefined): string | undefined {
  return value !== undefined && posix.isAbsolute(value) ? value : undefined;
}

function windowsFolder(env: Env, name: string, folder: string): string {
  const value = env[name];
  if (value !== undefined && win32.isAbsolute(value)) return value;
  return win32.join(homeFolder(env, 'win32'), 'AppData', folder);
}

/** The user's home: HOME, on Windows USERPROFILE. Throws `ERR_LOCAL_FILE` where it is unset or relative. */
export function homeFolder(env: Env, platform: NodeJS.Platform): string {
  const name = platform === 'win32' ? 'USERPROFILE' : 'HOME';
  const home = env[name];
  if (home !== undefined && (platform === 'win32' ? win32 : posix).isAbsolute(home)) return home;
  throw new JitError({
    code: 'ERR_LOCAL_FILE',
    message: home === undefined || home === '' ? `${name} is not set` : `${name} is not an absolute path`,
    hint: `set ${name} to your home folder`,
  });
}

function configOverride(env: Env, platform: NodeJS.Platform): string | undefined {
  const value = env['JIT_CONFIG'];
  if (value === undefined || value === '') return undefined;
  if ((platform === 'win32' ? win32 : posix).isAbsolute(value)) return value;
  throw new JitError({
    code: 'ERR_CONFIG',
    message: `JIT_CONFIG is not an absolute path: ${display(value, 200)}`,
    hint: 'nothing is read from the current directory: give the whole path',
  });
}

/**
 * Refuses to work as root inside somebody else's home, as `sudo jit …` would: the files left there would lock their
 * owner out. Looks at HOME, and at XDG_RUNTIME_DIR, which `sudo -E` keeps.
 * @param ownerOf the owner's user id of a path, or null where it does not exist.
 */
export function refuseForeignHome(env: Env, uid: number, ownerOf: (path: string) => number | null): void {
  if (uid !== 0 || env['SUDO_UID'] === undefined) return;
  for (const name of ['HOME', 'XDG_RUNTIME_DIR']) {
    const folder = absolute(env[name]);
    const owner = folder === undefined ? null : ownerOf(folder);
    if (owner === null || owner === 0) continue;
    throw new JitError({
      code: 'ERR_LOCAL_FILE',
      message: `${name} belongs to another user while jit runs as root through sudo`,
      hint: 'run jit without sudo, or as root in its own home with: sudo -H -i',
    });
  }
}
