/**
 * What is written down agrees with what is built.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeApp } from '../../src/broker/http/app.ts';
import type { Route } from '../../src/broker/http/routes.ts';
import { ERRORS } from '../../src/core/errors.ts';
import { ROOT, SRC, paths, read, sources } from './sources.ts';

const README = read('README.md');
/** The one status that no error stands for. */
const DONE = 0;

test('the exit statuses of the README are those of the error table', () => {
  const rows = [...README.matchAll(/^\|\s*(\d[\d, ]*?)\s*\|/gm)].flatMap((match) =>
    (match[1] ?? '').split(/,\s*/).map(Number),
  );
  const known = new Set([DONE, ...Object.values(ERRORS).map(({ exit }) => exit)]);
  assert.deepEqual(
    rows.toSorted((a, b) => a - b),
    [...known].toSorted((a, b) => a - b),
  );
});

/** The second word of each `jit …` in code, whether in a block or in a line. */
function commandsIn(markdown: string): ReadonlySet<string> {
  const code = [...markdown.matchAll(/^```[^\n]*\n([^]*?)^```|`([^`\n]+)`/gm)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  const bare = code.map((text) => text.replaceAll(/\s#.*$/gm, ''));
  return new Set(bare.flatMap((text) => [...text.matchAll(/\bjit ([a-z]+)\b/g)].map((match) => match[1] ?? '')));
}

/** Started by the aws program and by shells; people meet them in `jit --help`. */
const FOR_PROGRAMS = ['completion', 'credential', 'help'];

test('the README shows every command that people type, and no other', async () => {
  const { commandTree } = await import('../../src/cli/program.ts');
  const visible = commandTree().createHelp().visibleCommands(commandTree());
  const names = visible.map((each) => each.name().replace(/ .*/, ''));
  const shown = commandsIn(README);
  assert.deepEqual(
    [...shown].filter((name) => !names.includes(name)),
    [],
    'shown, but not there',
  );
  assert.deepEqual(
    names.filter((name) => !shown.has(name) && !FOR_PROGRAMS.includes(name)),
    [],
    'there, but not shown',
  );
});

test('the other documents name no command that is not there', async () => {
  const { COMMANDS } = await import('../../src/cli/commands/all.ts');
  const names = new Set(['keeper', 'help', ...COMMANDS.map(({ name }) => name)]);
  for (const path of paths('{.github,src,test}/**/*.md')) {
    const unknown = [...commandsIn(read(path))].filter((name) => !names.has(name));
    assert.deepEqual(unknown, [], path);
  }
});

test('every line that the README gives to type is one that jit understands', async () => {
  const { readCommandLine } = await import('../../src/cli/program.ts');
  const blocks = [...README.matchAll(/^```sh\n([^]*?)^```/gm)].map((match) => match[1] ?? '');
  const lines = blocks
    .flatMap((block) => block.split('\n'))
    .flatMap((line) => line.replace(/\s#.*$/, '').split(/&&|\|/))
    .map((line) => line.replace(/^\s*(?:bin\/)?/, '').trim())
    .filter((line) => /^jit\s/.test(line) && !/[…[]/.test(line));
  assert.ok(lines.length > 0);
  for (const line of lines) assert.doesNotThrow(() => readCommandLine(words(line).slice(1)), line);
});

/** A command line as a shell splits it, single quotes being all that the README uses. */
function words(line: string): readonly string[] {
  return [...line.matchAll(/'([^']*)'|\S+/g)].map((match) => match[1] ?? match[0]);
}

async function described(): Promise<readonly string[]> {
  const { openApiDocument } = await import('../../src/jit-broker/openapi.ts');
  // Safe: a document of another shape fails every comparison below.
  const document = openApiDocument() as { readonly paths: Readonly<Record<string, object>> };
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
}

test('the OpenAPI document describes every route that the application serves under /v1, and no other', async () => {
  const { apiRoutes } = await import('../../src/broker/http/api.ts');
  const { sessionRoutes } = await import('../../src/broker/http/session-routes.ts');
  const refuse = async (): Promise<never> => {
    throw new Error('not called');
  };
  const api = new Proxy({}, { get: () => refuse });
  // Safe: the handlers are collected, never run.
  const served = apiRoutes(api as Parameters<typeof apiRoutes>[0], refuse);
  const { hookRoutes } = await import('../../src/broker/http/hook-routes.ts');
  const sessions = sessionRoutes({ audience: '', providers: [] }, null);
  const { drillRoutes } = await import('../../src/broker/http/drill-routes.ts');
  const drills = drillRoutes({ begin: refuse, end: refuse });
  const routes: readonly Route[] = [...sessions, ...served, ...drills, ...hookRoutes(new Map())];
  const app = makeApp({
    routes,
    version: '0',
    identify: async () => ({ kind: 'nobody' }),
    nonce: null,
    hosts: null,
    health: () => ({ status: 'ok', version: '0', sandbox: false }),
    ready: async () => true,
    metrics: async () => '',
    discovery: () => ({}),
    jwks: () => ({}),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    observe: () => undefined,
    touch: () => undefined,
  });
  const mounted = app.routes
    .filter(({ method, path }) => method !== 'ALL' && path.startsWith('/v1/') && path !== '/v1/openapi.json')
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  assert.deepEqual([...new Set(mounted)].toSorted(), [...(await described())].toSorted());
});

test('every address that the client calls is in the OpenAPI document', async () => {
  const known = new Set((await described()).map((each) => each.replace(/^\w+ /, '').replaceAll(/\{\w+\}/g, '{id}')));
  const called = sources('src/client/**/*.ts').flatMap(({ code }) =>
    [...code.matchAll(/['"`](v1\/[^'"`?]*)/g)].map((match) => `/${match[1] ?? ''}`.replaceAll(/\$\{[^}]*\}/g, '{id}')),
  );
  assert.ok(called.length > 0);
  assert.deepEqual(
    called.filter((path) => !known.has(path)),
    [],
  );
});

test('every error code is used: none is a promise that nothing keeps', () => {
  const used = SRC.filter(({ path }) => path !== 'src/core/errors.ts')
    .map(({ code }) => code)
    .join('\n');
  assert.deepEqual(
    Object.keys(ERRORS).filter((code) => !new RegExp(`\\b${code}\\b`).test(used)),
    [],
  );
});

/** Codes of Node's own errors, which some code compares with. */
const NODES_OWN = /^ERR_(?:STREAM|SOCKET|INVALID|HTTP|MODULE|SQLITE|IPC|SERVER|PARSE)/;

test('every error code named in code or text is in the table', () => {
  const files = sources('{src,test}/**/*.ts').filter(({ path }) => !path.startsWith('test/architecture/'));
  const wrong = files.flatMap(({ path, code, comments }) =>
    [...`${code}\n${comments}`.matchAll(/\bcode: '(ERR_[A-Z_]+)'|`(ERR_[A-Z_]+)`/g)]
      .map((match) => match[1] ?? match[2] ?? '')
      .filter((name) => !Object.hasOwn(ERRORS, name) && !NODES_OWN.test(name))
      .map((name) => `${path}: ${name}`),
  );
  assert.deepEqual(wrong, []);
});

test('the repository has the documents that the README sends people to', () => {
  for (const path of ['.github/SECURITY.md', '.github/CONTRIBUTING.md'])
    assert.ok(read(path).length > 0, `${ROOT}/${path}`);
});
