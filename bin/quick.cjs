/**
 * What must be quick: `jit credential` and `jit status` ask the running keeper over its socket and load next to nothing but
 * `node:net`. The aws tools and kubectl run the first for every command, and nothing caches what it prints; the second stands in
 * prompts. And `jit --version`.
 * @module
 */
// @ts-check
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const PROTOCOL = 1;
const LONGEST_ANSWER = 1_048_576;
const PATIENCE_MS = 15_000;
const PROMPT_PATIENCE_MS = 2_000;
const LONGEST_SOCKET = 100;
const BROKEN_PIPE = 141;

/**
 * @param {readonly string[]} argv
 * @param {() => void} slowly called when this is not for the quick way, or was not enough for it
 * @returns {void}
 */
exports.quick = function quick(argv, slowly) {
  if (argv.length === 1 && argv[0] === '--version') {
    print(`jit ${exports.version()}`);
    return;
  }
  const socket = exports.keeperSocket(process.env, process.platform, process.geteuid?.() ?? 0);
  const asked = exports.quickCredential(argv);
  const format = exports.quickStatus(argv);
  if (socket === null || (asked === null && format === null)) return slowly();
  /** @param {string | null} output */
  const finish = (output) => (output === null ? slowly() : print(output));
  if (asked !== null) {
    const question = { v: PROTOCOL, op: 'credential', ...asked };
    askKeeper(question, socket, PATIENCE_MS, (answer) => finish(answer === null ? null : usable(answer, Date.now())));
  } else if (format !== null) {
    // Both take a while, so neither waits for the other.
    const loading = require('./launch.cjs').load('cli/quick-status');
    askKeeper({ v: PROTOCOL, op: 'list' }, socket, PROMPT_PATIENCE_MS, (answer) => {
      loading
        .then((/** @type {typeof import('../src/cli/quick-status.ts')} */ { statusText }) =>
          answer === null ? null : statusText(answer, format, Date.now()),
        )
        .then(finish, slowly);
    });
  }
};

/**
 * The version of the package.
 * @returns {string}
 */
