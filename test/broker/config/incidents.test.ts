/**
 * What the configuration of incident sources and of emergencies may say, and what is said about what it may not.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseBrokerConfig } from '../../../src/broker/config/config.ts';
import { emergenciesSchema, incidentSchema } from '../../../src/broker/config/incidents.ts';
import { JitError } from '../../../src/core/errors.ts';

/** The fields that are wrong, each with what is said; empty for a good entry. */
function problems(text: string, schema: typeof incidentSchema | typeof emergenciesSchema = incidentSchema): string[] {
  const read = schema.safeParse(parse(text), { reportInput: false });
  return read.success ? [] : read.error.issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`);
}
const sloppy = (text: string): string[] => problems(text, emergenciesSchema);

const CLOUD = '35ad6a3e-8f6d-4a37-a3f1-8b2f5f4d3c2b';
const PAGERDUTY = 'type: pagerduty\ntoken: { file: pd-token }\n';
const INCIDENT_IO = 'type: incident.io\ntoken: { file: io-token }\n';
const JSM = `type: jsm\ntoken: { file: jsm-token }\ncloud: ${CLOUD}\nuser: jit@example.com\n`;
const OPSGENIE = 'type: jsm\nflavour: opsgenie\ntoken: { file: key }\n';
const WEBHOOK = 'type: webhook\nsigning_secrets: [{ file: hook }]\n';
const LOOKUP = `${WEBHOOK}lookup: { url: 'https://incidents.example/api/{id}', token: { file: look } }\n`;
const FILE = 'type: file\nfile: incidents.yaml\n';
const ALL = [PAGERDUTY, INCIDENT_IO, JSM, OPSGENIE, WEBHOOK, LOOKUP, FILE];

test('the shortest entries are good, and have what everybody expects', () => {
  for (const text of ALL) assert.deepEqual(problems(text), [], text);
  const pagerduty = incidentSchema.parse(parse(PAGERDUTY));
  assert.ok(pagerduty.type === 'pagerduty');
  assert.equal(pagerduty.api, 'https://api.pagerduty.com');
  assert.equal(pagerduty.signing_secrets, undefined);
  assert.deepEqual([...pagerduty.tiers], [1]);
  const levels = ['P1', 'sev1', 'SEV-2', 'Critical', 'HIGH', 'Moderate', 'medium', 'Low', 'Informational', 'SEV9', ''];
  assert.deepEqual(
    levels.map((each) => pagerduty.severities.get(each) ?? null),
    [1, 1, 2, 1, 2, 3, 3, 4, 5, null, null],
  );
  const apis = [INCIDENT_IO, JSM, OPSGENIE].map((text) => {
    const read = incidentSchema.parse(parse(text));
    return 'api' in read ? read.api : null;
  });
  assert.deepEqual(apis, [
    'https://api.incident.io',
    'https://api.atlassian.com/jsm/ops/api',
    'https://api.opsgenie.com',
  ]);
});

test('severities of their own replace the usual ones, and several tiers can count', () => {
  const read = incidentSchema.parse(parse(`${PAGERDUTY}severities: { Disaster: 1, Meh: 5 }\ntiers: [1, 2]`));
  assert.ok(read.type === 'pagerduty');
  assert.deepEqual(
    [...read.severities],
    [
      ['Disaster', 1],
      ['Meh', 5],
    ],
  );
  assert.deepEqual([...read.tiers], [1, 2]);
  for (const wrong of ['{ Disaster: 0 }', '{ Disaster: 6 }', '{ Disaster: 1.5 }', '{ Disaster: high }']) {
    assert.deepEqual(problems(`${PAGERDUTY}severities: ${wrong}`), [
      'severities.Disaster: a number from 1, the most severe, to 5',
    ]);
  }
  for (const wrong of ['[]', '[0]', '[21]', '1', '[one]']) {
    assert.equal(problems(`${PAGERDUTY}tiers: ${wrong}`).length, 1, wrong);
  }
});

test('a secret is named by its file and never written down', () => {
  for (const text of [
    PAGERDUTY.replace('{ file: pd-token }', 'canary'),
    PAGERDUTY.replace('file: pd-token', 'value: canary'),
    `${PAGERDUTY}signing_secrets: [canary]`,
    WEBHOOK.replace('{ file: hook }', 'whsec_canary'),
    LOOKUP.replace('{ file: look }', 'canary'),
  ]) {
    const found = problems(text);
    assert.ok(found.length > 0, text);
    assert.doesNotMatch(found.join(), /canary/);
  }
  assert.deepEqual(problems(`${PAGERDUTY}signing_secrets: []`).length, 1);
  assert.deepEqual(problems(`${PAGERDUTY}signing_secrets: [{file: a}, {file: b}, {file: c}]`), [
    'signing_secrets: at most two: the new one and the old one',
  ]);
  assert.deepEqual(problems('type: webhook').length, 1, 'a webhook without a signature says nothing');
});

test('addresses that lead elsewhere than they should are refused', () => {
  const astray = [
    'http://api.example',
    'https://10.0.0.1',
    'https://127.0.0.1',
    'https://u:p@api.example',
    'https://169.254.169.254',
    'https://[::1]',
    'ftp://x',
  ];
  for (const url of astray) {
    for (const text of [PAGERDUTY, INCIDENT_IO, JSM, OPSGENIE]) {
      assert.equal(problems(`${text}api: '${url}'`).length, 1, `${text} ${url}`);
    }
    assert.equal(problems(LOOKUP.replace('https://incidents.example/api', url)).length, 1, url);
  }
  for (const url of ['https://api.example/', 'https://api.example?x=1']) {
    assert.equal(problems(`${PAGERDUTY}api: '${url}'`).length, 1, url);
  }
  assert.deepEqual(problems(`${PAGERDUTY}api: 'http://127.0.0.1:9'\nallow_private_addresses: true`), []);
  const near = LOOKUP.replace('https://incidents.example/api', 'http://127.0.0.1:9').replace(
    'lookup: {',
    'lookup: { allow_private_addresses: true,',
  );
  assert.deepEqual(problems(near), []);
});

test('the id of an incident has one place in an address, where it can change nothing else', () => {
  const at = (url: string): string[] => problems(LOOKUP.replace('https://incidents.example/api/{id}', url));
  for (const url of ['https://h.example/{id}', 'https://h.example/a/{id}/b', 'https://h.example/a?x=1&id={id}&y=2']) {
    assert.deepEqual(at(url), [], url);
  }
  assert.equal(
    problems(`${WEBHOOK}lookup: { url: 'https://h.example/{id}' }`).length,
    1,
    'nobody asks without a token',
  );
  for (const url of [
    'https://h.example/',
    'https://h.example/{id}/{id}',
    'https://{id}.example/',
    'https://h.example{id}',
    'https://h.example:{id}/',
    'https://h.example/a-{id}',
    'https://h.example/{id}.json',
    'https://h.example/a#{id}',
    'https://h.example/a?{id}',
    '{id}',
  ]) {
    assert.equal(at(url).length, 1, url);
  }
});

test('who is who is said once for each', () => {
  const ada = '{ id: PABC123, issuer: https://id.example, subject: ada }';
  assert.deepEqual(problems(`${PAGERDUTY}people: [${ada}]\nmatch: person`), []);
  assert.deepEqual(problems(`${PAGERDUTY}people: [${ada}, ${ada}]`), ['people: somebody stands there twice']);
  assert.deepEqual(problems(`${PAGERDUTY}match: name`), ['match: person, or nothing']);
  for (const id of ['""', '"a b"', '"a\\n"', `"${'x'.repeat(129)}"`, '"\u202e"']) {
    assert.equal(problems(`${PAGERDUTY}people: [{ id: ${id}, issuer: i, subject: s }]`).length, 1, id);
  }
  assert.deepEqual(problems(`${JSM}match: person`), ['match: its operations give no e-mail addresses: list people']);
  assert.deepEqual(problems(`${OPSGENIE}match: person`), []);
});

test('Jira Service Management needs a cloud and an account, Opsgenie a key alone', () => {
  assert.deepEqual(problems('type: jsm\ntoken: { file: t }'), [
    "cloud: the id of the site's cloud is needed",
    'user: the e-mail address of the account is needed',
  ]);
  // Basic authentication (RFC 7617) ends the name at the first colon.
  assert.equal(problems(JSM.replace('jit@example.com', '"jit:x@example.com"')).length, 1);
  assert.equal(problems(JSM.replace(CLOUD, '../../x')).length, 1);
  assert.deepEqual(problems(`${OPSGENIE}cloud: ${CLOUD}\nuser: x`).length, 2);
  const read = incidentSchema.parse(parse(`${JSM}schedules: [{ id: ${CLOUD}, for: [${CLOUD}] }]`));
  assert.ok(read.type === 'jsm');
  assert.deepEqual(read.schedules, [{ id: CLOUD, tier: 1, for: [CLOUD] }]);
  assert.deepEqual(read.flavour, { kind: 'jsm', cloud: CLOUD, user: 'jit@example.com' });
  const key = incidentSchema.parse(parse(OPSGENIE));
  assert.deepEqual(key.type === 'jsm' ? key.flavour : null, { kind: 'opsgenie' });
  for (const header of ['authorization', 'X-Secret', 'x secret', 'x-']) {
    assert.equal(problems(`${JSM}header: ${header}`).length, 1, header);
  }
});

test('what is not known is refused', () => {
  for (const text of ALL) assert.equal(problems(`${text}sevrities: {}`).length, 1, text);
  assert.equal(problems('type: statuspage').length, 1);
  assert.equal(problems(`${FILE}token: { file: x }`).length, 1);
});

test('a broker without either section works, and hands out nothing that was not asked for', () => {
  const { incidents, emergencies } = parseBrokerConfig('', 'broker.yaml');
  assert.equal(incidents.size, 0);
  assert.deepEqual(emergencies, {
    poll: 30,
    stale: 300,
    rate: { requests: 3, within: 3_600 },
    reviews: 2,
    commanders: [],
    sessions: 0,
  });
});

test('limits of emergencies are read, within bounds', () => {
  const text = `emergencies:
  poll: 5s
  stale: 15m
  rate: { requests: 1, within: 24h }
  reviews: 1
  commanders: [incident-commanders]
  sessions: 4h
`;
  assert.deepEqual(parseBrokerConfig(text, 'broker.yaml').emergencies, {
    poll: 5,
    stale: 900,
    rate: { requests: 1, within: 86_400 },
    reviews: 1,
    commanders: ['incident-commanders'],
    sessions: 14_400,
  });
  for (const never of ['0', '0s', "'0'"])
    assert.equal(emergenciesSchema.parse(parse(`sessions: ${never}`)).sessions, 0);
  assert.deepEqual(sloppy('poll: 4s'), ['poll: from 5s to 300s']);
  assert.deepEqual(sloppy('poll: 6m'), ['poll: from 5s to 300s']);
  assert.deepEqual(sloppy('stale: 29s'), ['stale: from 30s to 900s']);
  assert.deepEqual(sloppy('stale: 16m'), ['stale: from 30s to 900s']);
  assert.deepEqual(sloppy('sessions: 2d'), ['sessions: 0 for never, or a duration from 1m to 24h such as 4h']);
  assert.deepEqual(sloppy('sessions: false'), ['sessions: 0 for never, or a duration from 1m to 24h such as 4h']);
  for (const wrong of ['rate: { requests: 0 }', 'reviews: 0', 'pol: 30s', 'poll: 30']) {
    assert.equal(sloppy(wrong).length, 1, wrong);
  }
});

test('a mistake is told with its line and what was probably meant', () => {
  const said = (text: string): string => {
    try {
      parseBrokerConfig(text, 'broker.yaml');
    } catch (thrown) {
      if (thrown instanceof JitError && thrown.code === 'ERR_CONFIG') return thrown.message;
    }
    return '';
  };
  assert.match(said('emergencies:\n  stael: 5m\n'), /^broker\.yaml:2: emergencies: unknown field "stael", .*stale/);
  assert.match(
    said('incidents:\n  pd:\n    type: file\n    file: x\n    sevrities: {}\n'),
    /broker\.yaml:5: .*severities/,
  );
  assert.match(said('incident: {}\n'), /incidents/);
  assert.match(said('incidents:\n  drill: { type: file, file: x }\n'), /incidents\.drill: another name/);
  const both = `notify:\n  ops: { type: teams, url: { file: u } }\nincidents:\n  ops: { type: file, file: x }\n`;
  assert.match(said(both), /^broker\.yaml:4: incidents\.ops: a notifier has that name too/);
});
