/**
 * Emergency access from the command line, with the services that people are called by: jit, jit-broker, oidc-provider and the
 * aws program are real, the cloud is the sandbox, PagerDuty and incident.io are servers that speak what they have published.
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { startIncidentIo } from '../fakes/incidents/incident-io.ts';
import { startPagerDuty } from '../fakes/incidents/pagerduty.ts';
import { eventually } from '../support/eventually.ts';
import { tempFolder } from '../support/home.ts';
import { type Idp } from '../support/idp.ts';
import { type Office, startOffice, STAFF } from '../support/office.ts';
import { type Ended, run } from '../support/run.ts';
import { skipUnless } from '../support/tools.ts';
import { loggedIn, succeeded, type User, user } from './shared.ts';

const JIT = resolve('bin/jit');
const OBJECT = 'arn:aws:s3:::sandbox-reports/hello.txt';
const LENGTH = ['--for', '10m', '--reason', 'the site is down'];

const POLICY = `
@id("emergency") @max("1h") @handover("ends")
permit (principal is Jit::User in Jit::Group::"eng", action == Jit::Action::"BreakGlass", resource)
when {
  context.operation == "s3:GetObject" && context.incident.severity <= 2 && context.incident.services.contains("web") &&
  (context.incident.responder || context.incident.onCallTier == 1)
};
@id("leads") permit (principal in Jit::Group::"leads", action == Jit::Action::"Approve", resource);
`;

const ACCOUNTS = {
  ...STAFF,
  alice: { ...STAFF.alice, email: 'alice@example.com' },
  ed: { ...STAFF.ed, email: 'ed@example.com' },
};

/** What the tests do with a service, whichever it is. */
interface Service {
  readonly name: string;
  /** Its entry in the configuration. */
  config(folder: string, idp: Idp): string;
  open(given?: { readonly priority?: string; readonly service?: string }): {
    readonly id: string;
    readonly reference: string;
  };
  resolve(id: string): void;
  /** From now on Ed is called, and Alice is not. */
  handOver(): void;
  hooksTo(url: string): void;
  suppressHooks(): void;
  down(): Promise<void>;
  up(): Promise<void>;
}

async function pagerDuty(t: TestContext): Promise<Service> {
  const fake = await startPagerDuty();
  t.after(() => fake.stop());
  const [alice, ed] = [fake.addUser('Alice', 'alice@example.com'), fake.addUser('Ed', 'ed@example.com')];
  const call = (who: { readonly id: string }): void =>
    ['web', 'billing'].forEach((service) => fake.setOnCall(service, [{ user: who.id, level: 1 }]));
  call(alice);
  return {
    ...fake,
    name: 'pagerduty',
    config: (folder, idp) => {
      const [token, signing] = [join(folder, 'token'), join(folder, 'signing')];
      writeFileSync(token, fake.token, { mode: 0o600 });
      writeFileSync(signing, fake.signingSecret, { mode: 0o600 });
      return `  pagerduty:
    type: pagerduty
    api: ${fake.url}
    allow_private_addresses: true
    token: { file: ${token} }
    signing_secrets: [{ file: ${signing} }]
    people:
      - { id: ${alice.id}, issuer: '${idp.issuer}', subject: alice }
      - { id: ${ed.id}, issuer: '${idp.issuer}', subject: ed }
`;
    },
    open: ({ priority = 'P1', service = 'web' } = {}) => fake.openIncident({ title: 'it burns', priority, service }),
    handOver: () => call(ed),
  };
}

async function incidentIo(t: TestContext): Promise<Service> {
  const fake = await startIncidentIo();
  t.after(() => fake.stop());
  const [alice, ed] = [fake.addUser('Alice', 'alice@example.com'), fake.addUser('Ed', 'ed@example.com')];
  const call = (who: { readonly id: string }): void =>
    ['web', 'billing'].forEach((service) => fake.setOnCall(service, [{ user: who.id, level: 1 }]));
  call(alice);
  return {
    ...fake,
    name: 'incidentio',
    config: (folder) => {
      const [token, signing] = [join(folder, 'token'), join(folder, 'signing')];
      writeFileSync(token, fake.token, { mode: 0o600 });
      writeFileSync(signing, fake.signingSecret, { mode: 0o600 });
      return `  incidentio:
    type: incident.io
    api: ${fake.url}
    allow_private_addresses: true
    token: { file: ${token} }
    signing_secrets: [{ file: ${signing} }]
    severities: { P1: 1, P4: 4 }
    match: person
`;
    },
    open: ({ priority = 'P1', service = 'web' } = {}) => fake.openIncident({ title: 'it burns', priority, service }),
    handOver: () => call(ed),
  };
}

