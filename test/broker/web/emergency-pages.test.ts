/**
 * What the pages of emergencies make of what they are given: foreign text, addresses, ends, and who is offered what.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { incidentPath, landing, makeHref } from '../../../src/broker/web/address.ts';
import { endForm } from '../../../src/broker/web/pages/decision.ts';
import { emergencyBanner } from '../../../src/broker/web/pages/emergency.ts';
import { endOfAccess } from '../../../src/broker/web/pages/gone.ts';
import { hindsightSection } from '../../../src/broker/web/pages/hindsight.ts';
import { incidentPage } from '../../../src/broker/web/pages/incident.ts';
import type { Frame } from '../../../src/broker/web/pages/layout.ts';
import { reviewsPage } from '../../../src/broker/web/pages/reviews.ts';
import { grantId, requestId } from '../../../src/core/ids.ts';
import type { IncidentPage, IncidentView, ReviewItem } from '../../../src/wire/emergencies.ts';
import type { GrantView, LegView, RequestView } from '../../../src/wire/views.ts';

const NOW = Date.parse('2026-11-22T10:00:00Z');
const at = (seconds: number): string => new Date(NOW + seconds * 1_000).toISOString();
const REQUEST = requestId(new Uint8Array(16));
const GRANT = grantId(new Uint8Array(16));

const frame: Frame = {
  href: makeHref('https://jit.example'),
  assets: { style: '/style', script: '/script' },
  now: NOW,
  viewer: {
    person: { kind: 'user', issuer: 'https://id.example', subject: 'ben', name: 'Ben', groups: [] },
    form: 'token',
  },
};

const leg: LegView = {
  target: 'web',
  provider: 'aws',
  environment: 'prod',
  sandbox: false,
  state: 'issued',
  tool: null,
  name: 'jit',
  revocation: { kind: 'immediate' },
  notAfter: at(1_800),
  attempts: 0,
  problem: null,
  gone: null,
};

function grant(over: Partial<GrantView> = {}): GrantView {
  return {
    id: GRANT,
    request: REQUEST,
    state: 'active',
    reason: null,
    seconds: 1_800,
    renewals: 0,
    idleSeconds: null,
    version: 1,
    createdAt: at(0),
    issuedAt: at(0),
    expiresAt: at(1_800),
    endedAt: null,
    closedAt: null,
    legs: [leg],
    ...over,
  };
}

function request(over: Partial<RequestView> = {}): RequestView {
  return {
    id: REQUEST,
    hash: 'a'.repeat(64),
    state: 'approved',
    tier: 'break-glass',
    why: 'permitted',
    requester: { kind: 'user', issuer: 'https://id.example', subject: 'ada', name: 'Ada' },
    asks: [{ operation: 's3:GetObject', resources: ['arn:aws:s3:::b/k'] }],
    permissions: [{ target: 'web', operation: 's3:GetObject', actions: ['s3:GetObject'], resources: ['arn'] }],
    seconds: 1_800,
    reason: 'it burns',
    ticket: null,
    incident: { source: 'pager', id: 'PX7', reference: 'INC-7' },
    policy: 'v1',
    createdAt: at(0),
    grant: GRANT,
    version: 1,
    deadline: null,
    quorum: [],
    votes: [],
    can: ['revoke', 'review'],
    ...over,
  };
}

const incident: IncidentView = {
  source: 'pager',
  id: 'PX7',
  reference: 'INC-7',
  title: 'checkout is down',
  state: 'open',
  severity: 1,
  services: ['web'],
  responder: false,
  commander: false,
  onCallTier: 0,
  openedAt: at(-60),
  url: null,
};

function page(over: Partial<IncidentPage> = {}): IncidentPage {
  const items = [{ request: request(), grant: grant() }];
  return { incident, source: 'pager', id: 'PX7', reference: 'INC-7', items, revocable: 1, kept: 0, ...over };
}

function review(over: Partial<ReviewItem> = {}): ReviewItem {
  return { request: request(), grant: grant(), openedAt: at(0), closed: null, can: true, ...over };
}

const text = async (html: unknown): Promise<string> => String(await html);
const tags = (html: string): readonly string[] => html.match(/<[^>]*>/g) ?? [];
const words = (html: string): string => html.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');

/** All text that is somebody else's is this one. */
async function everything(said: string): Promise<string> {
  const asked = request({ reason: said, requester: { ...request().requester, name: said } });
  const bound = { ...asked, incident: { source: said, id: 'PX7', reference: said } };
  const foreign = { ...incident, reference: said, title: said, services: [said, said] };
  const over = grant({ state: 'stuck', reason: 'revoked', endedAt: at(1), legs: [{ ...leg, problem: said }] });
  const closed = {
    at: at(2),
    by: { issuer: said, subject: said, name: said },
    verdict: 'justified',
    comment: said,
  } as const;
  const item = review({ request: bound, grant: over });
  const parts = [
    incidentPage(frame, page({ incident: foreign, reference: said, items: [{ request: asked, grant: over }] })),
    emergencyBanner(frame, { ...bound, incident: { ...bound.incident, source: 'pager' } }),
    hindsightSection(frame, item),
    hindsightSection(frame, { ...item, closed, can: false }),
    reviewsPage(frame, [{ ...item, request: { ...bound, incident: { ...bound.incident, source: 'pager' } } }]),
  ];
  return (await Promise.all(parts.map(text))).join('\n');
}

