/**
 * An office whose broker tells people of requests: by a stand-in of Slack with buttons, a receiver of webhooks and a mail server,
 * all over real connections, and people who have really signed in.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';
import { confirmViewSchema } from '../../src/wire/sessions.ts';
import type { Outcome } from '../../src/wire/views.ts';
import { clickBody, type FakeSlack, slackHeaders, type SlackPost, startSlack } from '../fakes/slack.ts';
import { type Receiver, startReceiver } from '../outbound/receiver.ts';
import { type Answer, type Caller, ID_TOKEN, makeCaller } from '../support/caller.ts';
import { makeCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { tempFolder } from '../support/home.ts';
import type { Idp } from '../support/idp.ts';
import { type Office, policyWithLeads, startOffice } from '../support/office.ts';
import type { SharedBroker } from '../support/shared-broker.ts';

export const TEAM = 'T0000001';
/** The Slack users of the staff, by subject. Ed is in Slack and in no list. */
export const USERS = {
  alice: 'U00ALICE',
  bob: 'U000BOB0',
  carol: 'U00CAROL',
  dan: 'U000DAN0',
  erin: 'U00ERIN0',
} as const;
export const UNKNOWN_USER = 'U0000ED0';

/** What no message and no log may ever hold. */
export const PASSWORD = 'canary-mail-password';
export const HOOK_SECRET = `whsec_${Buffer.from('canary-of-the-signed-webhooks-32').toString('base64')}`;

export interface Newsroom extends Office {
  readonly slack: FakeSlack;
  /** Absent until `startReceiver` is called with `hookPort`, where it was said to be down. */
  readonly hook: Receiver | null;
  readonly hookPort: number;
  readonly mails: readonly string[];
  /** Where the files with the secrets are. */
  readonly secrets: string;
  signedIn(subject: string): Promise<Person>;
  /** The one message in the channel about that request, once it shows that. */
  message(id: string, shows: RegExp): Promise<SlackPost>;
  /** What Slack sends when that user presses that button. */
  click(post: SlackPost, action: 'jit_approve' | 'jit_deny', user: string): Promise<Signed>;
  /** The answer of the broker's hook to it. */
  call(signed: Signed): Promise<number>;
  /** What was said to that user alone, once something has been said so often. */
  replies(user: string, count: number): Promise<readonly string[]>;
}

