/**
 * The pages as people meet them: the program `jit-broker` with TLS of its own, the certified oidc-provider, a cloud by others,
 * Chromium. Requests come in through the API as from the command line.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request as tlsRequest } from 'node:https';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import type { Browser, Page } from 'puppeteer-core';
import { outcomeSchema, type Outcome } from '../../../src/wire/views.ts';
import { enterLogin, startBrowser } from '../../support/browser.ts';
import { type Caller, ID_TOKEN, makeCaller } from '../../support/caller.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { eventually } from '../../support/eventually.ts';
import { tempHome } from '../../support/home.ts';
import { type AccountSeed, type Idp, startIdp } from '../../support/idp.ts';
import { MOTO_KEYS } from '../../support/moto.ts';
import { freePort } from '../../support/port.ts';
import { serve } from '../../jit-broker/program.ts';

/** Of the worked example of policies: Ada is on call, Ben, Cleo and Dora lead, Eve is an engineer, Ivy and Ike are security. */
export const ACCOUNTS = {
  ada: { name: 'Ada Byron', groups: ['engineers', 'on-call', 'platform-admins'] },
  ben: { name: 'Ben Okri', groups: ['leads'] },
  cleo: { name: 'Cleo Sand', groups: ['leads'] },
  dora: { name: 'Dora Vale', groups: ['engineers', 'on-call', 'leads'] },
  eve: { name: 'Eve Hill', groups: ['engineers'] },
  ivy: { name: 'Ivy Reed', groups: ['security'] },
  ike: { name: 'Ike Moss', groups: ['security'] },
} as const satisfies Record<string, AccountSeed>;
export type Name = keyof typeof ACCOUNTS;

const EXAMPLE = new URL('../../../src/policy/example/', import.meta.url);

/**
 * What they ask for, at any hour: in prod somebody on call reads at once, one of the leads decides on a change, two of security
 * on permissions; in staging one's own word is enough.
 */
const PLACES: Readonly<Record<string, string>> = { 's3:PutObjectTagging': 'staging' };

export interface PagesWorld {
  /** The broker's public address. */
  readonly url: string;
  readonly idp: Idp;
  readonly log: () => string;
  /** Somebody at the API, signed in. */
  caller(name: Name): Promise<Asking>;
  /** Somebody's browser, with cookies of its own. */
  browse(): Promise<Page>;
  /** The same, signed in, at that page of ours. */
  signedIn(name: Name, path?: string): Promise<Page>;
  /** A bare call, as no browser makes it. */
  call(path: string, options?: BareCall): Promise<BareAnswer>;
  /** Every row of every table, as text. */
  rows(): string;
  /** Types of the audit entries so far. */
  story(): readonly string[];
  /** Runs SQL on the store, as time would. */
  alter(sql: string): void;
}

export interface Asking {
  submit(ask: Ask): Promise<Outcome>;
  look(id: string): Promise<Outcome>;
  /** Takes an approved request up. */
  issue(id: string): Promise<Outcome>;
}

export interface Ask {
  readonly operation?: string;
  readonly resource?: string;
  readonly reason?: string;
  readonly seconds?: number;
  readonly ticket?: string;
  /** Makes it an emergency. */
  readonly incident?: string;
}

/** Handing out permissions: the example wants a ticket and a reason that says something. */
export const GRAVE: Ask = {
  operation: 's3:PutBucketPolicy',
  resource: 'arn:aws:s3:::reports',
  reason: 'the auditors of this year need to read the reports',
  ticket: 'OPS-7',
};

