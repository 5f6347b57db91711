/**
 * A shared broker as a company runs one: the real program with TLS, a real identity provider, and users' homes.
 * @module
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { makeCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { type Home, tempHome } from '../support/home.ts';
import { type AccountSeed, type Idp, type IdpOptions, startIdp } from '../support/idp.ts';
import { freePort } from '../support/port.ts';
import { type Ended, run } from '../support/run.ts';

const JIT = resolve('bin/jit');
const BROKER = resolve('bin/jit-broker');
const POLICY = '@id("all") @tier("auto")\npermit (principal, action == Jit::Action::"Request", resource);\n';

export interface Company {
  readonly url: string;
  readonly idp: Idp;
  /** What a program needs to believe the broker's certificate. */
  readonly trust: Readonly<Record<string, string>>;
  /** As somebody who runs the broker does. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface CompanyOptions {
  readonly accounts: Readonly<Record<string, AccountSeed>>;
  /** Lines of YAML below `identity`, beside the provider `idp`. */
  readonly identity?: readonly string[];
  /** Lines of YAML below `sessions`. */
  readonly sessions?: readonly string[];
  readonly idTokens?: IdpOptions['idTokens'];
}

export async function company(
  t: TestContext,
  { accounts, identity = [], sessions = [], idTokens = 'with a jti' }: CompanyOptions,
): Promise<Company> {
  const idp = await startIdp(t, { accounts, idTokens });
  const home = tempHome(t);
  const port = await freePort();
  const { cert } = await makeCertificate(home.path, 'broker');
  mkdirSync(join(home.path, 'policies'));
  writeFileSync(join(home.path, 'policies', 'all.cedar'), POLICY, { mode: 0o600 });
  const lines = [
    `issuer: https://localhost:${port}`,
    `listen: { host: localhost, port: ${port}, tls: { cert: broker.crt, key: broker.key } }`,
    'policies: ./policies',
    'identity:',
    '  idp:',
    '    type: oidc',
    `    issuer: ${idp.issuer}`,
    `    client_id: ${idp.clientId}`,
    '    scopes: [openid, profile, groups, offline_access]',
    '    device: true',
    '    algorithms: [ES256]',
    '    allow_private_addresses: true',
    ...identity,
    ...(sessions.length === 0 ? [] : ['sessions:', ...sessions]),
  ];
  const file = join(home.path, 'broker.yaml');
  writeFileSync(file, lines.join('\n'), { mode: 0o600 });
  const trust = { NODE_EXTRA_CA_CERTS: cert };
  let child: ChildProcess | null = null;
  let log = '';
  const start = async (): Promise<void> => {
    const args = [BROKER, 'serve', '--config', file, '--state', join(home.path, 'state')];
    const started = spawn(process.execPath, args, { env: home.env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (part: Buffer) => (log += part.toString()));
    child = started;
    await eventually(
      () => {
        if (started.exitCode !== null) throw new Error(log);
        return log.includes('ready');
      },
      { deadlineMs: 60_000 },
    );
  };
  await start();
  return {
    url: `https://localhost:${port}/`,
    idp,
    trust,
    start: async () => {
      log = '';
      await start();
    },
    stop: async () => {
      child?.kill('SIGTERM');
      if (child !== null && child.exitCode === null) await once(child, 'exit');
    },
  };
}

export interface User {
  readonly home: Home;
  readonly env: Readonly<Record<string, string>>;
  /** Runs `jit` without a terminal to its end. */
  jit(...args: readonly string[]): Promise<Ended>;
  /** Starts `jit login …` and lets `act` go to the address that it shows. */
  login(args: readonly string[], act: (url: string) => Promise<void>): Promise<Ended>;
}

/** Somebody with a home, an encrypted file for secrets, and a browser that is driven by the test. */
export function user(
  t: TestContext,
  { trust }: Pick<Company, 'trust'>,
  more: Readonly<Record<string, string>> = {},
): User {
  const home = tempHome(t);
  const passphrase = join(home.path, 'passphrase');
  writeFileSync(passphrase, 'a passphrase for this test', { mode: 0o600 });
  const env = {
    ...home.env,
    ...trust,
    BROWSER: 'true',
    JIT_SECRET_STORE: 'file',
    JIT_SECRET_PASSPHRASE_FILE: passphrase,
    ...more,
  };
  return {
    home,
    env,
    jit: (...args) => run(process.execPath, [JIT, ...args], { env }),
    login: async (args, act) => {
      const child = spawn(process.execPath, [JIT, 'login', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
      t.after(() => child.kill('SIGKILL'));
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (part: string) => (stdout += part));
      child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part));
      const closed = once(child, 'close');
      const url = await eventually(
        () => {
          const found = /^jit: (http:\S+)$/m.exec(stderr)?.[1];
          if (found === undefined && child.exitCode !== null) throw new Error(`no address: ${stderr}`);
          return found;
        },
        { deadlineMs: 60_000 },
      );
      await act(url);
      await closed;
      return { status: child.exitCode, signal: child.signalCode, stdout, stderr };
    },
  };
}

/** Fails with what was said where a program did not end well. */
export function succeeded(ended: Ended): Ended {
  assert.equal(ended.status, 0, `${ended.stdout}\n${ended.stderr}`);
  return ended;
}

/** The pages of the identity provider without a browser: follows redirects and sends forms, back to the waiting program. */
export async function walkThrough(
  start: string,
  person: { readonly name: string; readonly password: string },
): Promise<void> {
  const cookies = new Map<string, string>();
  let url = new URL(start);
  let form: URLSearchParams | null = null;
  for (let step = 0; step < 12; step++) {
    const reply: Response = await fetch(url, {
      method: form === null ? 'GET' : 'POST',
      body: form,
      headers: { cookie: [...cookies].map(([key, value]) => `${key}=${value}`).join('; ') },
      redirect: 'manual',
    });
    for (const line of reply.headers.getSetCookie()) {
      const [, key = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') cookies.delete(key);
      else cookies.set(key, value);
    }
    const location = reply.headers.get('location');
    const html = await reply.text();
    if (location === null && url.pathname === '/callback') return;
    const action = location ?? /<form method="post" action="([^"]+)"/.exec(html)?.[1];
    if (action === undefined) throw new Error(`no way on from ${url.href}: ${html}`);
    url = new URL(action, url);
    form = location === null ? new URLSearchParams(action.endsWith('/login') ? { ...person } : {}) : null;
  }
  throw new Error('it goes round in circles');
}

/** `jit login` as that account, without a browser. */
export async function loggedIn(
  { idp, url }: Pick<Company, 'idp' | 'url'>,
  who: User,
  subject: string,
  args: readonly string[] = [url, '--name', 'work'],
): Promise<Ended> {
  return succeeded(
    await who.login(args, (address) => walkThrough(address, { name: subject, password: idp.password(subject) })),
  );
}