export interface Signed {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Person extends Caller {
  /** A POST with a word of the provider of its own, as a client does it. */
  fresh(path: string, body?: unknown): Promise<Answer>;
  /** Asks to write. */
  ask(reason: string): Promise<Outcome['request']>;
  state(id: string): Promise<string>;
}

/** With a connection of its own, behind the broker's back. */
export function inStore<T>({ home }: SharedBroker, ask: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(join(home.path, 'state', 'broker.db'), { timeout: 5_000 });
  try {
    return ask(database);
  } finally {
    database.close();
  }
}

/** How much is to be told yet, by all or by one. */
export function waiting(broker: SharedBroker, notifier = '*'): number {
  const query = 'SELECT count(*) AS count FROM notices WHERE notifier GLOB ?';
  return inStore(broker, (database) => Number(database.prepare(query).get(notifier)?.['count']));
}

/** One of the leads has to approve what is written. @param receiver whether the receiver of webhooks is up. */
export async function startNewsroom(t: TestContext, receiver: 'up' | number = 'up'): Promise<Newsroom> {
  const secrets = tempFolder(t);
  const slack = await startSlack();
  t.after(slack.end);
  const hook = receiver === 'up' ? await startReceiver() : null;
  if (hook !== null) t.after(hook.end);
  const hookPort = hook?.port ?? Number(receiver);
  const mails: string[] = [];
  const mailPort = await startMail(t, secrets, mails);
  for (const [name, text] of [
    ['slack-token', slack.token],
    ['slack-signing', slack.signingSecret],
    ['hook-secret', HOOK_SECRET],
    ['smtp-password', PASSWORD],
  ] as const) {
    writeFileSync(join(secrets, name), `${text}\n`, { mode: 0o600 });
  }
  const place = { secrets, slack: slack.api, hookPort, mailPort };
  const office = await startOffice(t, { policy: policyWithLeads(1), notify: (idp) => notifiers(idp, place) });
  const { broker } = office;
  return {
    ...office,
    slack,
    hook,
    hookPort,
    mails,
    secrets,
    signedIn: async (subject) => signedIn(office, subject),
    message: async (id, shows) =>
      eventually(
        () => {
          const about = [...slack.shown.values()].filter(({ body }) => JSON.stringify(body).includes(id));
          assert.equal(about.length, 1);
          // Nobody is so fast that the broker would not know yet where its message is.
          assert.equal(waiting(broker, 'chat'), 0);
          return about.find(({ body }) => shows.test(JSON.stringify(body)));
        },
        { deadlineMs: 30_000 },
      ),
    click: async (post, action, user) => {
      const body = clickBody({ post, action, user, team: TEAM });
      return { body, headers: slackHeaders(slack.signingSecret, body, Date.now()) };
    },
    call: async ({ body, headers }) =>
      (await fetch(`${broker.url}/v1/hooks/chat`, { method: 'POST', body, headers })).status,
    replies: async (user, count) =>
      eventually(() => {
        const said = slack.posts.filter((post) => post.method === 'chat.postEphemeral' && post.body['user'] === user);
        return said.length >= count ? said.map(({ body }) => JSON.stringify(body['blocks'])) : null;
      }),
  };
}

interface Place {
  readonly secrets: string;
  readonly slack: string;
  readonly hookPort: number;
  readonly mailPort: number;
}

function notifiers({ issuer }: Idp, { secrets, slack, hookPort, mailPort }: Place): string {
  const people = Object.entries(USERS).map(
    ([subject, user]) => `      - { team: ${TEAM}, user: ${user}, issuer: '${issuer}', subject: ${subject} }\n`,
  );
  return `  chat:
    type: slack
    api: ${slack}
    allow_private_addresses: true
    token: { file: ${secrets}/slack-token }
    channel: C0000001
    groups: [leads]
    approve: buttons
    signing_secrets: [{ file: ${secrets}/slack-signing }]
    people:
${people.join('')}  siem:
    type: webhook
    url: http://127.0.0.1:${hookPort}/in
    allow_private_addresses: true
    secrets: [{ file: ${secrets}/hook-secret }]
  mail:
    type: email
    host: 127.0.0.1
    port: ${mailPort}
    ca: ${secrets}/mail.crt
    user: jit
    password: { file: ${secrets}/smtp-password }
    from: jit@example.com
    approvers: { leads: [leads@example.com] }
    people: [{ issuer: '${issuer}', subject: alice, address: alice@example.com }]
`;
}

/** With STARTTLS and a login. @param mails is added to: recipients and the text as it is read. */
async function startMail(t: TestContext, folder: string, mails: string[]): Promise<number> {
  const { cert, key } = await makeCertificate(folder, 'mail');
  const server = new SMTPServer({
    cert: readFileSync(cert, 'utf8'),
    key: readFileSync(key, 'utf8'),
    closeTimeout: 200,
    onAuth: ({ username, password }, _session, done) => {
      if (username === 'jit' && password === PASSWORD) done(null, { user: username });
      else done(new Error('no'));
    },
    onData: (stream, { envelope }, done) => {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        const raw = Buffer.concat(parts).toString('utf8').replaceAll('=\r\n', '');
        const text = raw.replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
        mails.push(`${envelope.rcptTo.map(({ address }) => address).join()}\n${text}`);
        done();
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    await new Promise<void>((resolve) => {
      server.close(resolve);
    });
  });
  const address = server.server.address();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

async function signedIn({ idp, broker }: Office, subject: string): Promise<Person> {
  const send = async (path: string, sent: RequestInit): Promise<Response> => fetch(`${broker.url}${path}`, sent);
  const me = await makeCaller({ send, base: broker.url, now: Date.now });
  let { idToken, refreshToken } = await idp.signIn(subject, { nonce: me.thumbprint });
  assert.equal((await me.exchange(idToken)).status, 201);
  const word = async (): Promise<string> => {
    for (let round = 1; ; round += 1) {
      const { status, body } = await idp.refresh(refreshToken);
      assert.equal(status, 200, JSON.stringify(body));
      [idToken, refreshToken] = [String(body['id_token']), String(body['refresh_token'])];
      const proof = { subject_token: idToken, subject_token_type: ID_TOKEN };
      const answer = await me.call('POST', '/v1/sessions/confirm', proof);
      if (answer.status === 200) return confirmViewSchema.parse(answer.body).confirmation;
      assert.ok(round < 3, JSON.stringify(answer.body));
      // A provider may give the same ID token twice within one second.
      await setTimeout(1_000 - (Date.now() % 1_000));
    }
  };
  const fresh = async (path: string, body?: unknown): Promise<Answer> =>
    me.call('POST', path, body, { 'jit-confirmation': await word() });
  return Object.assign(me, {
    fresh,
    ask: async (reason: string) => {
      const [operation, object] = ['s3:PutObject', 'arn:aws:s3:::sandbox-reports/fix.txt'];
      const details = [{ type: 'jit_access', operation, resources: [object], target: 'reports' }];
      const answer = await fresh('/v1/requests', { authorization_details: details, seconds: 600, reason });
      assert.equal(answer.status, 201, JSON.stringify(answer.body));
      return requestIn(answer);
    },
    state: async (id: string) => requestIn(await me.call('GET', `/v1/requests/${id}`)).state,
  });
}

function requestIn({ body }: Answer): Outcome['request'] {
  const { request }: Partial<Outcome> = JSON.parse(JSON.stringify(body));
  assert.ok(request !== undefined, JSON.stringify(body));
  return request;
}
