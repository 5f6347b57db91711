/**
 * The package as a stranger gets it: packed by npm, installed into an empty prefix, run with an empty home, with no source
 * and no development dependency beside it.
 * @module
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type Home, endProcesses, tempHome } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const MINUTES = 60_000;
const work = mkdtempSync(join(tmpdir(), 'jit-'));
const prefix = join(work, 'prefix');
const installed = join(prefix, 'lib', 'node_modules', 'jit-access');

/** This Node and the programs of the system, without node_modules/.bin of the checkout. */
const path = [
  dirname(process.execPath),
  ...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules')),
].join(delimiter);

/** npm keeps the settings of this machine, such as its registry and certificates, but gets an empty home. */
function npmEnv(): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(?:npm_|INIT_CWD$|NODE_OPTIONS$|NODE_TEST)/i.test(name),
  );
  const settings = Object.fromEntries(
    ['cache', 'userconfig'].map((name) => {
      const { stdout } = spawnSync('npm', ['config', 'get', name], { encoding: 'utf8' });
      return [`npm_config_${name}`, stdout.trim()];
    }),
  );
  const env = { ...Object.fromEntries(inherited), ...settings, PATH: path, HOME: join(work, 'home') };
  return Object.fromEntries(Object.entries(env).filter((each): each is [string, string] => each[1] !== undefined));
}

async function npm(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await run('npm', args, { cwd: ROOT, env: npmEnv(), deadlineMs: 4 * MINUTES });
  assert.equal(status, 0, `npm ${args.join(' ')}\n${stdout}\n${stderr}`);
  return stdout;
}

const program = (name: string): string => join(prefix, 'bin', name);

async function jit(home: Home, args: readonly string[], name = 'jit'): Promise<Ended> {
  return run(program(name), args, { cwd: home.path, env: { ...home.env, PATH: path } });
}

suite('the package', { timeout: 8 * MINUTES }, () => {
  let packed: readonly string[] = [];

  before(async () => {
    mkdirSync(join(work, 'home'));
    // Safe: the shape of npm's own report; anything else fails the first test.
    const [report] = JSON.parse(await npm('pack', '--json', '--pack-destination', work)) as readonly [
      { readonly filename: string; readonly files: readonly { readonly path: string }[] },
    ];
    packed = report.files.map((file) => file.path);
    const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit'];
    await npm('install', '--global', '--prefix', prefix, ...flags, join(work, report.filename));
  });

  after(() => rmSync(work, { recursive: true, force: true }));

  test('holds bin, dist, README, LICENSE and package.json: no source, no map, no test', () => {
    const others = packed.filter((file) => !/^(?:bin|dist\/src)\/|^(?:README\.md|LICENSE|package\.json)$/.test(file));
    assert.deepEqual(others, []);
    assert.deepEqual(
      packed.filter((file) => /\.(?:ts|map|tsbuildinfo)$/.test(file)),
      [],
    );
    for (const file of ['README.md', 'LICENSE', 'bin/jit', 'bin/jit-broker']) assert.ok(packed.includes(file), file);
    assert.ok(!existsSync(join(installed, 'src')));
  });

  test('holds every file that code reads beside itself', () => {
    const data = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      /\.(?!ts$|md$)\w+$/.test(file),
    );
    assert.ok(data.some((file) => file.endsWith('.cedar')));
    assert.deepEqual(
      data.filter((file) => !packed.includes(`dist/src/${file}`)),
      [],
    );
  });

  test('brings along permissive licences only, and no install script that does anything needed', async () => {
    const folders = (await npm('ls', '--global', '--prefix', prefix, '--omit=dev', '--all', '--parseable'))
      .trim()
      .split('\n')
      .filter((folder) => folder.includes('node_modules'));
    assert.ok(folders.length > 20, `${folders.length} packages`);
    const manifests = folders.map((folder) => ({ folder, ...readManifest(folder) }));
    assert.deepEqual(
      manifests.filter(({ license }) => !isPermissive(license)).map(({ name, license }) => `${name}: ${license}`),
      [],
    );
    const scripted = manifests.filter(
      ({ folder, scripts }) =>
        ['preinstall', 'install', 'postinstall'].some((name) => Object.hasOwn(scripts, name)) ||
        existsSync(join(folder, 'binding.gyp')),
    );
    assert.deepEqual(scripted.map(({ name }) => name).toSorted(), SCRIPTED);
  });

  test('holds no package that only development needs', async () => {
    const { devDependencies } = readManifest(ROOT);
    const listed = await npm('ls', '--global', '--prefix', prefix, '--all', '--parseable');
    const folders = listed
      .trim()
      .split('\n')
      .filter((folder) => folder.includes('node_modules'));
    const names = new Set(folders.map((folder) => folder.split(/node_modules[\\/]/).at(-1)));
    // One of them may be needed by a package that jit itself needs.
    const needed = new Set(folders.flatMap((folder) => Object.keys(readManifest(folder).dependencies)));
    assert.deepEqual(
      Object.keys(devDependencies).filter((name) => names.has(name) && !needed.has(name)),
      [],
    );
  });

  test('jit prints its version and help, jit-broker its OpenAPI document, and none of it writes into the home', async (t) => {
    const home = tempHome(t);
    const untouched = readdirSync(home.path, { recursive: true });
    const { version } = readManifest(ROOT);
    assert.deepEqual(await jit(home, ['--version']), {
      status: 0,
      signal: null,
      stdout: `jit ${version}\n`,
      stderr: '',
    });
    const help = await jit(home, ['--help']);
    assert.equal(help.status, 0, help.stderr);
    assert.match(help.stdout, /^Usage: jit /m);
    const openapi = await jit(home, ['openapi'], 'jit-broker');
    assert.equal(openapi.status, 0, openapi.stderr);
    assert.match(openapi.stdout, /"openapi": "3\.1\.0"/);
    assert.deepEqual(readdirSync(home.path, { recursive: true }), untouched);
  });

  test('a request to the sandbox gives a profile that serves credentials, until it is revoked', async (t) => {
    const home = tempHome(t);
    const args = [
      'request',
      's3:GetObject',
      'arn:aws:s3:::sandbox-reports/*',
      '--for',
      '2m',
      '--reason',
      'packed',
      '--json',
    ];
    const asked = await jit(home, args);
    assert.equal(asked.status, 0, `${asked.stdout}${asked.stderr}`);
    const document: unknown = JSON.parse(asked.stdout);
    const id = /"id":\s*"(gr_[0-9a-z]{26})"/.exec(JSON.stringify(document))?.[1] ?? '';
    assert.match(id, /^gr_/);
    const config = join(home.path, '.aws', 'config');
    assert.match(readFileSync(config, 'utf8'), /credential_process = .*\bcredential\b/);
    const credential = await jit(home, ['credential', id, '--format', 'aws']);
    assert.equal(credential.status, 0, credential.stderr);
    assert.match(credential.stdout, /"SessionToken"/);
    const revoked = await jit(home, ['revoke', id]);
    assert.equal(revoked.status, 0, revoked.stderr);
    assert.doesNotMatch(existsSync(config) ? readFileSync(config, 'utf8') : '', /credential_process/);
    const refused = await jit(home, ['credential', id, '--format', 'aws']);
    assert.equal(refused.status, 7, refused.stderr);
    assert.equal(refused.stdout, '');
    await endProcesses(home.path);
  });

  test(
    'started by a Node that is too old it says what it needs and ends with 1',
    { skip: oldNode() === null && 'needs a Node older than 24' },
    async (t) => {
      const home = tempHome(t);
      for (const name of ['jit', 'jit-broker']) {
        const ended = await run(oldNode() ?? '', [join(installed, 'bin', name), '--version'], { env: home.env });
        assert.equal(ended.status, 1);
        assert.equal(ended.stdout, '');
        assert.match(ended.stderr, new RegExp(`^${name}: needs Node\\.js 24 or later, this is \\d`));
      }
    },
  );
});

