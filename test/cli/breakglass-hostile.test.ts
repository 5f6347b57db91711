/**
 * What a source of incidents says is somebody else's text: it moves no cursor, and a shell expands nothing of it. The program is
 * real; the broker is a stand-in that repeats the worst that a source could say.
 * @module
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import { localPaths } from '../../src/local/paths.ts';
import { ensurePrivateDir } from '../../src/local/private-dir.ts';
import type { IncidentView } from '../../src/wire/emergencies.ts';
import { type Home, tempHome } from '../support/home.ts';
import { run } from '../support/run.ts';
import { succeeded } from './shared.ts';
import { RAW } from './world.ts';

const JIT = resolve('bin/jit');

/** A home whose embedded broker knows these incidents. */
async function homeWith(t: TestContext, items: readonly IncidentView[]): Promise<Home> {
  const home = tempHome(t);
  const { run: folder, brokerSocket } = localPaths(home.env, process.platform, process.geteuid?.() ?? 0);
  await ensurePrivateDir(folder);
  const server = createServer((request, response) => {
    const health = { status: 'ok', version: '0.0.0', sandbox: true };
    const body = request.url === '/healthz' ? health : { items, silent: ['pager'] };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server.listen(brokerSocket);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return home;
}

function incident(reference: string, title: string): IncidentView {
  const standing = { responder: true, commander: false, onCallTier: 0 };
  const when = { state: 'open', severity: 1, openedAt: new Date().toISOString(), url: null } as const;
  return { source: 'pager', id: reference, reference, title, services: [title], ...standing, ...when };
}

test('a list of incidents carries no control, direction or invisible character, for people and for programs', async (t) => {
  const home = await homeWith(t, [incident('I\u001b[2JNC', '\u202efdp.exe\u0007\u200b'), incident('INC-7', 'fine')]);
  const human = succeeded(await run(process.execPath, [JIT, 'breakglass'], { env: home.env }));
  assert.doesNotMatch(human.stdout + human.stderr, RAW);
  assert.match(human.stdout, /I\\x1b\[2JNC/);
  assert.match(human.stderr, /^jit: pager gives no answer, so there may be more$/m);
  const json = succeeded(await run(process.execPath, [JIT, 'breakglass', '--json'], { env: home.env })).stdout;
  assert.doesNotMatch(json, RAW);
  assert.equal(JSON.parse(json).items[0].reference, 'I\u001b[2JNC');
});

test('to a shell only names are offered that mean nothing to it', async (t) => {
  const evil = ['$(touch pwned)', '`id`', 'a b', '-rf', '#12', "it's", '*', '~root', 'a;b', 'INC-7'];
  const home = await homeWith(
    t,
    evil.map((name) => incident(name, 'x')),
  );
  const { stdout } = succeeded(await run(process.execPath, [JIT, 'completion', 'incidents'], { env: home.env }));
  assert.equal(stdout, 'pager/#12\nINC-7\n');
});
