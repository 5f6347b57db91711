/**
 * A cloud that misbehaves, played by small servers on loopback; the SDK in between is the real one.
 * @module
 */
import assert from 'node:assert/strict';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { inspect } from 'node:util';
import type { ErrorCode } from '../../../src/core/errors.ts';
import type { JitError } from '../../../src/core/errors.ts';
import { awsProvider } from '../../../src/providers/aws/provider.ts';
import { failure } from '../../support/failure.ts';
import { ROLE, SIGNER, config, fieldsOf, never, orderOf, serve } from './support.ts';
import type { TestServer } from './support.ts';

const SECRET = 'secret-canary-1b9c';
const REVOKER = 'arn:aws:iam::123456789012:role/jit-revoker';
const servers: TestServer[] = [];
const provider = awsProvider({
  now: Date.now,
  signer: SIGNER,
  ambient: async () => await Promise.resolve({ accessKeyId: 'AKIAEXAMPLE', secretAccessKey: SECRET }),
});

after(async () => {
  await Promise.all(servers.map(async (server) => await server.close()));
});

const serving = async (listener: RequestListener): Promise<string> => {
  const server = await serve(listener);
  servers.push(server);
  return server.url;
};

const modes = [
  ['ambient', { credentials: 'ambient' }],
  ['web-identity', { credentials: 'web-identity', revoker: REVOKER }],
] as const;

const issueAt = async (endpoint: string, changes: object = {}, signal = never()) =>
  await provider.issue(
    provider.parseTarget('web', config({ endpoint, ...changes })),
    orderOf({ endsAt: Date.now() + 60_000 }),
    signal,
  );

function clean(error: JitError): void {
  const shown = `${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error)}`;
  for (const canary of [SECRET, 'token-canary-7f3a', 'echo-canary']) assert(!shown.includes(canary), shown);
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/xml' });
  response.end(body);
}

const errorXml = (code: string, message = 'echo-canary'): string =>
  `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code>` +
  `<Message>${message}</Message></Error><RequestId>r</RequestId></ErrorResponse>`;

const refusals: readonly (readonly [ErrorCode, number, string, RegExp])[] = [
  ['ERR_CLOUD', 403, 'AccessDenied', /trust policy/],
  ['ERR_CLOUD', 400, 'MalformedPolicyDocument', /--plan/],
  ['ERR_CLOUD', 400, 'PackedPolicyTooLarge', /fewer/],
  ['ERR_CLOUD', 400, 'ExpiredTokenException', /clock/],
  ['ERR_CLOUD', 403, 'RegionDisabledException', /region/],
  ['ERR_CLOUD', 400, 'ValidationError', /session_seconds/],
  ['ERR_CLOUD', 400, 'InvalidIdentityToken', /OpenID provider/],
  ['ERR_CLOUD', 400, 'constructor', /trust policy/],
  ['ERR_CLOUD_BUSY', 400, 'Throttling', /moment/],
  ['ERR_CLOUD_BUSY', 400, 'IDPCommunicationError', /moment/],
  ['ERR_CLOUD_BUSY', 429, 'TooManyRequestsException', /moment/],
  ['ERR_CLOUD_BUSY', 503, 'ServiceUnavailable', /moment/],
  ['ERR_CLOUD_UNKNOWN', 500, 'InternalFailure', /^$/],
];

test('each refusal of AWS becomes the code that the port promises, with what to check, and echoes nothing', async () => {
  for (const [mode, changes] of modes) {
    for (const [code, status, name, hint] of refusals) {
      const url = await serving((_, response) => answer(response, status, errorXml(name)));
      const error = await failure(issueAt(url, changes), code);
      assert.match(error.hint ?? '', hint, `${mode} ${name}`);
      assert(error.message.includes(ROLE), error.message);
      clean(error);
    }
  }
});

test('an AccessDenied names the action that the trust policy lacks', async () => {
  const text = `User: arn:aws:iam::1:user/x is not authorized to perform: sts:TagSession on resource: ${ROLE}`;
  const url = await serving((_, response) => answer(response, 403, errorXml('AccessDenied', text)));
  const error = await failure(issueAt(url), 'ERR_CLOUD');
  assert.match(error.message, /sts:TagSession/);
  assert.match(error.hint ?? '', /sts:TagSession and sts:SetSourceIdentity/);
});