exports.version = function version() {
  /** @type {unknown} */
  const manifest = JSON.parse(fs.readFileSync(path.join(__dirname, '..', 'package.json'), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '';
};

/**
 * The grant, the tool and the target if one is named, if these arguments are the ones that the quick way knows; else null.
 * @param {readonly string[]} argv
 * @returns {{ readonly grant: string, readonly format: string, readonly target?: string } | null}
 */
exports.quickCredential = function quickCredential(argv) {
  const known = /^credential (gr_[0-9a-z]{26}) --format[ =](aws|kubernetes)(?: --target[ =]([a-z][a-z0-9-]{0,62}))?$/;
  if (argv.some((word) => word.includes(' '))) return null;
  const [, grant, format, target] = known.exec(argv.join(' ')) ?? [];
  if (grant === undefined || format === undefined) return null;
  return target === undefined ? { grant, format } : { grant, format, target };
};

/**
 * How to print the status, if these arguments are the ones that the quick way knows; else null. Under sudo the folders have
 * to be looked at first, and on a terminal there are colour and a width.
 * @param {readonly string[]} argv
 * @returns {'human' | 'json' | null}
 */
exports.quickStatus = function quickStatus(argv) {
  const [command, ...rest] = argv;
  if (command !== 'status' || process.env['SUDO_UID'] !== undefined || require('node:tty').isatty(1)) return null;
  if (rest.length === 0) return 'human';
  return rest.length === 1 && rest[0] === '--json' ? 'json' : null;
};

/**
 * The keeper's socket by the rule in src/local/paths.ts, or null where that refuses.
 * @param {Readonly<Record<string, string | undefined>>} env
 * @param {NodeJS.Platform} platform
 * @param {number} uid
 * @returns {string | null}
 */
exports.keeperSocket = function keeperSocket(env, platform, uid) {
  const windows = platform === 'win32';
  const flavour = windows ? path.win32 : path.posix;
  /** @param {string | undefined} value @returns {value is string} */
  const counts = (value) => value !== undefined && flavour.isAbsolute(value);
  if (env['JIT_CONFIG'] !== undefined && env['JIT_CONFIG'] !== '' && !counts(env['JIT_CONFIG'])) return null;
  const home = windows ? env['USERPROFILE'] : env['HOME'];
  if (windows) {
    if (!counts(home) && !(counts(env['APPDATA']) && counts(env['LOCALAPPDATA']))) return null;
    const user = (env['USERNAME'] ?? String(uid)).replace(/[^A-Za-z0-9._-]/g, '_');
    return `\\\\.\\pipe\\jit-${user}-keeper`;
  }
  if (!counts(home)) return null;
  const runtime = env['XDG_RUNTIME_DIR'];
  const stateHome = env['XDG_STATE_HOME'];
  const state = flavour.join(counts(stateHome) ? stateHome : flavour.join(home, '.local', 'state'), 'jit');
  const folders = [flavour.join(state, 'run'), flavour.join(home, '.jit-run')];
  if (counts(runtime)) folders.unshift(flavour.join(runtime, 'jit'));
  const sockets = folders.map((folder) => flavour.join(folder, 'keeper.sock'));
  return sockets.find((socket) => Buffer.byteLength(socket) <= LONGEST_SOCKET) ?? null;
};

/**
 * Calls `done` once: with the members of the keeper's answer if it said yes, else with null.
 * @param {object} question
 * @param {string} socketPath
 * @param {number} patienceMs
 * @param {(answer: Readonly<Record<string, unknown>> | null) => void} done
 */
function askKeeper(question, socketPath, patienceMs, done) {
  /** @type {Buffer[]} */
  const received = [];
  let length = 0;
  let settled = false;
  /** @param {Readonly<Record<string, unknown>> | null} answer */
  const settle = (answer) => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    socket.destroy();
    done(answer);
  };
  const timer = setTimeout(() => settle(null), patienceMs);
  const socket = require('node:net').connect(socketPath);
  socket.on('error', () => settle(null));
  socket.on('close', () => settle(null));
  socket.on('data', (chunk) => {
    received.push(chunk);
    length += chunk.length;
    if (chunk.at(-1) === 0x0a) settle(yes(Buffer.concat(received).toString()));
    else if (length > LONGEST_ANSWER) settle(null);
  });
  socket.write(`${JSON.stringify(question)}\n`);
}

/**
 * @param {string} text
 * @returns {Readonly<Record<string, unknown>> | null}
 */
function yes(text) {
  try {
    /** @type {unknown} */
    const answer = JSON.parse(text);
    if (typeof answer !== 'object' || answer === null || !('ok' in answer) || answer.ok !== true) return null;
    return { ...answer };
  } catch {
    return null;
  }
}

/**
 * @param {Readonly<Record<string, unknown>>} answer
 * @param {number} now epoch ms
 * @returns {string | null}
 */
function usable({ output, notAfter }, now) {
  // Time may have passed on the way here, a whole night's sleep for example.
  return typeof output === 'string' && typeof notAfter === 'number' && now < notAfter ? output : null;
}

/**
 * To stdout without loading its stream.
 * @param {string} line
 */
function print(line) {
  const bytes = Buffer.from(`${line}\n`);
  let sent = 0;
  try {
    while (sent < bytes.length) sent += fs.writeSync(1, bytes, sent);
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'no code';
    // A pipe that somebody made non-blocking and that is full: let the stream wait for it.
    if (code === 'EAGAIN') process.stdout.write(bytes.subarray(sent));
    else if (code === 'EPIPE') process.exitCode = BROKEN_PIPE;
    else complain(`cannot write the output (${code})`);
  }
}

/** @param {string} message */
function complain(message) {
  process.exitCode = 11;
  try {
    fs.writeSync(2, `jit: ${message}\n`);
  } catch {
    // Nobody reads it.
  }
}
