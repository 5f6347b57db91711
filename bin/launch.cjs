/**
 * How both programs start. In the syntax and with the module names of old Nodes, for whoever starts one with such a Node
 * is to be told what is needed, not to be shown a parse error.
 * @module
 */
// @ts-check
'use strict';

const fs = require('fs');
const path = require('path');

const OLDEST_NODE = 24;
const ROOT = path.dirname(__dirname);
const IN_CHECKOUT = fs.existsSync(path.join(ROOT, 'src'));
/** In a checkout Node has to take away the types first, which takes longer than all the rest of a start. */
const COMPILED = path.join(ROOT, 'node_modules', '.cache', 'compiled');
const BROKEN_PIPE = 141;

/**
 * Runs the program with the arguments of this process.
 * @param {'jit' | 'jit-broker'} program
 * @returns {void}
 */
exports.launch = function launch(program) {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    require('./rerun.cjs').rerun(program, path.join(__dirname, program));
    return;
  }
  const argv = process.argv.slice(2);
  if (program === 'jit-broker') void run(program, () => broker(argv));
  else if (argv.length === 1 && argv[0] === 'keeper') void run(program, keeper);
  else void run(program, () => commands(argv));
};

/** @param {readonly string[]} argv */
async function commands(argv) {
  const { main } = /** @type {typeof import('../src/cli/main.ts')} */ (await exports.load('cli/main'));
  return main(argv);
}

/** @param {readonly string[]} argv */
async function broker(argv) {
  // From there its threads know of it.
  if (IN_CHECKOUT) process.env['NODE_COMPILE_CACHE'] = COMPILED;
  const { main } = /** @type {typeof import('../src/jit-broker/main.ts')} */ (await exports.load('jit-broker/main'));
  return main(argv);
}

async function keeper() {
  const { keeperMain } = /** @type {typeof import('../src/keeper/main.ts')} */ (await exports.load('keeper/main'));
  const version = require('./quick.cjs').version();
  // It has told everybody that it ends; a timer that is still set must not hold it.
  return process.exit(await keeperMain({ brokerLauncher: path.join(__dirname, 'jit-broker'), version }));
}

/**
 * A module of src: from source in a checkout, else as it was compiled for the package.
 * @param {string} name
 * @returns {Promise<any>}
 */
exports.load = function load(name) {
  if (IN_CHECKOUT) require('module').enableCompileCache(COMPILED);
  const file = IN_CHECKOUT ? path.join(ROOT, 'src', `${name}.ts`) : path.join(ROOT, 'dist', 'src', `${name}.js`);
  return import(require('url').pathToFileURL(file).href);
};

/**
 * @param {'jit' | 'jit-broker'} program
 * @param {() => Promise<number>} main
 */
async function run(program, main) {
  // An unexpected error may quote what it was working on, so only its kind is shown.
  const fail = (/** @type {unknown} */ thrown) => {
    if (codeOf(thrown) === 'EPIPE') process.exit(BROKEN_PIPE);
    const kind = thrown instanceof Error ? thrown.name : typeof thrown;
    const detail = process.env['JIT_DEBUG'] === '1' && thrown instanceof Error ? thrown.stack : kind;
    complain(`${program}: something went wrong inside jit: ${detail}\nhint: JIT_DEBUG=1 shows where`, 1);
    process.exit();
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  try {
    process.exitCode = await main();
  } catch (thrown) {
    fail(thrown);
  }
}

/**
 * @param {string} text
 * @param {number} status
 */
function complain(text, status) {
  process.exitCode = status;
  try {
    fs.writeSync(2, `${text}\n`);
  } catch {
    // Nobody reads it.
  }
}

/**
 * @param {unknown} thrown
 * @returns {string}
 */
function codeOf(thrown) {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'no code';
}
