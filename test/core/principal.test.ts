/**
 * Who counts as one person: every doubt about a spelling is settled towards one, and only there.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { answersFor, type Principal, samePerson, samePrincipal } from '../../src/core/principal.ts';
import { anyText } from './texts.ts';

type Account = Parameters<typeof samePerson>[0];

const ISSUER = 'https://id.test';
const by = (subject: string, issuer = ISSUER): Account => ({ issuer, subject });
const keyed = (personKey: string, subject: string): Account => ({ ...by(subject), personKey });

function isOne(a: Account, b: Account): void {
  assert.equal(samePerson(a, b), true, JSON.stringify([a, b]));
  assert.equal(samePerson(b, a), true, JSON.stringify([b, a]));
}

function areTwo(a: Account, b: Account): void {
  assert.equal(samePerson(a, b), false, JSON.stringify([a, b]));
  assert.equal(samePerson(b, a), false, JSON.stringify([b, a]));
}

test('the same subject at the same issuer is one person, another subject or issuer is another', () => {
  isOne(by('alice'), by('alice'));
  areTwo(by('alice'), by('bob'));
  areTwo(by('alice'), by('alice', 'https://other.test'));
  areTwo(by('alice'), by('alice2'));
  areTwo(by('jose'), by('josé'));
});

test('words cannot be moved between issuer and subject', () => {
  areTwo(by('sx', 'o'), by('x', 'os'));
});

const SPELLINGS: readonly (readonly [string, readonly string[]])[] = [
  ['case', ['alice@corp.test', 'Alice@Corp.Test', 'ALICE@CORP.TEST']],
  ['the sharp s, small, capital and written out', ['straße', 'STRASSE', 'STRAẞE', 'Strasse']],
  ['the sigma at the end of a word', ['Οδυσσεύσ', 'Οδυσσεύς', 'ΟΔΥΣΣΕΎΣ']],
  ['the Turkish i, with and without its dot', ['istanbul', 'İSTANBUL', 'ISTANBUL', 'ıstanbul', 'i\u0307stanbul']],
  ['full width', ['alice', 'ａｌｉｃｅ', 'ＡＬＩＣＥ']],
  ['ligatures', ['office', 'oﬃce', 'OFFICE']],
  ['composed and decomposed', ['josé', 'jose\u0301', 'JOSÉ', 'JOSE\u0301']],
  ['the signs for kelvin and ångström', ['k\u00e5', '\u212a\u212b', 'KA\u030a']],
  ['characters that nobody sees', ['alice', 'al\u200bice', 'alice\u00ad', '\ufeffalice', 'ali\u2060ce', 'alice\ufe0f']],
  ['spaces around', ['alice', ' alice', 'alice\u00a0', '\u3000alice\n']],
];

for (const [what, subjects] of SPELLINGS) {
  test(`one person, whatever the spelling of the subject: ${what}`, () => {
    for (const a of subjects) for (const b of subjects) isOne(by(a), by(b));
  });
}

test('no case mapping and no normal form of any character makes a second person', () => {
  const sharp: string[] = [];
  for (let point = 0; point <= 0x10_ff_ff; point++) {
    const text = String.fromCodePoint(point);
    if (/[\p{Cn}\p{Co}\p{Cs}]/u.test(text)) continue;
    const forms = (['NFC', 'NFD', 'NFKC', 'NFKD'] as const).map((form) => text.normalize(form));
    const cases = ['en', 'tr', 'lt'].flatMap((tongue) => [
      text.toLocaleLowerCase(tongue),
      text.toLocaleUpperCase(tongue),
    ]);
    for (const other of new Set([...forms, ...cases])) {
      if (other !== text && !samePerson(by(`x${text}x`), by(`x${other}x`))) sharp.push(`${text} ${other}`);
    }
  }
  assert.deepEqual(sharp, []);
});

test('one verified person behind two accounts is one person, in whatever spelling the key comes', () => {
  isOne(keyed('alice@corp.test', 'a'), { ...keyed('alice@corp.test', 'b'), issuer: 'https://other.test' });
  isOne(keyed('Alice@Corp.test', 'a'), keyed('alice@corp.test', 'b'));
  isOne(keyed('alice@corp.test', 'a'), keyed('ａlice@corp.test ', 'b'));
  areTwo(keyed('alice@corp.test', 'a'), keyed('bob@corp.test', 'b'));
});

test('no key on either side makes nobody one, and another key never parts one account', () => {
  areTwo(by('a'), by('b'));
  areTwo(keyed('k', 'a'), by('b'));
  isOne(keyed('k1', 'alice'), keyed('k2', 'ALICE'));
});

/** Letters whose case or form depends on their neighbours, with marks that change places. */
const LETTERS = Array.from('aiIıİßẞsSσςΣαᾳΙåﬃＡ \u0301\u0307\u0323\u0345\u00ad\u200b');
const tricky = fc.string({ unit: fc.constantFrom(...LETTERS), maxLength: 8 });
const text = fc.oneof(anyText, tricky);
const account: fc.Arbitrary<Account> = fc.record(
  { issuer: text, subject: text, personKey: text },
  { requiredKeys: ['issuer', 'subject'] },
);

test('over any text: everybody is themselves, both sides agree, and spelling never makes two of one', () => {
  fc.assert(
    fc.property(account, account, (a, b) => {
      assert.equal(samePerson(a, b), samePerson(b, a));
      isOne(a, a);
      isOne(a, { ...b, ...a });
      // Decomposed first, as Unicode demands before a change of case: a composed letter would leave its marks behind.
      const [subject, issuer] = [a.subject.normalize('NFD'), a.issuer.normalize('NFD')];
      isOne(a, by(subject.toLowerCase(), issuer.toUpperCase()));
      isOne(a, by(subject.toLocaleUpperCase('tr'), issuer.toLocaleLowerCase('tr')));
      isOne(a, by(a.subject.normalize('NFKC'), a.issuer.normalize('NFKD')));
      isOne(a, by(`${a.subject}\u200b`, ` ${a.issuer}`));
    }),
    { numRuns: 5_000 },
  );
});

const person = { kind: 'user' as const, ...by('alice'), name: 'alice', groups: [] };
const agent: Principal = { kind: 'agent', ...by('bot'), name: 'bot', groups: [], actsFor: person };

test('identity is exact: a spelling that counts as one person is not one identity, nor does it answer for anything', () => {
  const shout = { ...person, subject: 'ALICE' };
  assert.ok(samePrincipal(person, person));
  assert.ok(!samePrincipal(person, shout));
  const one: Principal = { ...person, personKey: 'k' };
  const other: Principal = { ...shout, personKey: 'k' };
  assert.ok(!samePrincipal(one, other));
  assert.ok(answersFor(person, agent));
  assert.ok(!answersFor(shout, agent));
  assert.ok(!answersFor(agent, person));
  assert.ok(!samePrincipal(agent, { ...agent, actsFor: shout }));
});