test(
  'started by a Node that is too old a checkout runs itself on its own Node',
  { skip: oldNode() === null && 'needs a Node older than 24' },
  async (t) => {
    const home = tempHome(t);
    const ended = await run(oldNode() ?? '', [join(ROOT, 'bin', 'jit'), '--version'], { env: home.env });
    assert.deepEqual(ended, { status: 0, signal: null, stdout: `jit ${readManifest(ROOT).version}\n`, stderr: '' });
  },
);

interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

function readManifest(folder: string): PackageManifest {
  // Safe: what a package leaves out is filled in, and nothing else of it is read.
  const given = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Partial<PackageManifest>;
  return { name: folder, version: '', license: 'none', scripts: {}, dependencies: {}, devDependencies: {}, ...given };
}

/**
 * Packages with a script that runs at installation. Everything here is installed without any, so this one can do without:
 * it holds its binaries and would only build another.
 */
const SCRIPTED = ['@github/keytar'];

// PSF-2.0: of what was translated from Python's own library.
const PERMISSIVE = /^(?:MIT|MIT-0|ISC|BSD-[234]-Clause|Apache-2\.0|0BSD|BlueOak-1\.0\.0|CC0-1\.0|PSF-2\.0|Unlicense)$/;

/** An SPDX expression of which every part that must hold, and one of each choice, is permissive. */
function isPermissive(expression: string): boolean {
  return expression
    .replaceAll(/[()]/g, ' ')
    .split(/\s+AND\s+/)
    .every((all) => all.split(/\s+OR\s+/).some((one) => PERMISSIVE.test(one.trim())));
}

/** The first Node on the PATH that is older than 24, or null. */
function oldNode(): string | null {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  return (
    candidates.find((file) => {
      const { stdout } = spawnSync(file, ['-p', 'process.versions.node'], { encoding: 'utf8' });
      return /^\d/.test(stdout ?? '') && Number.parseInt(stdout, 10) < 24;
    }) ?? null
  );
}
