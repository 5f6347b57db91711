/**
 * The printer of errors: for every code, every message and every name of a broker, the name is there once and in its place.
 * @module
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { reportError } from '../../src/cli/report-error.ts';
import { openClient } from '../../src/client/client.ts';
import { parseBrokerUrl } from '../../src/client/ref.ts';
import { atBroker, ERRORS, isErrorCode, JitError, worded } from '../../src/core/errors.ts';
import { toProblem } from '../../src/wire/problem.ts';
import { freePort } from '../support/port.ts';
import { RAW, testWorld } from './world.ts';

const CODES = Object.keys(ERRORS).filter((code) => isErrorCode(code));
const name = fc.oneof(
  fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,31}$/),
  fc.domain().map((host) => `${host}:8443`),
);
const said = fc.string({ unit: 'binary', maxLength: 60 });

test('every code, with any message and any name: people read the name in front, programs find it in a field', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...CODES),
      name,
      said,
      fc.option(said, { nil: undefined }),
      async (code, broker, message, hint) => {
        const error = new JitError({ code, message, hint, broker });
        const human = testWorld();
        await reportError(human.context, error, ['list']);
        assert.ok(human.said.stderr.startsWith(`jit: ${broker}: `), human.said.stderr);
        assert.doesNotMatch(human.said.stderr, RAW);
        assert.equal(human.said.stdout, '');
        const programs = testWorld();
        await reportError(programs.context, error, ['list', '--json']);
        const document = JSON.parse(programs.said.stdout);
        assert.deepEqual([document.broker, document.message], [broker, message]);

        const unnamed = testWorld();
        await reportError(unnamed.context, new JitError({ code, message: 'no', hint }), ['list']);
        assert.ok(unnamed.said.stderr.startsWith('jit: no\n'));
        const bare = testWorld();
        await reportError(bare.context, new JitError({ code, message: 'no', hint }), ['list', '--json']);
        assert.ok(!('broker' in JSON.parse(bare.said.stdout)));
      },
    ),
  );
});

test('whatever a broker answers is about that broker, whatever name it gives itself', async (t) => {
  let answer = new JitError({ code: 'ERR_DENIED', message: 'no' });
  const server = createServer((_, response) => {
    response.writeHead(answer.facts.http, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ ...toProblem(answer), broker: 'another' }));
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  t.after(() => server.close());
  const ref = parseBrokerUrl(`http://127.0.0.1:${port}`, 'work');
  const client = openClient(ref, { userAgent: 'test' });
  t.after(() => client.close());
  const id = `gr_${'0'.repeat(26)}` as const;
  const body = { authorization_details: [], seconds: 1, reason: 'x' };
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    request: () => client.request(body, 'key'),
    plan: () => client.plan(body),
    getGrant: () => client.getGrant(id),
    revoke: () => client.revoke(id, 'revoked'),
    revokeMine: () => client.revokeMine(),
    credentials: () => client.credentials(id),
    use: () => client.use(id, { uses: [] }),
    catalog: () => client.catalog(),
    entries: () => client.entries({ grant: id }),
    signIn: () => client.signIn(),
    session: () => client.session(),
    endSession: () => client.endSession(),
    health: () => client.health(),
  };
  for (const code of CODES) {
    answer = new JitError({ code, message: 'another: no' });
    for (const [what, call] of Object.entries(calls)) {
      await assert.rejects(call, (error: unknown) => {
        assert.ok(error instanceof JitError);
        assert.equal(worded(error), 'work: another: no', `${code} ${what}`);
        return true;
      });
    }
  }
});

test('a name is given once: who named a broker first is believed; faults of this process name none', async () => {
  const inner = new JitError({ code: 'ERR_DENIED', message: 'no', broker: 'work' });
  await assert.rejects(
    atBroker('play', () => Promise.reject(inner)),
    { broker: 'work' },
  );
  for (const code of ['ERR_UNEXPECTED', 'ERR_INTERRUPTED', 'ERR_TERMINATED'] as const)
    await assert.rejects(
      atBroker('play', () => Promise.reject(new JitError({ code, message: 'x' }))),
      { broker: undefined },
    );
});

test("no line of the command line shows an error's message without the name that belongs to it", () => {
  const root = join(import.meta.dirname, '..', '..', 'src', 'cli');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  const bare = files.flatMap((path) =>
    readFileSync(join(root, path), 'utf8')
      .split('\n')
      .filter((line) => /out\.note\((?!worded).*\.message/.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  );
  assert.deepEqual(bare, []);
});