interface Scene {
  readonly service: Service;
  readonly office: Office;
  readonly alice: User;
  readonly ed: User;
}

async function scene(t: TestContext, makeService: (t: TestContext) => Promise<Service>): Promise<Scene> {
  const service = await makeService(t);
  const folder = tempFolder(t);
  const office = await startOffice(t, {
    accounts: ACCOUNTS,
    claims: 'person: email',
    policy: POLICY,
    incidents: (idp) => service.config(folder, idp),
    emergencies: 'poll: 5s, rate: { requests: 50, within: 1h }, reviews: 100',
  });
  service.hooksTo(`${office.broker.url}/v1/hooks/${service.name}`);
  const at = { idp: office.idp, url: office.broker.url, trust: {} };
  const present = async (name: string): Promise<User> => {
    const who = user(t, at);
    await loggedIn(at, who, name);
    return who;
  };
  const [alice, ed] = [await present('alice'), await present('ed')];
  return { service, office, alice, ed };
}

const breakGlass = async (who: User, incident: string): Promise<Ended> =>
  who.jit('breakglass', 's3:GetObject', OBJECT, '--incident', incident, ...LENGTH, '--yes', '--json');

interface Held {
  readonly grant: string;
  readonly profile: string;
  /** What the tools were given: what somebody has who copied it. */
  readonly keys: Readonly<Record<string, string>>;
}

async function held(who: User, incident: string): Promise<Held> {
  const document = JSON.parse(succeeded(await breakGlass(who, incident)).stdout);
  const profile = String(document.profile.name);
  const exported = succeeded(await who.jit('credential', document.grant.id, '--format', 'aws'));
  const { AccessKeyId: id, SecretAccessKey: secret, SessionToken: token } = JSON.parse(exported.stdout);
  const keys = { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token };
  return { grant: document.grant.id, profile, keys };
}

async function read({ env }: User, { office }: Scene, how: { readonly keys: Held['keys'] }): Promise<Ended> {
  const more = how.keys;
  const args = [
    '--endpoint-url',
    office.cloud.url,
    '--region',
    'us-east-1',
    's3',
    'cp',
    's3://sandbox-reports/hello.txt',
    '-',
  ];
  return run('aws', args, { env: { ...env, AWS_MAX_ATTEMPTS: '1', ...more } });
}

/** With the last entry the file goes as well. */
const configOf = ({ home }: User): string => {
  const file = join(home.path, '.aws', 'config');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};

/** The cloud refuses the keys that are out, and the profile is gone. */
async function gone(t: TestContext, all: Scene, who: User, access: Held, since: number): Promise<void> {
  await eventually(() => !configOf(who).includes(access.profile), { deadlineMs: 20_000 });
  const wiped = Date.now() - since;
  await eventually(
    async () => /AccessDenied|403|InvalidToken|ExpiredToken/.test((await read(who, all, access)).stderr),
    {
      deadlineMs: 20_000,
    },
  );
  t.diagnostic(`profile wiped ${wiped} ms after the end, keys seen refused ${Date.now() - since} ms after it`);
}

function denied(ended: Ended, pattern: RegExp): void {
  const said = `${ended.stdout}\n${ended.stderr}`;
  assert.equal(ended.status, 5, said);
  assert.match(said, pattern);
}

