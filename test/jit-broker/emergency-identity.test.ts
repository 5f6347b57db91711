/**
 * Emergency access while the identity provider is switched off, over the API: the program jit-broker, the certified oidc-provider
 * and the sandbox are real, and the incidents are in a file.
 * @module
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { NO_WORD } from '../../src/wire/sessions.ts';
import { type Outcome, outcomeSchema } from '../../src/wire/views.ts';
import { eventually } from '../support/eventually.ts';
import { tempFolder } from '../support/home.ts';
import type { Interceptor } from '../support/idp.ts';
import { type Office, startOffice } from '../support/office.ts';
import { type Said, type SignedIn, signedIn } from '../support/signed-in.ts';

const POLICY = `
@id("usual") @tier("auto") @max("1h")
permit (principal in Jit::Group::"eng", action == Jit::Action::"Request", resource);
@id("emergency") @max("1h")
permit (principal is Jit::User in Jit::Group::"eng", action == Jit::Action::"BreakGlass", resource)
when { context.incident.responder };
`;
const USUAL = {
  authorization_details: [
    { type: 'jit_access', operation: 's3:GetObject', resources: ['arn:aws:s3:::sandbox-reports/*'] },
  ],
  seconds: 900,
  reason: 'the site is down',
};
const EMERGENCY = { ...USUAL, incident: 'INC-7' };
const MARK = { 'jit-confirmation': NO_WORD };

interface Place extends Office {
  readonly alice: SignedIn;
}

/** Words count for as short as can be configured, so that a provider that was just heard can soon be down. */
async function place(t: TestContext, emergencies = 'sessions: 1h'): Promise<Place> {
  const file = join(tempFolder(t), 'incidents.yaml');
  const incident = '{ id: INC-7, title: it burns, state: open, severity: 1, responders: [alice] }';
  writeFileSync(file, `incidents:\n  - ${incident}\n`, { mode: 0o600 });
  const office = await startOffice(t, {
    policy: POLICY,
    sessions: 'word: 5s',
    emergencies: `${emergencies}, rate: { requests: 50, within: 1h }, reviews: 100`,
    incidents: ({ issuer }) =>
      `  desk:\n    type: file\n    file: ${file}\n    people: [{ id: alice, issuer: '${issuer}', subject: alice }]\n`,
  });
  return { ...office, alice: await signedIn(office.broker.url, office.idp, 'alice') };
}

const ask = async (who: SignedIn, body: object, headers: Record<string, string> = MARK): Promise<Said> =>
  who.call('POST', '/v1/requests', body, headers);
const fetchKeys = async (who: SignedIn, { grant }: Outcome, headers: Record<string, string> = MARK): Promise<Said> =>
  who.call('POST', `/v1/grants/${grant?.id}/credentials`, undefined, headers);

function granted({ status, body }: Said): Outcome {
  assert.equal(status, 201, JSON.stringify(body));
  return outcomeSchema.parse(body);
}

function refused({ status, body }: Said, pattern: RegExp): void {
  assert.deepEqual([status, body['code']], [401, 'ERR_IDENTITY_STALE'], JSON.stringify(body));
  assert.match(String(body['title']), pattern);
}

/** The broker believes for a few seconds what it has found. */
const soon = async (call: () => Promise<Said>, status: number): Promise<Said> =>
  eventually(
    async () => {
      const said = await call();
      return said.status === status ? said : undefined;
    },
    { deadlineMs: 30_000 },
  );

void suite('emergency access while the identity provider is down', { concurrency: 2 }, () => {
  void test('off: emergencies alone go on, also after a restart of the broker; on again: a word is needed, and she has none', async (t) => {
    const { alice, idp, broker } = await place(t);
    refused(await ask(alice, EMERGENCY), /the broker can reach identity provider idp/);
    await idp.stop();
    refused(await ask(alice, USUAL), /only emergency access/);
    const outcome = granted(await soon(() => ask(alice, EMERGENCY), 201));
    assert.match(outcome.request.why, /identity provider idp is down, and last vouched for the requester \d+s ago$/);
    assert.equal((await fetchKeys(alice, outcome)).status, 200);
    await broker.restart();
    assert.equal((await fetchKeys(alice, outcome)).status, 200);
    assert.deepEqual(
      broker.entries('session.unconfirmed').map(({ actor, grant }) => [actor['subject'], grant]),
      [
        ['alice', null],
        ['alice', outcome.grant?.id],
        ['alice', outcome.grant?.id],
      ],
    );
    await idp.start();
    idp.disable('alice');
    const wordless = await alice.fresh(`/v1/grants/${outcome.grant?.id}/credentials`);
    assert.deepEqual([wordless.status, wordless.body['error']], [400, 'invalid_grant']);
    refused(await soon(() => fetchKeys(alice, outcome), 401), /the broker can reach/);
    refused(await ask(alice, EMERGENCY), /the broker can reach/);
  });

  void test('on again, with her out of the group: the word says so, and ends the grant', async (t) => {
    const { alice, idp, broker } = await place(t);
    await idp.stop();
    const outcome = granted(await ask(alice, EMERGENCY));
    await idp.start();
    idp.setGroups('alice', []);
    const denied = await alice.fresh(`/v1/grants/${outcome.grant?.id}/credentials`);
    assert.deepEqual([denied.status, denied.body['code']], [403, 'ERR_DENIED'], JSON.stringify(denied.body));
    assert.ok(broker.entries('grant.end').some(({ grant }) => grant === outcome.grant?.id));
  });

  void test('a provider that hangs, and one that answers 500 to whoever wants a token, are down', async (t) => {
    const { alice, idp } = await place(t);
    const broken: Readonly<Record<string, Interceptor>> = {
      hangs: () => 'answered',
      breaks: (request, response) => {
        if (request.url !== '/token') return 'pass';
        response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":"server_error"}');
        return 'answered';
      },
    };
    for (const [name, interceptor] of Object.entries(broken)) {
      idp.intercept(interceptor);
      granted(await soon(() => ask(alice, EMERGENCY), 201));
      idp.intercept(null);
      refused(await soon(() => ask(alice, EMERGENCY), 401), /the broker can reach/);
      assert.ok(idp.calls.includes('POST /token'), name);
    }
  });

  void test('unless it is configured nobody goes on, and the provider is not asked', async (t) => {
    const { alice, idp } = await place(t, 'sessions: 0');
    const before = idp.calls.length;
    refused(await ask(alice, EMERGENCY), /in an emergency neither/);
    assert.equal(idp.calls.length, before);
    await idp.stop();
    refused(await ask(alice, EMERGENCY), /in an emergency neither/);
  });
});