test('foreign text forms no markup and no link, and turns nothing around', async () => {
  // Warnings about odd alphabets come and go with the text, and are marked as notes.
  const plain = (html: string): readonly string[] => tags(html.replaceAll(/<div class="notice warn"[^]*?<\/div>/g, ''));
  const usual = plain(await everything('a word'));
  const hostile = [
    '<script>hit()</script>',
    '"><img src=x onerror=hit()>',
    "' onmouseover='hit()",
    '</a><a href="javascript:hit()">',
    'https://evil.example/ [x](https://evil.example) javascript:hit()',
    '\u202Egpj.exe\u202C \u2066x',
    '&lt;b&gt; &#60;b&#62;',
  ];
  for (const said of hostile) assert.deepEqual(plain(await everything(said)), usual, said);
  const one = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((said) => !said.includes('\n'));
  await fc.assert(
    fc.asyncProperty(one, async (said) => {
      const html = await everything(said);
      assert.deepEqual(plain(html), usual);
      assert.doesNotMatch(html.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
    }),
    { numRuns: 50 },
  );
});

test('the page of an incident at its source is a link if it is https and names nobody; the whole of it is read', async () => {
  const linksTo = async (url: string): Promise<readonly string[]> => {
    const html = await text(incidentPage(frame, page({ incident: { ...incident, url } })));
    return [...html.matchAll(/<a href="([^"]*)" rel="external noopener noreferrer"><bdi>([^<]*)<\/bdi>/g)].map(
      ([, href = '', shown = '']) => `${href} ${shown}`,
    );
  };
  const good = 'https://pager.example/incidents/PX7';
  assert.deepEqual(await linksTo(good), [`${good} ${good}`]);
  assert.deepEqual(
    await linksTo('https://p\u0430ger.example/'),
    ['https://xn--pger-53d.example/ https://xn--pger-53d.example/'],
    'a lookalike is shown as what it is',
  );
  for (const url of [
    'http://pager.example/',
    'javascript:alert(1)',
    'data:text/html,x',
    'https://pager.example@evil.example/',
    '//evil.example',
    'pager.example',
    ' ',
  ]) {
    assert.deepEqual(await linksTo(url), [], url);
    const html = await text(incidentPage(frame, page({ incident: { ...incident, url } })));
    for (const tag of tags(html).filter((each) => each.startsWith('<a '))) assert.match(tag, /href="[/#]/, tag);
  }
});

test('an incident has one address, whatever it is called: it is landed on after a sign-in, and leads nowhere else', () => {
  const name = fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 128,
  });
  fc.assert(
    fc.property(name, name, fc.boolean(), (source, id, known) => {
      const path = incidentPath({ source, id: known ? id : null, reference: id });
      if (['.', '..'].some((step) => step === source || step === id)) return;
      assert.equal(new URL(path, 'https://jit.example').pathname, path);
      assert.deepEqual(path.split('/').slice(3).map(decodeURIComponent), [source, id]);
      assert.equal(landing(path), path);
    }),
  );
  assert.equal(landing('/web/reviews'), '/web/reviews');
  for (const path of [
    '/web/incidents/pager',
    '/web/incidents/pager/',
    '/web/incidents/pager/a/end',
    '/web/incidents/pager/..',
    '/web/incidents/%2e%2e/x',
    '/web/incidents/pager/%2E%2E',
    '/web/incidents//evil.example',
    '/web/incidents/pager/a b',
    '/web/incidents/pager/%0d%0a',
    '/web/incidents/pager/%zz',
    '/web/incidents/pager/x?to=1',
    `/web/incidents/pager/${'x'.repeat(129)}`,
    '/web/reviews/',
  ]) {
    assert.equal(landing(path), '/web/', path);
  }
});

