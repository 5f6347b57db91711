import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBrokerConfig } from '../../../src/broker/config/config.ts';
import { JitError } from '../../../src/core/errors.ts';

const FULL = `
issuer: https://jit.example.com
policies: ./policies
listen: { host: 127.0.0.1, port: 8443 }
targets:
  prod:
    provider: aws
    environment: prod
    tags: [pci, sensitive, pci]
    role: arn:aws:iam::123456789012:role/jit
operations:
  deploy-web:
    description: publish the web site
    actions: [s3:PutObject]
    resources: ['arn:aws:s3:::web-{env}/*']
    parameters:
      env: { description: which one, values: [prod, staging] }
    target: prod
    risk: high
`;

const TLS = 'tls: { cert: tls/cert.pem, key: tls/key.pem }';

test('everything that can be configured is read', () => {
  const config = parseBrokerConfig(FULL, 'broker.yaml');
  assert.deepEqual(
    [config.issuer, config.policies, config.listen],
    ['https://jit.example.com', './policies', { host: '127.0.0.1', port: 8443, tls: null }],
  );
  assert.deepEqual(config.targets.get('prod'), {
    provider: 'aws',
    environment: 'prod',
    tags: ['pci', 'sensitive'],
    config: { provider: 'aws', environment: 'prod', role: 'arn:aws:iam::123456789012:role/jit' },
  });
  assert.equal(config.operations.get('deploy-web')?.risk, 'high');
});

test('with TLS any address may be listened on', () => {
  for (const host of ['0.0.0.0', '::', '192.0.2.7', 'localhost']) {
    const { listen } = parseBrokerConfig(`listen: { host: "${host}", port: 443, ${TLS} }`, 'broker.yaml');
    assert.deepEqual(listen, { host, port: 443, tls: { cert: 'tls/cert.pem', key: 'tls/key.pem' } });
  }
});

test('an empty file configures nothing', () => {
  for (const text of ['', '# only a comment\n', '{}', 'targets: {}']) {
    const config = parseBrokerConfig(text, 'broker.yaml');
    assert.deepEqual(
      [config.targets.size, config.operations.size, config.policies, config.listen, config.issuer],
      [0, 0, null, null, null],
    );
  }
});

const target = (name: string): string => `targets:\n  ${name}: { provider: aws, environment: prod }`;
const operation = (fields: string): string =>
  `operations:\n  deploy:\n    description: x\n    actions: [s3:GetObject]\n    resources: ['arn:aws:s3:::b']\n${fields}`;
const nested = (levels: number): string => `targets: ${'['.repeat(levels)}${']'.repeat(levels)}`;
const laughs = Array.from(
  { length: 9 },
  (_, index) => `a${index + 1}: &a${index + 1} [${Array.from({ length: 10 }, () => `*a${index}`).join(', ')}]`,
);

