/**
 * A session bus and a gnome-keyring of a test's own: the real programs, in a home of their own.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openKeychain } from '../../../src/identity/secrets/keychain.ts';
import { lookFor, type Sight } from '../../../src/identity/secrets/secret-service.ts';
import type { SecretStore } from '../../../src/identity/secrets/store.ts';
import { eventually } from '../../support/eventually.ts';
import { type Home, tempHome } from '../../support/home.ts';
import { skipUnless } from '../../support/tools.ts';

export const skip = skipUnless('dbus-daemon', 'gnome-keyring-daemon');

/** A desktop without a screen. */
export interface Desktop {
  readonly home: Home;
  /** With the address of the bus. */
  readonly env: Readonly<Record<string, string>>;
  readonly socket: string;
  store(): SecretStore;
  /** What the Secret Service says about a secret that nobody stored. */
  sight(): Promise<Sight>;
}

/**
 * A bus on which nothing is started on demand: what a test does not start is not there. With `on demand` the bus starts a
 * keyring for whoever asks, as it does on most desktops.
 */
export async function desktop(t: TestContext, started: 'by the test' | 'on demand' = 'by the test'): Promise<Desktop> {
  let begun: Home | null = null;
  // Before the home goes, which says what there is to end.
  t.after(() => endStarted(begun));
  const home = tempHome(t);
  begun = home;
  const socket = join(home.env['XDG_RUNTIME_DIR'] ?? '', 'bus');
  const config = join(home.path, 'bus.conf');
  const services = started === 'on demand' ? `<servicedir>${servicesIn(home)}</servicedir>` : '';
  writeFileSync(
    config,
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=${socket}</listen>
  <auth>EXTERNAL</auth>
  ${services}
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>`,
  );
  const bus = spawn('dbus-daemon', [`--config-file=${config}`, '--nofork', '--nopidfile', '--print-address=1'], {
    env: home.env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  endWith(t, bus);
  await once(bus.stdout, 'data');
  return on(home, socket);
}

/** A folder of what the bus may start: a keyring, whose process writes its id into a file. */
function servicesIn(home: Home): string {
  const folder = join(home.path, 'services');
  const script = join(home.path, 'start-keyring');
  mkdirSync(folder);
  const control = join(home.env['XDG_RUNTIME_DIR'] ?? '', 'keyring');
  const command = `gnome-keyring-daemon --start --foreground --components=secrets --control-directory=${control}`;
  writeFileSync(script, `#!/bin/sh\necho $$ >> ${startedIn(home)}\nexec ${command}\n`, { mode: 0o700 });
  writeFileSync(
    join(folder, 'org.freedesktop.secrets.service'),
    `[D-BUS Service]\nName=org.freedesktop.secrets\nExec=${script}\n`,
  );
  return folder;
}

const startedIn = (home: Home): string => join(home.path, 'started.pids');

function endStarted(home: Home | null): void {
  if (home === null || !existsSync(startedIn(home))) return;
  for (const pid of readFileSync(startedIn(home), 'utf8').split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended with its bus.
    }
  }
}

/** A bus that takes connections and what is said on them, and answers as `answer` does; by default never. */
export async function strangeBus(t: TestContext, answer: (socket: Socket) => void = () => undefined): Promise<Desktop> {
  const home = tempHome(t);
  const socket = join(home.env['XDG_RUNTIME_DIR'] ?? '', 'bus');
  const open = new Set<Socket>();
  const server = createServer((connection) => {
    open.add(connection.on('error', () => undefined));
    answer(connection);
  }).listen(socket);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const connection of open) connection.destroy();
  });
  return on(home, socket);
}

function on(home: Home, socket: string): Desktop {
  const env = { ...home.env, DBUS_SESSION_BUS_ADDRESS: `unix:path=${socket}` };
  const attributes = { service: 'jit', account: 'nobody stored this' };
  return {
    home,
    env,
    socket,
    store: () => openKeychain({ env, platform: 'linux' }),
    sight: () => lookFor({ socket, uid: process.geteuid?.() ?? 0, limitMs: 2_000, attributes }),
  };
}

/**
 * Starts gnome-keyring on the desktop and waits for its service.
 * @param password of the login keyring, which is made if there is none; null leaves it as it is, locked or missing.
 */
export async function keyring(t: TestContext, { env, sight }: Desktop, password: string | null): Promise<ChildProcess> {
  const way = password === null ? '--start' : '--unlock';
  const control = `--control-directory=${join(env['XDG_RUNTIME_DIR'] ?? '', 'keyring')}`;
  const daemon = spawn('gnome-keyring-daemon', ['--foreground', way, '--components=secrets', control], {
    env,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  endWith(t, daemon);
  daemon.stdin.on('error', () => undefined).end(password ?? '');
  await eventually(async () => {
    const { kind } = await sight();
    return password === null ? kind !== 'absent' : kind === 'nothing';
  });
  return daemon;
}

/** Ends a daemon and waits until it has. */
export async function end(daemon: ChildProcess): Promise<void> {
  const ended = once(daemon, 'exit');
  daemon.kill('SIGKILL');
  await ended;
}

function endWith(t: TestContext, child: ChildProcess): void {
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) await end(child);
  });
}
