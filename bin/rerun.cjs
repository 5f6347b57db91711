/**
 * For a Node that is too old: in a checkout, run the same command on the Node that the checkout brings along.
 * Old syntax and unprefixed module names on purpose: this file is read by the old Node.
 * @module
 */
// @ts-check
'use strict';

const fs = require('fs');
const path = require('path');

/**
 * Runs `script` again on `node_modules/node` of this checkout with the same arguments, and ends as it ends; elsewhere says
 * what is needed and ends with status 1.
 * @param {string} name what messages call the program
 * @param {string} script absolute path of the program
 * @returns {void}
 */
exports.rerun = function rerun(name, script) {
  const root = path.dirname(path.dirname(script));
  const runtime = path.join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (!fs.existsSync(runtime) || !fs.existsSync(path.join(root, 'src'))) {
    fs.writeSync(
      2,
      `${name}: needs Node.js 24 or later, this is ${process.versions.node}\n` +
        'hint: install a newer one from https://nodejs.org, or put it first on the PATH\n',
    );
    process.exitCode = 1;
    return;
  }
  const env = Object.assign({}, process.env);
  // Meant for the other Node, whose options this one may not know, or not mean.
  delete env['NODE_OPTIONS'];
  const args = [script].concat(process.argv.slice(2));
  if (typeof process.execve === 'function') process.execve(runtime, [runtime].concat(args), env);
  follow(name, runtime, args, env);
};

/**
 * @param {string} name
 * @param {string} runtime
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
function follow(name, runtime, args, env) {
  const onTerminal = require('tty').isatty(0);
  /** @type {NodeJS.Signals[]} */
  const passed = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR2', 'SIGWINCH'];
  passed.forEach(function listen(signal) {
    process.on(signal, function pass() {
      // The terminal sends these to both; passing them on would deliver them twice.
      const fromTerminal = signal === 'SIGINT' || signal === 'SIGQUIT' || signal === 'SIGWINCH';
      if (!(onTerminal && fromTerminal)) child.kill(signal);
    });
  });
  // Not before: a signal that nobody listens for would end this process and leave the other.
  const child = require('child_process').spawn(runtime, args, { env: env, stdio: 'inherit' });
  child.on('error', function fail(error) {
    fs.writeSync(2, `${name}: cannot start ${runtime}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', function end(code, signal) {
    if (signal === null) {
      process.exit(code === null ? 1 : code);
    }
    // Ending by the same signal is how a shell learns of it.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