// Each has a broker and people of its own.
suite('emergency access', { concurrency: true }, () => {
  for (const [name, makeService] of [
    ['PagerDuty', pagerDuty],
    ['incident.io', incidentIo],
  ] as const) {
    test(`with ${name}`, { skip: skipUnless('aws') }, async (t) => {
      const all = await scene(t, makeService);
      const { service, office, alice, ed } = all;

      await t.test('who is called reads at once, and the end of the incident is the end of it', async (sub) => {
        const incident = service.open();
        const access = await held(alice, incident.reference);
        const byProfile = ['--profile', access.profile, 's3', 'cp', 's3://sandbox-reports/hello.txt', '-'];
        assert.match(succeeded(await run('aws', byProfile, { env: alice.env })).stdout, /hello/i);
        assert.match(succeeded(await read(alice, all, access)).stdout, /hello/i);
        service.resolve(incident.id);
        await gone(sub, all, alice, access, Date.now());
        const shown = JSON.parse(succeeded(await alice.jit('show', access.grant, '--json')).stdout);
        assert.equal(shown.grant.reason, 'incident-closed');
      });

      await t.test('nobody else, no other incident, and the answer says what is in the way', async () => {
        const incident = service.open();
        denied(await breakGlass(ed, incident.reference), /responder|on call/);
        denied(await breakGlass(ed, incident.reference), /who can help: Alice/);
        denied(await breakGlass(alice, service.open({ priority: 'P4' }).reference), /severity/);
        denied(await breakGlass(alice, service.open({ service: 'billing' }).reference), /concern web/);
        denied(await breakGlass(alice, name === 'PagerDuty' ? '#999999' : 'INC-999999'), /no such incident/);
        const over = service.open();
        service.resolve(over.id);
        denied(await breakGlass(alice, over.reference), /closed/);
      });

      await t.test('with no call from the service, the next look ends it', async (sub) => {
        service.suppressHooks();
        const incident = service.open();
        const access = await held(alice, incident.reference);
        service.resolve(incident.id);
        await gone(sub, all, alice, access, Date.now());
        service.hooksTo(`${office.broker.url}/v1/hooks/${service.name}`);
      });

      await t.test('what ended while no broker was there ends when there is one', async (sub) => {
        const incident = service.open();
        const access = await held(alice, incident.reference);
        await office.broker.stop('SIGKILL');
        service.suppressHooks();
        service.resolve(incident.id);
        const started = Date.now();
        await office.broker.start();
        await gone(sub, all, alice, access, started);
        service.hooksTo(`${office.broker.url}/v1/hooks/${service.name}`);
      });

      await t.test('an incident that is closed while the cloud issues gives nobody anything', async () => {
        const incident = service.open();
        const before = configOf(alice);
        office.cloud.close();
        const args = ['breakglass', 's3:GetObject', OBJECT, '--incident', incident.reference, ...LENGTH, '--yes'];
        const child = spawn(process.execPath, [JIT, ...args], { env: alice.env, stdio: ['ignore', 'pipe', 'pipe'] });
        let said = '';
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', (part: Buffer) => (said += part.toString()));
        const closed = once(child, 'close');
        await eventually(() => office.cloud.waiting() > 0, { deadlineMs: 20_000 });
        service.resolve(incident.id);
        await eventually(
          () => office.broker.entries('grant.end').some(({ data }) => data['incident'] === incident.reference),
          {
            deadlineMs: 20_000,
          },
        );
        office.cloud.open();
        await closed;
        assert.equal(child.exitCode, 7, said);
        assert.equal(configOf(alice), before);
      });

      await t.test('whoever hands over loses it, where the rule says so', async (sub) => {
        const incident = service.open();
        const access = await held(alice, incident.reference);
        if (name === 'incident.io') assert.equal(succeeded(await alice.jit('status')).status, 0);
        service.handOver();
        const since = Date.now();
        // Whoever was assigned when it began still works on it at PagerDuty, on call or not.
        if (name === 'PagerDuty') {
          assert.match(succeeded(await read(alice, all, access)).stdout, /hello/i);
        } else {
          await gone(sub, all, alice, access, since);
        }
      });

      await t.test('while the service gives no answer nothing new is given', async () => {
        const incident = service.open();
        await service.down();
        denied(await breakGlass(ed, `${service.name}/${incident.reference}`), /gives no answer/);
        await service.up();
        assert.equal((await breakGlass(ed, incident.reference)).status, 0);
      });
    });
  }
});
