/**
 * Who of a source's people is who at the broker: never by anything that somebody could call themselves.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configuredPeople, localPeople, standingTo, STRANGER } from '../../../src/broker/incidents/people.ts';
import type { Incident, SourcePerson } from '../../../src/core/incident.ts';
import type { Principal } from '../../../src/core/principal.ts';

const ADA: Principal = {
  kind: 'user',
  issuer: 'https://id.test',
  subject: '4711',
  name: 'PADA',
  groups: [],
  personKey: 'ada@example.com',
};
const SOURCE_ADA: SourcePerson = { id: 'PADA', name: 'Ada', email: 'ada@example.com' };
const LISTED = { people: [{ id: 'PADA', issuer: 'https://id.test', subject: '4711' }] };

test('whoever is listed is that principal: of that issuer, with exactly that subject', () => {
  const is = configuredPeople(LISTED);
  assert.equal(is(SOURCE_ADA, ADA), true);
  for (const who of [
    { ...ADA, issuer: 'https://other.test' },
    { ...ADA, subject: '4712' },
    { ...ADA, subject: '4711 ' },
  ]) {
    assert.equal(is(SOURCE_ADA, who), false);
  }
  assert.equal(is({ ...SOURCE_ADA, id: 'pada' }, ADA), false);
});

test('nobody is somebody by name, by id or by an address that nobody has verified', () => {
  const { personKey: _, ...nameless } = ADA;
  const same = { ...nameless, subject: 'PADA', name: 'Ada' };
  for (const config of [{ people: [] }, { people: [], match: 'person' }] as const) {
    assert.equal(configuredPeople(config)(SOURCE_ADA, same), false);
  }
  assert.equal(configuredPeople({ people: [] })(SOURCE_ADA, ADA), false, 'addresses count only where that is said');
});

test('by a verified address somebody is found in any case of its letters, and never by one outside ASCII', () => {
  const is = configuredPeople({ people: [], match: 'person' });
  assert.equal(is({ ...SOURCE_ADA, email: 'ADA@Example.com' }, ADA), true);
  assert.equal(is({ ...SOURCE_ADA, email: null }, ADA), false);
  assert.equal(is({ ...SOURCE_ADA, email: 'eve@example.com' }, ADA), false);
  assert.equal(is({ ...SOURCE_ADA, email: '' }, { ...ADA, personKey: '' }), false);
  // The Kelvin sign becomes a k in lower case.
  const kim = { ...ADA, personKey: 'kim@example.com' };
  assert.equal(is({ ...SOURCE_ADA, email: '\u212aim@example.com' }, kim), false);
  assert.equal(is({ ...SOURCE_ADA, email: 'kim@example.com' }, { ...ADA, personKey: '\u212aim@example.com' }), false);
});

test('whoever is listed as somebody else is not found by an address', () => {
  const is = configuredPeople({ ...LISTED, match: 'person' });
  const eve = { ...ADA, subject: '666' };
  assert.equal(is(SOURCE_ADA, eve), false);
  assert.equal(is({ ...SOURCE_ADA, id: 'PEVE' }, eve), true);
});

test('at an embedded broker the user of the machine is known by the name that they have there', () => {
  const local: Principal = { kind: 'user', issuer: 'os', subject: '1000', name: 'ada', groups: [] };
  assert.equal(localPeople({ id: 'ada', name: '', email: null }, local), true);
  assert.equal(localPeople({ id: 'ada', name: '', email: null }, { ...local, issuer: 'https://id.test' }), false);
});

const INCIDENT: Incident = {
  source: 'pager',
  id: 'one',
  reference: 'INC-1',
  title: '',
  state: 'open',
  severity: null,
  services: [],
  responders: [],
  commanders: [SOURCE_ADA],
  onCall: [
    { ...SOURCE_ADA, tier: 3 },
    { ...SOURCE_ADA, tier: 2 },
  ],
  openedAt: 0,
  url: null,
  mergedInto: null,
};

test('who leads an incident works on it; of several calls the first counts; an agent has no part in anything', () => {
  const is = configuredPeople(LISTED);
  assert.deepEqual(standingTo(INCIDENT, ADA, is), { responder: true, commander: true, onCallTier: 2 });
  const agent: Principal = { ...ADA, kind: 'agent', actsFor: { ...ADA, kind: 'user' } };
  assert.deepEqual(standingTo(INCIDENT, agent, is), STRANGER);
  assert.deepEqual(standingTo(INCIDENT, ADA, undefined), STRANGER);
  assert.deepEqual(standingTo(INCIDENT, { ...ADA, subject: 'x' }, is), STRANGER);
});
