/**
 * What `jit-broker` asks, on a real terminal.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseBrokerConfig } from '../../src/broker/config/config.ts';
import { openKeyFile } from '../../src/broker/issuer/rotate.ts';
import { openTerminal } from '../cli/terminal.ts';
import { tempHome } from '../support/home.ts';
import { skipUnless } from '../support/tools.ts';
import { broker, LAUNCHER } from './program.ts';

const needs = { skip: skipUnless('tmux') };
const JIT_BROKER = `${process.execPath} ${LAUNCHER}`;

test(
  'init asks for what is missing, tells what is wrong with an answer, and writes what was answered',
  needs,
  async (t) => {
    const home = tempHome(t);
    const terminal = await openTerminal(t, home);
    await terminal.command(`cd ${home.path}; clear; ${JIT_BROKER} init jit --client-id jit; echo "status $?"`);
    await terminal.shows(/address of this broker.*\?/);
    await terminal.command('http://jit.example.com');
    await terminal.shows(/an https URL without user, query, fragment or final slash/);
    await terminal.command('https://jit.example.com');
    await terminal.shows(/issuer of your identity provider.*\?/);
    await terminal.command('https://idp.example.com/realms/main');
    await terminal.shows(/certificate file, or proxy.*\[proxy\]/);
    await terminal.keys('Enter');
    await terminal.shows(/status 0/);
    const file = join(home.path, 'jit', 'broker.yaml');
    const { issuer, listen, identity } = parseBrokerConfig(readFileSync(file, 'utf8'), file);
    assert.equal(issuer, 'https://jit.example.com');
    assert.deepEqual(listen, { host: '127.0.0.1', port: 8_080, tls: null });
    const people = identity.get('people');
    assert.ok(people?.type === 'oidc');
    assert.deepEqual([people.issuer, people.client_id], ['https://idp.example.com/realms/main', 'jit']);
  },
);

test('init that is interrupted, by Ctrl-C or by the end of the input, leaves nothing', needs, async (t) => {
  const home = tempHome(t);
  const terminal = await openTerminal(t, home);
  for (const [index, key] of ['C-c', 'C-d'].entries()) {
    await terminal.command(`cd ${home.path}; clear; ${JIT_BROKER} init jit; echo "status ${index} $?"`);
    await terminal.shows(/address of this broker.*\?/);
    await terminal.keys(key);
    await terminal.shows(new RegExp(`status ${index} 130`));
  }
  assert.ok(!existsSync(join(home.path, 'jit')));
  assert.ok(!readdirSync(home.path).some((name) => name.includes('init')));
});

test('dropping all keys asks first, and takes only yes', needs, async (t) => {
  const home = tempHome(t);
  const idp = ['--idp-issuer', 'https://idp.example.com', '--client-id', 'jit'];
  await broker(home, 'init', 'jit', '--issuer', 'https://jit.example.com', ...idp, '--behind-proxy');
  const state = join(home.path, 'jit', 'state');
  mkdirSync(state, { mode: 0o700 });
  const { stored } = await openKeyFile(join(state, 'issuer.json'), Date.now);
  const kid = (): string => JSON.parse(readFileSync(join(state, 'issuer.json'), 'utf8')).keys[0].kid;
  const terminal = await openTerminal(t, home);
  const line = `${JIT_BROKER} keys rotate --config jit/broker.yaml --state jit/state --now`;
  await terminal.command(`cd ${home.path}; clear; ${line}; echo "status a $?"`);
  await terminal.shows(/this drops the key at once[^]*type yes to go on/);
  await terminal.command('y');
  await terminal.shows(/that is not yes/);
  await terminal.keys('C-c');
  await terminal.shows(/status a 130/);
  assert.equal(kid(), stored[0]?.kid);
  await terminal.command(`clear; ${line}; echo "status b $?"`);
  await terminal.shows(/type yes to go on/);
  await terminal.command('yes');
  await terminal.shows(/status b 0/);
  assert.notEqual(kid(), stored[0]?.kid);
});