export interface BareCall {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface BareAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export interface PagesOptions {
  readonly cloud?: string;
  /** Entries of `sessions`. */
  readonly sessions?: string;
  /** More lines of the entry about the identity provider. @param home a private folder. */
  readonly entry?: readonly ((home: string) => string)[];
  /** Makes the broker a confidential client there. */
  readonly clientSecret?: string;
  readonly emergencies?: {
    /** In place of the example. */
    readonly policy: string;
    /** Lines of every target about its cloud. */
    readonly cloud: readonly string[];
    /** Of the program. */
    readonly env: Readonly<Record<string, string>>;
    /** More of the configuration. @param home a private folder, in which it is. */
    readonly more: (home: string, idp: Idp) => string;
  };
}

export async function startPages(
  t: TestContext,
  { cloud, sessions = '', entry = [], clientSecret, emergencies }: PagesOptions = {},
): Promise<PagesWorld> {
  const home = tempHome(t);
  const port = await freePort();
  const url = `https://localhost:${port}`;
  const idp = await startIdp(t, {
    accounts: ACCOUNTS,
    redirects: [`${url}/web/callback`],
    ...(clientSecret === undefined ? {} : { clientSecret }),
  });
  const { cert, key } = await makeCertificate(home.path, 'broker');
  const ca = readFileSync(cert);
  const file = join(home.path, 'broker.yaml');
  const state = join(home.path, 'state');
  mkdirSync(join(home.path, 'policies'), { mode: 0o700 });
  const policies = new Map<string, Buffer | string>(
    emergencies === undefined
      ? readdirSync(EXAMPLE)
          .filter((each) => each.endsWith('.cedar'))
          .map((name) => [name, readFileSync(new URL(name, EXAMPLE))])
      : [['all.cedar', emergencies.policy]],
  );
  for (const [name, text] of policies) writeFileSync(join(home.path, 'policies', name), text, { mode: 0o600 });
  writeFileSync(
    file,
    `${configuration({
      url,
      port,
      cert,
      key,
      idp,
      cloud: emergencies?.cloud ?? [AWS, ...(cloud === undefined ? [] : [`endpoint: ${cloud}`])],
      sessions,
      entry: entry.map((line) => line(home.path)),
    })}${emergencies?.more(home.path, idp) ?? ''}`,
    { mode: 0o600 },
  );
  const around = { ...home, env: { ...home.env, ...MOTO_KEYS, ...emergencies?.env } };
  const { log } = await serve(t, around, ['--config', file, '--state', state]);
  const database = join(state, 'broker.db');
  const call: PagesWorld['call'] = async (path, options = {}) => bare(url, ca, path, options);
  let browser: Promise<Browser> | null = null;
  async function browse(): Promise<Page> {
    browser ??= startBrowser(t, ['--ignore-certificate-errors']);
    const context = await (await browser).createBrowserContext();
    return context.newPage();
  }
  return {
    url,
    idp,
    log,
    call,
    browse,
    signedIn: async (name, path = '/web/') => {
      const page = await browse();
      await page.goto(`${url}${path}`);
      await signIn(page, idp, name);
      return page;
    },
    caller: async (name) =>
      asking(
        idp,
        name,
        await makeCaller({ send: async (path, sent) => asResponse(await call(path, sent)), base: url, now: Date.now }),
      ),
    rows: () => withDatabase(database, (db) => dump(db)),
    story: () =>
      withDatabase(database, (db) =>
        db
          .prepare('SELECT line FROM entries ORDER BY seq')
          .all()
          // Safe: every entry has a type.
          .map(({ line }) => (JSON.parse(String(line)) as { readonly type: string }).type),
      ),
    alter: (sql) => withDatabase(database, (db) => db.exec(sql)),
  };
}

/** From the sign-in page of the broker, over the provider, to the page that was asked for. */
export async function signIn(page: Page, idp: Idp, name: Name): Promise<void> {
  await page.bringToFront();
  await page.waitForSelector('form[action$="/web/sign-in"] button');
  await page.click('form[action$="/web/sign-in"] button');
  await enterLogin(page, { name, password: idp.password(name) });
  await allow(page);
}

/** Agrees where the provider asks whether it may tell the broker, and waits for what a page of the broker shows. */
export async function allow(page: Page, selector = '.account'): Promise<void> {
  await eventually(
    async () => {
      // Between two pages there is none to ask.
      const at = await page
        .evaluate(
          `document.querySelector('#allow') !== null ? 'asked' : document.querySelector('${selector}') && 'there'`,
        )
        .catch(() => null);
      if (at === 'asked') await page.click('#allow').catch(() => null);
      return at === 'there';
    },
    { deadlineMs: 30_000 },
  );
}

/** The cookies of a browser, as it would send them. */
export async function cookiesOf(page: Page): Promise<string> {
  const cookies = await page.browserContext().cookies();
  return cookies
    .filter(({ name }) => name.startsWith('__Host-'))
    .map(({ name, value }) => `${name}=${value}`)
    .join('; ');
}

/** What a browser sends with a form of the page itself. */
export const SAME_ORIGIN = {
  'sec-fetch-site': 'same-origin',
  origin: 'null',
  'content-type': 'application/x-www-form-urlencoded',
};

/** The fields of the form that a page has at that address. */
export async function fieldsOf(page: Page, action: string): Promise<Record<string, string>> {
  const found: unknown = await page.evaluate(
    `Object.fromEntries(new FormData([...document.forms].find((each) => each.getAttribute('action') === ${JSON.stringify(action)})))`,
  );
  // Safe: every field of these forms is text.
  return found as Record<string, string>;
}

/** What stands on the page. */
export async function shown(page: Page): Promise<string> {
  const text: unknown = await page.evaluate('document.body.innerText');
  return String(text);
}

async function asking(idp: Idp, name: Name, caller: Caller): Promise<Asking> {
  let { idToken, refreshToken } = await idp.signIn(name, { nonce: caller.thumbprint });
  assert.equal((await caller.exchange(idToken)).status, 201);
  /** A call for which the provider has to vouch. */
  async function fresh(path: string, body?: unknown): Promise<Outcome> {
    // Within one second the provider says the same again, which counts once.
    const confirmed = await eventually(async () => {
      const renewed = await idp.refresh(refreshToken);
      assert.equal(renewed.status, 200);
      [idToken, refreshToken] = [String(renewed.body['id_token']), String(renewed.body['refresh_token'])];
      const word = { subject_token: idToken, subject_token_type: ID_TOKEN };
      const answer = await caller.call('POST', '/v1/sessions/confirm', word);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return answer;
    });
    const header = { 'jit-confirmation': String(confirmed.body['confirmation']) };
    const answer = await caller.call('POST', path, body, header);
    assert.ok(answer.status < 300, JSON.stringify(answer.body));
    return outcomeSchema.parse(answer.body);
  }
  return {
    submit: async ({
      operation = 's3:PutObject',
      resource = 'arn:aws:s3:::reports/q3.csv',
      reason = 'fix the numbers',
      seconds = 1_800,
      ticket,
      incident,
    }) =>
      fresh('/v1/requests', {
        authorization_details: [
          { type: 'jit_access', operation, resources: [resource], target: PLACES[operation] ?? 'prod-web' },
        ],
        seconds,
        reason,
        ...(ticket === undefined ? {} : { ticket }),
        ...(incident === undefined ? {} : { incident }),
      }),
    look: async (id) => {
      const answer = await caller.call('GET', `/v1/requests/${id}`);
      return outcomeSchema.parse(answer.body);
    },
    issue: async (id) => fresh(`/v1/requests/${id}/issue`),
  };
}

async function bare(
  url: string,
  ca: Buffer,
  path: string,
  { method = 'GET', headers = {}, body }: BareCall,
): Promise<BareAnswer> {
  return new Promise((resolve, reject) => {
    const request = tlsRequest(
      `${url}${path}`,
      { method, headers, ca, agent: false, servername: 'localhost' },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => {
          const found = new Headers();
          const { rawHeaders } = response;
          for (let at = 0; at < rawHeaders.length; at += 2)
            found.append(rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '');
          resolve({ status: response.statusCode ?? 0, headers: found, body: text });
        });
      },
    );
    request.on('error', reject).end(body);
  });
}