test('what has ended says when it was really gone and how that is known; what has not, how long it could last', async () => {
  const said = async (over: Partial<GrantView>): Promise<string> =>
    words(await text(endOfAccess(grant(over), NOW + 60_000)));
  const closed = { state: 'closed', reason: 'incident-closed', closedAt: at(30) } as const;
  assert.match(
    await said({ ...closed, legs: [{ ...leg, state: 'gone', gone: { at: at(29), proof: 'a probe was denied' } }] }),
    /Really gone at 22 Nov 2026, 10:00:30 UTC , because its incident is over web : gone at 22 Nov 2026, 10:00:29 UTC : a probe was denied/,
  );
  assert.match(
    await said({ ...closed, reason: 'failed', legs: [{ ...leg, state: 'gone', problem: 'no such role' }] }),
    /it could not be issued .*nothing was issued there \( no such role/,
  );
  const ending = { state: 'revoking', reason: 'revoked', endedAt: at(30) } as const;
  assert.match(
    await said({
      ...ending,
      legs: [leg, { ...leg, target: 'db', state: 'gone', gone: { at: at(29), proof: 'no role is left' } }],
    }),
    /Not confirmed yet.*Ending since 22 Nov 2026, 10:00:30 UTC , because somebody ended it\..*web : as long as aws has not confirmed it, it could last until 22 Nov 2026, 10:30:00 UTC \(in 29 minutes\).*db : gone at 22 Nov 2026, 10:00:29 UTC : no role is left/,
  );
  assert.match(
    await said({
      ...ending,
      state: 'stuck',
      legs: [{ ...leg, attempts: 9, problem: 'access denied', notAfter: at(50) }],
    }),
    /keeps refusing.*ran out at .*Problem: access denied/,
  );
  assert.equal(endOfAccess(grant(), NOW), null);
});

test('who may not end it has no button, and whoever ends everything is told what that is', async () => {
  assert.equal(endForm(frame, request({ can: ['review'] }), grant()), null);
  assert.match(await text(endForm(frame, request(), grant())), /End it now/);
  assert.equal(endForm(frame, request(), grant({ state: 'revoking' })), null);
  assert.match(await text(endForm(frame, request({ incident: null, can: [] }), grant())), /Revoke now/, 'as ever');
  const shown = async (over: Partial<IncidentPage>): Promise<string> => text(incidentPage(frame, page(over)));
  const waiting = request({ state: 'pending', grant: null, quorum: [{ group: 'on-call', approvers: 2, missing: 1 }] });
  const both = [...page().items, { request: waiting, grant: null }];
  assert.match(
    words(await shown({ items: both, kept: 2 })),
    /One click ends 1 live access and 1 request under way, .* 2 live accesses of it are not yours to end/,
  );
  for (const over of [
    { items: [], revocable: 0 },
    { items: [{ request: request({ can: [] }), grant: grant() }], revocable: 0, kept: 1 },
    { items: [{ request: request({ state: 'denied', grant: null, can: [] }), grant: null }], revocable: 0 },
  ]) {
    const html = await shown(over);
    assert.match(html, /Nothing to end/);
    assert.doesNotMatch(html, /end-all|End it now/);
  }
  assert.match(words(await shown({ incident: null })), /pager gives no answer about it/);
});

test('a review offers its form to whoever may close it, and tells the others whose turn it is', async () => {
  const open = await text(hindsightSection(frame, review()));
  assert.match(open, /action="\/web\/requests\/req_[^/]+\/review"/);
  assert.match(open, new RegExp(`name="hash" value="${'a'.repeat(64)}"`));
  assert.match(open, /type="radio" name="verdict" value="justified" required[^]*value="unjustified" required/);
  assert.doesNotMatch(open, / checked/);
  const told: readonly (readonly [Partial<ReviewItem>, RegExp])[] = [
    [{ can: false }, /can be closed once the access is over/],
    [{ can: false, request: request({ can: ['revoke'] }) }, /not yours to close/],
    [{ can: false, grant: grant({ state: 'closed', closedAt: at(1), reason: 'revoked' }) }, /not yours to close/],
  ];
  for (const [over, says] of told) {
    const html = await text(hindsightSection(frame, review(over)));
    assert.match(html, says);
    assert.doesNotMatch(html, /<form/);
  }
  assert.equal(hindsightSection(frame, null), null);
});