const refusals: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  ['not YAML', 'targets: [', /^broker\.yaml:1: /],
  ['not an object', '- a\n- b', /expected object/],
  [
    'an unknown field, with its line',
    'issuer: https://a.example\ntargts: {}',
    /^broker\.yaml:2: unknown field "targts", did you mean targets\?/,
  ],
  [
    'a misspelt field of an operation',
    operation('    rsik: low'),
    /^broker\.yaml:6: operations\.deploy: unknown field "rsik", did you mean risk\?/,
  ],
  ['a duplicate key', 'policies: a\npolicies: b', /^broker\.yaml:2: .*unique/],
  [
    'a duplicate target',
    'targets:\n  a: { provider: aws, environment: x }\n  a: { provider: aws, environment: y }',
    /^broker\.yaml:3: .*unique/,
  ],
  ['two documents', 'policies: a\n---\npolicies: b', /document/],
  ['a custom tag', 'policies: !!js/function "x"', /tag/],
  ['a tag of another schema', 'policies: !!binary aGk=', /tag/],
  ['a tag with a space', 'targets:\n  a: { provider: aws, environment: x, tags: [a b] }', /targets\.a\.tags\.0/],
  ['an environment that is a list', 'targets:\n  a: { provider: aws, environment: [x] }', /targets\.a\.environment/],
  ['a port as text', 'listen: { host: 127.0.0.1, port: "80" }', /listen\.port/],
  ['an address that others can reach', 'listen: { host: 0.0.0.0, port: 80 }', /listen\.host: only a loopback address/],
  ['a name that begins like loopback', 'listen: { host: 127.0.0.1.example.com, port: 80 }', /only a loopback/],
  [
    'a name to listen on',
    `listen: { host: jit.example.com, port: 80, ${TLS} }`,
    /listen\.host: an IP address, or localhost/,
  ],
  ['half of TLS', 'listen: { host: 127.0.0.1, port: 80, tls: { cert: a.pem } }', /listen\.tls\.key/],
  ['an issuer without TLS', 'issuer: http://jit.example.com', /issuer: an https URL/],
  ['an issuer with a query', 'issuer: https://jit.example.com/?a', /issuer/],
  ['an issuer with a bar', 'issuer: https://jit.example.com/a|b', /issuer/],
  ['an issuer that URL parsers rewrite', 'issuer: https://JIT.example.com/a/../b', /issuer/],
  ['a name in capitals', target('Prod'), /a name is lower-case/],
  [
    'a name with a colon',
    `operations:\n  "s3:GetObject": { description: x, actions: [s3:GetObject], resources: [a] }`,
    /a name is lower-case/,
  ],
  ['a name with a slash', target('"a/b"'), /a name is lower-case/],
  ['a name that is too long', target('a'.repeat(64)), /a name is lower-case/],
  ['a name in other letters', target('"pröd"'), /a name is lower-case/],
  ['an empty name', target('""'), /a name is lower-case/],
  ['a target named __proto__', target('__proto__'), /^broker\.yaml:2: __proto__ is not/],
  ['a top-level __proto__', '__proto__: { issuer: https://evil.example }', /^broker\.yaml:1: __proto__ is not/],
  ['a wildcard action', operation('').replace('s3:GetObject', "'s3:*'"), /without wildcards/],
  ['an action that is only a name', operation('').replace('s3:GetObject', 'deploy'), /such as s3:GetObject/],
  ['no actions', operation('').replace('[s3:GetObject]', '[]'), /actions/],
  ['a risk that does not exist', operation('    risk: huge'), /operations\.deploy\.risk/],
  ['target and targets', operation('    target: a\n    targets: [b]'), /either target or targets/],
  ['a parameter without a form', operation('    parameters: { a: { description: x } }'), /either values or pattern/],
  [
    'a parameter with two forms',
    operation('    parameters: { a: { description: x, values: [a], pattern: "[a]{1,2}" } }'),
    /either values or pattern/,
  ],
  [
    'a description with an escape sequence',
    operation('').replace('description: x', String.raw`description: "\e[2J"`),
    /one line/,
  ],
  ['a billion laughs', ['a0: &a0 [x, x]', ...laughs, 'targets: *a9'].join('\n'), /too many aliases/],
  ['an alias into itself', 'targets: &a\n  b: *a', /broker\.yaml/],
  ['a hundred thousand brackets', nested(100_000), /broker\.yaml/],
  ['an endless file', `# ${'x'.repeat(300_000)}`, /longer than/],
];

for (const [name, text, message] of refusals) {
  test(`refused with file, line and field: ${name}`, () => {
    assert.throws(
      () => parseBrokerConfig(text, 'broker.yaml'),
      (error) => {
        assert.ok(error instanceof JitError, String(error));
        assert.equal(error.code, 'ERR_CONFIG');
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test('all problems are listed at once', () => {
  assert.throws(
    () => parseBrokerConfig(`issuer: x\npolicies: 3\n${target('Prod')}`, 'broker.yaml'),
    /broker\.yaml:4: targets\.Prod: a name[^]*broker\.yaml:2: policies:[^]*broker\.yaml:1: issuer:/,
  );
});

test('names such as constructor stay names, and no prototype is touched', () => {
  const config = parseBrokerConfig(target('constructor'), 'broker.yaml');
  assert.deepEqual([...config.targets.keys()], ['constructor']);
  assert.equal(Reflect.get({}, 'issuer'), undefined);
});