function asResponse({ status, headers, body }: BareAnswer): Response {
  return new Response(status === 204 ? null : body, { status, headers });
}

function withDatabase<T>(file: string, work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(file, { timeout: 5_000 });
  try {
    return work(db);
  } finally {
    db.close();
  }
}

function dump(db: DatabaseSync): string {
  const tables = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
    .all();
  return tables
    .map(({ name }) => {
      const rows = db.prepare(`SELECT * FROM ${String(name)}`).all();
      return `${String(name)}\n${rows.map((row) => JSON.stringify(row)).join('\n')}`;
    })
    .join('\n\n');
}

interface Configured {
  readonly url: string;
  readonly port: number;
  readonly cert: string;
  readonly key: string;
  readonly idp: Idp;
  readonly cloud: readonly string[];
  readonly sessions: string;
  readonly entry: readonly string[];
}

function configuration({ url, port, cert, key, idp, cloud, sessions, entry }: Configured): string {
  return `issuer: ${url}
listen: { host: 127.0.0.1, port: ${port}, tls: { cert: ${cert}, key: ${key} } }
policies: ./policies
sessions: { ${sessions} }
identity:
  idp:
    type: oidc
    issuer: ${idp.issuer}
    client_id: ${idp.clientId}
    scopes: [openid, profile, groups, offline_access]
    algorithms: [ES256]
    allow_private_addresses: true
${entry.map((line) => `    ${line}\n`).join('')}targets:
${PLACED.map((name) => target(name, cloud)).join('')}`;
}

const PLACED = ['prod-web', 'staging'] as const;

function target(name: (typeof PLACED)[number], cloud: readonly string[]): string {
  return `  ${name}:
    provider: aws
    environment: ${name === 'prod-web' ? 'prod' : name}
    region: us-east-1
    credentials: ambient
${cloud.map((line) => `    ${line}\n`).join('')}`;
}

const AWS = 'role: arn:aws:iam::123456789012:role/jit-web';
