/**
 * What must be quick: `jit credential` asks the running keeper over its socket and loads nothing for it but `node:net`.
 * The aws tools run this for every command, and nothing caches what it prints. And `jit --version`.
 * @module
 */
// @ts-check
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const PROTOCOL = 1;
const LONGEST_ANSWER = 65_536;
const PATIENCE_MS = 15_000;
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
  const grant = exports.quickGrant(argv);
  const socket = grant === null ? null : exports.keeperSocket(process.env, process.platform, process.geteuid?.() ?? 0);
  if (grant === null || socket === null) return slowly();
  askKeeper(grant, socket, (output) => {
    if (output === null) slowly();
    else print(output);
  });
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
 * The grant, if these arguments are the ones that the quick way knows; else null.
 * @param {readonly string[]} argv
 * @returns {string | null}
 */
exports.quickGrant = function quickGrant(argv) {
  const [command, grant = '', ...rest] = argv;
  const format = rest.length === 2 ? `${rest[0]}=${rest[1]}` : rest.join(' ');
  return command === 'credential' && /^gr_[0-9a-z]{26}$/.test(grant) && format === '--format=aws' ? grant : null;
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
 * Calls `done` once: with what to print if the keeper has a credential that is still good, else with null.
 * @param {string} grant
 * @param {string} socketPath
 * @param {(output: string | null) => void} done
 */
function askKeeper(grant, socketPath, done) {
  let received = Buffer.alloc(0);
  let settled = false;
  /** @param {string | null} output */
  const settle = (output) => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    socket.destroy();
    done(output);
  };
  const timer = setTimeout(() => settle(null), PATIENCE_MS);
  const socket = require('node:net').connect(socketPath);
  socket.on('error', () => settle(null));
  socket.on('close', () => settle(null));
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    if (received.at(-1) === 0x0a) settle(usable(received.toString(), Date.now()));
    else if (received.length > LONGEST_ANSWER) settle(null);
  });
  socket.write(`{"v":${PROTOCOL},"op":"credential","grant":"${grant}","format":"aws"}\n`);
}

/**
 * @param {string} text
 * @param {number} now epoch ms
 * @returns {string | null}
 */
function usable(text, now) {
  try {
    /** @type {unknown} */
    const answer = JSON.parse(text);
    if (typeof answer !== 'object' || answer === null) return null;
    const { ok, output, notAfter } = /** @type {Record<string, unknown>} */ (answer);
    // Time may have passed on the way here, a whole night's sleep for example.
    const good = ok === true && typeof output === 'string' && typeof notAfter === 'number' && now < notAfter;
    return good ? output : null;
  } catch {
    return null;
  }
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