test('an answer that is cut, empty, foreign or unreadable leaves the outcome unknown', async () => {
  const bodies = ['', 'ok', '<html></html>', '{"a":1}', '<AssumeRoleResponse><AssumeRoleResult><Credentials>'];
  for (const [, changes] of modes) {
    for (const body of bodies) {
      const url = await serving((_, response) => answer(response, 200, body));
      clean(await failure(issueAt(url, changes), 'ERR_CLOUD_UNKNOWN'));
    }
    const broken = await serving((_, response) => {
      response.writeHead(200, { 'content-length': '5000' });
      response.write('<AssumeRole');
      setImmediate(() => response.destroy());
    });
    clean(await failure(issueAt(broken, changes), 'ERR_CLOUD_UNKNOWN'));
  }
});

test('a connection that breaks after the request was sent leaves the outcome unknown', async () => {
  let requests = 0;
  const url = await serving((request) => {
    requests += 1;
    request.socket.destroy();
  });
  clean(await failure(issueAt(url), 'ERR_CLOUD_UNKNOWN'));
  assert.equal(requests, 2, 'a broken connection is tried once more, under the same name and tag');
});

test('no answer until the caller gives up leaves the outcome unknown', async () => {
  const controller = new AbortController();
  const url = await serving(() => controller.abort());
  clean(await failure(issueAt(url, {}, controller.signal), 'ERR_CLOUD_UNKNOWN'));
});

test('a caller who gave up before anything was sent is told that nothing happened', async () => {
  let requests = 0;
  const url = await serving((_, response) => {
    requests += 1;
    answer(response, 500, '');
  });
  await failure(issueAt(url, {}, AbortSignal.abort()), 'ERR_CLOUD_BUSY');
  assert.equal(requests, 0);
});

test('a closed port and a name that does not resolve: surely nothing happened', async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => {
    closed.listen(0, '127.0.0.1', resolve);
  });
  // `listen` on a TCP port gives an address object.
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => {
    closed.close(resolve);
  });
  const error = await failure(issueAt(`http://127.0.0.1:${port}`), 'ERR_CLOUD_BUSY');
  assert.match(error.hint ?? '', /network/);
  await failure(issueAt('https://sts.does-not-exist.invalid'), 'ERR_CLOUD_BUSY');
});

test('a server that does not speak TLS learns nothing', async () => {
  const url = await serving((_, response) => answer(response, 200, ''));
  clean(await failure(issueAt(url.replace('http:', 'https:')), 'ERR_CLOUD_UNKNOWN'));
});

const granted = (
  parts: Partial<Record<'arn' | 'expires' | 'key' | 'secret' | 'token', string>>,
  fields: URLSearchParams,
): string => {
  const action = fields.get('Action') ?? '';
  const {
    arn = `arn:aws:sts::123456789012:assumed-role/jit-web/${fields.get('RoleSessionName') ?? ''}`,
    expires = new Date(Date.now() + Number(fields.get('DurationSeconds')) * 1_000).toISOString(),
    key = 'ASIAEXAMPLE',
    secret = 'echo-canary',
    token = 'echo-canary',
  } = parts;
  return (
    `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result><Credentials>` +
    `<AccessKeyId>${key}</AccessKeyId><SecretAccessKey>${secret}</SecretAccessKey><SessionToken>${token}</SessionToken>` +
    `<Expiration>${expires}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId>` +
    `<Arn>${arn}</Arn></AssumedRoleUser></${action}Result></${action}Response>`
  );
};

const granting = async (
  parts: Parameters<typeof granted>[0],
  seen: (fields: URLSearchParams, request: IncomingMessage) => void = () => undefined,
): Promise<string> =>
  await serving((request, response) => {
    const reply = async (): Promise<void> => {
      const fields = await fieldsOf(request);
      seen(fields, request);
      answer(response, 200, granted(parts, fields));
    };
    void reply();
  });

