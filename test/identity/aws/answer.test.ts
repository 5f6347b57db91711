/**
 * What the broker makes of the answers of STS, over real connections: only one kind of answer vouches for anybody.
 * @module
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { onPath, serve, tempFolder } from '../../providers/aws/support.ts';
import type { Canned, Named } from './support.ts';
import { BINDING, broker, cannedSts, entryText, failed, identityXml, prove, refusal } from './support.ts';

const XML = { 'content-type': 'text/xml' };
const error = (code: string): string =>
  `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>m</Message></Error><RequestId>r</RequestId></ErrorResponse>`;

async function asked(t: TestContext, canned: Canned, changes: object = {}) {
  const sts = await cannedSts(t, () => canned);
  return broker({ entries: [entryText({ endpoint: sts.url, ...changes })] })(await prove(), BINDING);
}

const GOOD: readonly (readonly [string, string, string])[] = [
  ['of the service itself', identityXml(), 'text/xml'],
  ['with a charset', identityXml(), 'text/xml; charset=utf-8'],
  ['with an XML declaration', `<?xml version="1.0" encoding="UTF-8"?>\n${identityXml()}`, 'text/xml'],
  [
    'on one line, without metadata',
    identityXml()
      .replace(/<ResponseMetadata>[^]*Metadata>/, '')
      .replaceAll(/\n */g, ''),
    'text/xml',
  ],
  [
    'with a field that AWS may add one day',
    identityXml().replace('<Arn>', '<Later>x &amp; y</Later><Arn>'),
    'text/xml',
  ],
];

for (const [what, body, type] of GOOD) {
  test(`an answer ${what} is believed`, async (t) => {
    const { principal } = await asked(t, { body, headers: { 'content-type': type } });
    assert.equal(principal.subject, 'AROAEXAMPLEEXAMPLE123');
  });
}

const identity = identityXml();
const UNCLEAR: readonly (readonly [string, Canned])[] = [
  ['as JSON', { body: '{"GetCallerIdentityResponse":{}}', headers: { 'content-type': 'application/json' } }],
  ['as application/xml', { body: identity, headers: { 'content-type': 'application/xml' } }],
  ['as HTML', { body: identity, headers: { 'content-type': 'text/html' } }],
  ['of no type', { body: identity, headers: {} }],
  ['with status 201', { status: 201, body: identity, headers: XML }],
  ['with status 204', { status: 204, body: '', headers: XML }],
  ['that is empty', { body: '', headers: XML }],
  ['of another action', { body: identity.replaceAll('GetCallerIdentity', 'GetSessionToken') }],
  ['in another namespace', { body: identity.replace('2011-06-15', '2099-01-01') }],
  ['that goes on after its end', { body: `${identity}<Arn>x</Arn>` }],
  ['with text before it', { body: `x${identity}` }],
  ['with a document type', { body: `<!DOCTYPE x [<!ENTITY a "b">]>${identity}` }],
  [
    'with an entity of its own',
    { body: identityXml({ arn: 'arn:aws:sts::123456789012:assumed-role/&deploy;/run-1' }) },
  ],
  ['with a character reference', { body: identityXml({ account: '12345678901&#50;' }) }],
  ['with a comment', { body: identity.replace('<Arn>', '<!-- --><Arn>') }],
  ['with a CDATA section', { body: identityXml({ account: '<![CDATA[123456789012]]>' }) }],
  ['with an attribute', { body: identity.replace('<Arn>', '<Arn a="b">') }],
  ['with two accounts', { body: identity.replace('<Account>', '<Account>999999999999</Account><Account>') }],
  ['with no account', { body: identity.replace(/<Account>.*/, '') }],
  [
    'with one result inside another',
    { body: identity.replace('<Arn>', '<GetCallerIdentityResult></GetCallerIdentityResult><Arn>') },
  ],
  ['that is not UTF-8 text', { body: Buffer.from(identity.replace('run-1', '\xff'), 'latin1') }],
  ['of more than 64 KiB', { body: identity.replace('<Arn>', `${' '.repeat(65_536)}<Arn>`) }],
  ['with status 500', { status: 500, body: error('InternalFailure'), headers: XML }],
  ['with status 503', { status: 503, body: error('ServiceUnavailable'), headers: XML }],
  ['with status 429', { status: 429, body: '', headers: XML }],
  ['of throttling, with status 400', { status: 400, body: error('Throttling'), headers: XML }],
];

for (const [what, canned] of UNCLEAR) {
  test(`an answer ${what} vouches for nobody, and says nothing about the proof`, async (t) => {
    const { code, message } = await failed(asked(t, canned));
    assert.deepEqual(
      [code, message],
      ['ERR_IDENTITY_PROVIDER', 'the identity could not be checked with aws sts in eu-west-1'],
    );
  });
}

for (const [code, status] of [
  ['SignatureDoesNotMatch', 403],
  ['InvalidClientTokenId', 403],
  ['ExpiredToken', 403],
  ['IncompleteSignature', 400],
  ['RegionDisabledException', 403],
] as const) {
  test(`STS says ${code}: the proof is refused in the words of every refusal`, async (t) => {
    const reason = await refusal(asked(t, { status, body: error(code), headers: XML }));
    assert.equal(reason, `aws sts said no: HTTP status ${status} ${code}`);
  });
}