test('a session that is not the one asked for is not handed out (abuse case 91)', async () => {
  const wrong = [
    { arn: 'arn:aws:sts::123456789012:assumed-role/admin/gr_x' },
    { arn: 'arn:aws:sts::999999999999:assumed-role/jit-web/gr_x' },
    { arn: '' },
    { expires: new Date(Date.now() + 6 * 3_600_000).toISOString() },
    { expires: '2020-01-01T00:00:00Z' },
    { expires: 'soon' },
    { key: '' },
    { secret: '' },
    { token: '' },
  ];
  for (const [, changes] of modes) {
    for (const parts of wrong) {
      clean(await failure(issueAt(await granting(parts), changes), 'ERR_CLOUD_UNKNOWN'));
    }
    const { credential } = await issueAt(await granting({}), changes);
    assert.equal(inspect(credential).includes('canary'), false);
    assert(credential.kind === 'aws');
    assert.equal(credential.secret.expose().sessionToken, 'echo-canary');
  }
});

test('what is sent: role, session name, narrowed policy, the shortest sufficient life, tag and source identity', async () => {
  const seen: URLSearchParams[] = [];
  const url = await granting({}, (fields) => seen.push(fields));
  const target = provider.parseTarget('web', config({ endpoint: url, external_id: 'ext-1', session_seconds: 1_800 }));
  for (const seconds of [60, 1_200, 40_000]) {
    await provider.issue(target, orderOf({ endsAt: Date.now() + seconds * 1_000 }), never());
  }
  const [short, middle, long] = seen;
  assert(short !== undefined && middle !== undefined && long !== undefined);
  assert.equal(short.get('DurationSeconds'), '900');
  assert.equal(middle.get('DurationSeconds'), '1200');
  assert.equal(long.get('DurationSeconds'), '1800');
  assert.match(short.get('RoleSessionName') ?? '', /^gr_[0-9a-z]{26}$/);
  assert.equal(short.get('Tags.member.1.Key'), 'jit-grant');
  assert.equal(short.get('Tags.member.1.Value'), short.get('RoleSessionName'));
  assert.equal(short.get('TransitiveTagKeys.member.1'), 'jit-grant');
  assert.equal(short.get('SourceIdentity'), 'u1');
  assert.equal(short.get('ExternalId'), 'ext-1');
  assert.match(short.get('Policy') ?? '', /"NotAction":"s3:GetObject"/);
});

test('a web identity call is sent without any signature of the broker', async () => {
  const headers: (string | undefined)[] = [];
  const url = await granting({}, (_, request) => headers.push(request.headers.authorization));
  await issueAt(url, { credentials: 'web-identity', revoker: REVOKER });
  assert.deepEqual(headers, [undefined]);
});

test('an order whose end has passed, or whose permission is not sound, reaches no cloud', async () => {
  let requests = 0;
  const url = await serving((_, response) => {
    requests += 1;
    answer(response, 500, '');
  });
  const target = provider.parseTarget('web', config({ endpoint: url }));
  await failure(provider.issue(target, orderOf({ endsAt: Date.now() - 1 }), never()), 'ERR_CLOUD');
  const permissions = [{ target: 'web', operation: 'x', actions: ['s3:*'], resources: ['arn:aws:s3:::b/*'] }];
  await failure(provider.issue(target, orderOf({ endsAt: Date.now() + 60_000, permissions }), never()), 'ERR_CLOUD');
  assert.equal(requests, 0);
});

test('an endpoint in the environment does not redirect a target of AWS', async () => {
  let requests = 0;
  const trap = await serving((_, response) => {
    requests += 1;
    answer(response, 500, '');
  });
  const { AWS_ENDPOINT_URL: before } = process.env;
  process.env['AWS_ENDPOINT_URL'] = trap;
  try {
    // No such region: its name does not resolve, so nothing is asked of AWS.
    const target = provider.parseTarget('web', config({ region: 'zz-nowhere-9' }));
    await failure(provider.issue(target, orderOf({ endsAt: Date.now() + 60_000 }), never()), 'ERR_CLOUD_BUSY');
  } finally {
    if (before === undefined) delete process.env['AWS_ENDPOINT_URL'];
    else process.env['AWS_ENDPOINT_URL'] = before;
  }
  assert.equal(requests, 0);
});