const role = 'arn:aws:sts::123456789012:assumed-role/deploy/run-1';
const NOBODY: readonly (readonly [string, Named])[] = [
  ['the root of the account', { arn: 'arn:aws:iam::123456789012:root', userId: '123456789012' }],
  ['a federated user', { arn: 'arn:aws:sts::123456789012:federated-user/bob', userId: '123456789012:bob' }],
  ['a session of a user', { arn: role, userId: 'AIDAEXAMPLEEXAMPLE123:run-1' }],
  ['a user with the id of a role', { arn: 'arn:aws:iam::123456789012:user/deploy', userId: 'AROAEXAMPLEEXAMPLE123' }],
  ['a session of two names', { arn: role, userId: 'AROAEXAMPLEEXAMPLE123:run-2' }],
  ['a session without a name', { arn: role, userId: 'AROAEXAMPLEEXAMPLE123' }],
  ['a role of another account than the answer', { arn: role, account: '999999999999' }],
  ['an access key', { arn: role, userId: 'AKIAIOSFODNN7EXAMPLE' }],
  ['a role with a path in its session', { arn: 'arn:aws:sts::123456789012:assumed-role/ci/deploy/run-1' }],
  ['a principal of another service', { arn: 'arn:aws:s3::123456789012:assumed-role/deploy/run-1' }],
  ['an unknown partition', { arn: 'arn:aws-iso:sts::123456789012:assumed-role/deploy/run-1' }],
  ['a partition other than that of the region', { arn: 'arn:aws-cn:sts::123456789012:assumed-role/deploy/run-1' }],
];

for (const [what, named] of NOBODY) {
  test(`STS vouches for ${what}: refused`, async (t) => {
    assert.match(
      await refusal(asked(t, { body: identityXml(named) })),
      /^(?:neither a session|vouched for by a region)/,
    );
  });
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`a redirect ${status} is not followed`, async (t) => {
    const other = await cannedSts(t, () => ({ body: identityXml() }));
    const { code, reason } = await failed(
      asked(t, { status, body: identityXml(), headers: { ...XML, location: other.url } }),
    );
    assert.deepEqual([code, reason], ['ERR_IDENTITY_PROVIDER', `HTTP status ${status}`]);
    assert.deepEqual(other.seen, []);
  });
}

test('an STS that never answers, or never ends, is given up', async (t) => {
  const limits = { patienceMs: 200, most: 8 };
  const silent = await serve(() => undefined);
  t.after(() => silent.close());
  const timers: NodeJS.Timeout[] = [];
  const dripping = await serve((_request, reply) => {
    reply.writeHead(200, XML);
    timers.push(setInterval(() => reply.write(' '), 10));
  });
  t.after(async () => {
    for (const timer of timers) clearInterval(timer);
    await dripping.close();
  });
  for (const { url } of [silent, dripping]) {
    const verify = broker({ entries: [entryText({ endpoint: url })], limits });
    assert.equal((await failed(verify(await prove(), BINDING))).code, 'ERR_IDENTITY_PROVIDER');
  }
});

test('an STS that is not there, or breaks off, leaves nobody in', async (t) => {
  const gone = await serve(() => undefined);
  await gone.close();
  const broken = await serve((_request, reply) => {
    reply.writeHead(200, { ...XML, 'content-length': '100000' });
    reply.write(identityXml(), () => reply.destroy());
  });
  t.after(() => broken.close());
  for (const { url } of [gone, broken]) {
    const verify = broker({ entries: [entryText({ endpoint: url })] });
    assert.equal((await failed(verify(await prove(), BINDING))).code, 'ERR_IDENTITY_PROVIDER');
  }
});

test('only so many are asked about at once, and then again', async (t) => {
  const waiting: (() => void)[] = [];
  const sts = await serve((_request, reply) => {
    waiting.push(() => reply.writeHead(200, XML).end(identityXml()));
  });
  t.after(() => sts.close());
  const verify = broker({ entries: [entryText({ endpoint: sts.url })], limits: { patienceMs: 30_000, most: 1 } });
  const arrival = async (): Promise<void> => {
    for (const giveUp = Date.now() + 20_000; waiting.length === 0; await setTimeout(5)) {
      assert(Date.now() < giveUp, 'STS was not asked');
    }
  };
  const first = verify(await prove(), BINDING);
  await arrival();
  assert.equal((await failed(verify(await prove(), BINDING))).reason, 'more than 1 proofs at once');
  waiting.shift()?.();
  await first;
  const third = verify(await prove(), BINDING);
  await arrival();
  waiting.shift()?.();
  await third;
});

const skip = onPath('openssl') ? false : 'openssl is not on the PATH';

test(
  'a certificate that nobody vouches for is refused, also where the environment says otherwise',
  { skip },
  async (t) => {
    const folder = await tempFolder();
    t.after(() => folder.remove());
    const [keyFile, certFile] = [join(folder.path, 'key.pem'), join(folder.path, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
    await promisify(execFile)('openssl', ['req', '-x509', ...key, '-out', certFile, ...subject]);
    let calls = 0;
    const server = createTlsServer(
      { key: await readFile(keyFile), cert: await readFile(certFile) },
      (_request, reply) => {
        calls += 1;
        reply.writeHead(200, XML).end(identityXml());
      },
    );
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    t.after(() => void server.close());
    // `listen` on a TCP port gives an address object.
    const { port } = server.address() as AddressInfo;
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    t.after(() => {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    });
    const verify = broker({ entries: [entryText({ endpoint: `https://localhost:${port}` })] });
    const { code, reason } = await failed(verify(await prove(), BINDING));
    assert.equal(code, 'ERR_IDENTITY_PROVIDER');
    assert.match(reason, /self-signed/);
    assert.equal(calls, 0);
  },
);
