/**
 * argv to options, without running anything.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readCommandLine } from '../../src/cli/program.ts';
import { ROOT_HELP } from '../../src/cli/root-help.ts';
import { COMMANDS } from '../../src/cli/commands/all.ts';
import { JitError } from '../../src/core/errors.ts';

const GRANT = 'gr_01hv3k9x7m2q5w8e4r6t0yabcd';
const REQUEST = 'req_01hv3k9x7m2q5w8e4r6t0yabcd';

function optionsOf(argv: readonly string[]): unknown {
  const invocation = readCommandLine(argv);
  assert.equal(invocation.kind, 'run');
  return invocation.kind === 'run' ? invocation.bound.options : null;
}

function refusal(argv: readonly string[]): JitError {
  try {
    readCommandLine(argv);
  } catch (thrown) {
    assert.ok(thrown instanceof JitError, 'only JitError is thrown');
    return thrown;
  }
  return assert.fail(`accepted: ${argv.join(' ')}`);
}

const ASK = {
  ask: { operation: 's3:GetObject', resources: ['arn:aws:s3:::b/k'] },
  also: [],
  seconds: 300,
  reason: 'x',
  ticket: null,
  incident: null,
  format: 'human',
};
const PATIENT = { kind: 'seconds', seconds: 600 };
const WISH = { profile: null, holds: 'process', onFailure: 'revoke' };

const READ: readonly (readonly [argv: string, options: unknown])[] = [
  [
    'request s3:GetObject arn:aws:s3:::b/k --for 5m --reason x',
    { ...ASK, step: { kind: 'ask', patience: PATIENT, consent: 'ask', wish: WISH } },
  ],
  [
    'request --operation s3:GetObject --resource arn:aws:s3:::b/k --duration 5m --reason x',
    { ...ASK, step: { kind: 'ask', patience: PATIENT, consent: 'ask', wish: WISH } },
  ],
  [
    'request --operation s3:GetObject arn:aws:s3:::b/k --for=5m --reason=x',
    { ...ASK, step: { kind: 'ask', patience: PATIENT, consent: 'ask', wish: WISH } },
  ],
  [
    'request s3:GetObject arn:aws:s3:::b/k --for 5m --reason x --plan --json',
    { ...ASK, format: 'json', step: { kind: 'plan' } },
  ],
  [
    'request s3:GetObject arn:aws:s3:::b/k --for 5m --reason x --no-wait',
    { ...ASK, step: { kind: 'ask', patience: { kind: 'none' }, consent: 'ask', wish: WISH } },
  ],
  [
    'request s3:GetObject arn:aws:s3:::b/k --for 5m --reason x --timeout 1h --ticket OPS-1 --profile p --write-credentials --target t',
    {
      ...ASK,
      ask: { ...ASK.ask, target: 't' },
      ticket: 'OPS-1',
      step: {
        kind: 'ask',
        patience: { kind: 'seconds', seconds: 3_600 },
        consent: 'ask',
        wish: { ...WISH, profile: 'p', holds: 'keys' },
      },
    },
  ],
  [
    'request s3:GetObject',
    {
      ...ASK,
      ask: { operation: 's3:GetObject', resources: [] },
      seconds: null,
      reason: null,
      step: { kind: 'ask', patience: PATIENT, consent: 'ask', wish: WISH },
    },
  ],
  [
    'request deploy-web env=prod a=b',
    {
      ...ASK,
      ask: { operation: 'deploy-web', resources: ['env=prod', 'a=b'] },
      seconds: null,
      reason: null,
      step: { kind: 'ask', patience: PATIENT, consent: 'ask', wish: WISH },
    },
  ],
  [
    'exec s3:GetObject arn:aws:s3:::b/k --for 5m --reason x -- ls -la --json -- x',
    { ...ASK, patience: PATIENT, consent: 'ask', argv: ['ls', '-la', '--json', '--', 'x'] },
  ],
  ['status', { id: null, format: 'human' }],
  [`status ${GRANT} --json`, { id: GRANT, format: 'json' }],
  ['list', { scope: 'live', format: 'human' }],
  ['list --all', { scope: 'all', format: 'human' }],
  [`show ${REQUEST}`, { id: REQUEST, format: 'human' }],
  [
    `wait ${REQUEST} --timeout 5s`,
    {
      id: REQUEST,
      patience: { kind: 'seconds', seconds: 5 },
      consent: 'ask',
      wish: { ...WISH, onFailure: 'keep' },
      format: 'human',
    },
  ],
  [`revoke ${GRANT}`, { scope: { kind: 'one', id: GRANT }, format: 'human' }],
  ['revoke --all', { scope: { kind: 'all' }, format: 'human' }],
  [`env ${GRANT}`, { id: GRANT, shell: null, format: 'human' }],
  [`env ${GRANT} --shell fish`, { id: GRANT, shell: 'fish', format: 'human' }],
  [`credential ${GRANT} --format aws`, { id: GRANT, as: 'aws', target: null }],
  [`credential ${GRANT} --json`, { id: GRANT, as: 'json', target: null }],
  ['catalog', { operation: null, format: 'human' }],
  ['catalog deploy-web', { operation: 'deploy-web', format: 'human' }],
  ['profiles --json', { format: 'json' }],
  ['wipe', { grants: 'keep', format: 'human' }],
  ['wipe --revoke', { grants: 'revoke', format: 'human' }],
  ['config', { verb: 'show', format: 'human' }],
  ['config get broker', { verb: 'get', key: { text: 'broker', path: ['broker'] }, format: 'human' }],
  [
    'config set broker work',
    { verb: 'set', key: { text: 'broker', path: ['broker'] }, value: 'work', format: 'human' },
  ],
  [
    'config unset brokers.work.url',
    { verb: 'unset', key: { text: 'brokers.work.url', path: ['brokers', 'work', 'url'] }, format: 'human' },
  ],
  ['completion zsh', { what: 'zsh', format: 'human' }],
];

for (const [argv, options] of READ) {
  test(`jit ${argv}`, () => assert.deepEqual(optionsOf(argv.split(' ')), options));
}

const FULL = ['request', 's3:GetObject', 'arn:aws:s3:::b/k', '--for', '5m', '--reason', 'x'];

const REFUSED: readonly (readonly [argv: readonly string[], code: string, said: RegExp])[] = [
  [['request'], 'ERR_MISSING_INPUT', /which operation/],
  [['request', 's3:GetObject', '--for'], 'ERR_USAGE', /--for needs a value/],
  [[...FULL, '--for', '6m'], 'ERR_USAGE', /twice/],
  [[...FULL, '--duration', '6m'], 'ERR_USAGE', /twice/],
  [[...FULL, '--operation', 's3:GetObject'], 'ERR_USAGE', /twice/],
  [[...FULL, '--plan', '--no-wait'], 'ERR_USAGE', /exclude/],
  [[...FULL, '--timeout', '5m', '--no-wait'], 'ERR_USAGE', /exclude/],
  [[...FULL, '--resaon', 'y'], 'ERR_USAGE', /no option --resaon/],
  [[...FULL, '--timeout', 'soon'], 'ERR_DURATION', /--timeout soon/],
  [[...FULL, '--ticket', 'a b'], 'ERR_TICKET', /ticket/],
  [[...FULL, '--target', 'a/b'], 'ERR_TARGET', /target/],
  [[...FULL, '--profile', 'default'], 'ERR_PROFILE_NAME', /default/],
  [[...FULL, '--profile', 'a\nb'], 'ERR_PROFILE_NAME', /profile name/],
  [['request', 'a b'], 'ERR_OPERATION', /operation/],
  [['request', 's3:GetObject', 'a b'], 'ERR_RESOURCE', /resource/],
  [['exec', 's3:GetObject', 'x'], 'ERR_USAGE', /which command/],
  [['exec', 's3:GetObject', 'x', '--'], 'ERR_USAGE', /which command/],
  [['status', 'x'], 'ERR_USAGE', /not an id/],
  [['status', GRANT, GRANT], 'ERR_USAGE', /more words/],
  [['show'], 'ERR_USAGE', /id is missing/],
  [['show', `${GRANT}/../x`], 'ERR_USAGE', /not an id/],
  [['revoke'], 'ERR_USAGE', /which grant/],
  [['revoke', REQUEST], 'ERR_USAGE', /request, not of a grant/],
  [['revoke', GRANT, '--all'], 'ERR_USAGE', /exclude/],
  [['env', GRANT, '--shell', 'tcsh'], 'ERR_USAGE', /shell/],
  [['credential', GRANT, '--format', 'xml'], 'ERR_USAGE', /format/],
  [['config', 'set', 'broker'], 'ERR_USAGE', /a key and a value/],
  [['config', 'get', 'brokr'], 'ERR_USAGE', /no setting/],
  [['config', 'explode'], 'ERR_USAGE', /cannot explode/],
  [['completion', 'tcsh'], 'ERR_USAGE', /no completion/],
  [['requst'], 'ERR_USAGE', /no command requst/],
  [['aprove', REQUEST], 'ERR_USAGE', /no command aprove/],
  [['approve', 'gr_01hv3k9x7m2q5w8e4r6t0yabcd'], 'ERR_USAGE', /a grant, not of a request/],
  [['approve'], 'ERR_USAGE', /missing/],
  [['revoke', '--user', 'mallory', '--all'], 'ERR_USAGE', /--user goes with neither/],
  [['revoke', 'gr_01hv3k9x7m2q5w8e4r6t0yabcd', '--user', 'mallory'], 'ERR_USAGE', /--user goes with neither/],
  [['revoke', '--issuer', 'https://id.test'], 'ERR_USAGE', /--issuer says whose user is meant/],
  [['deny', REQUEST, '--reason', ''], 'ERR_REASON', /empty/],
  [['cancel'], 'ERR_USAGE', /missing/],
];

for (const [argv, code, said] of REFUSED) {
  test(`jit ${JSON.stringify(argv)} is refused with status 2 and a hint or a reason`, () => {
    const error = refusal(argv);
    assert.equal(error.code, code);
    assert.match(error.message, said);
    assert.equal(error.facts.exit, 2);
  });
}

test('whatever the words are, reading them gives options, help, or a usage error, and shows nothing raw', () => {
  const word = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(...COMMANDS.map(({ name }) => name), '--json', '--for', '--', '-x', '--help', '__proto__'),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (argv) => {
      try {
        readCommandLine(argv);
      } catch (thrown) {
        assert.ok(thrown instanceof JitError, String(thrown));
        assert.equal(thrown.facts.exit, 2);
      }
    }),
    { numRuns: 300 },
  );
});

test('the ready-made help is what the parser would print', () => {
  const invocation = readCommandLine(['--help']);
  assert.equal(invocation.kind === 'help' ? invocation.text : '', ROOT_HELP);
});

test('every command has help with its purpose, its usage and an example, within 80 columns', () => {
  for (const { name, summary } of COMMANDS) {
    for (const argv of [
      [name, '--help'],
      ['help', name],
      [name, '-h', '--json'],
    ]) {
      const invocation = readCommandLine(argv);
      const text = invocation.kind === 'help' ? invocation.text : '';
      assert.match(text, new RegExp(`^Usage: jit ${name} `));
      assert.ok(text.includes(summary.slice(0, 40)));
      assert.match(text, /\nExamples:\n {2}# /);
      assert.deepEqual(
        text.split('\n').filter((line) => line.length > 84),
        [],
      );
    }
  }
});

test('every command takes --json', () => {
  for (const { name } of COMMANDS) {
    const invocation = readCommandLine([name, '--help']);
    assert.match(invocation.kind === 'help' ? invocation.text : '', /--json/);
  }
});

/** As a shell would hand them over. */
const ALSO = ['request', 's3:GetObject', 'arn:aws:s3:::b/k', '--for', '5m', '--reason', 'x'];

test('--also asks for more in the same request, each with its resources and its target', () => {
  const argv = [...ALSO, '--also', 'role/app_read  shop --target orders', '--also', 'pods/log shop/pods/web-1'];
  assert.deepEqual(optionsOf(argv), {
    ...ASK,
    also: [
      { operation: 'role/app_read', resources: ['shop'], target: 'orders' },
      { operation: 'pods/log', resources: ['shop/pods/web-1'] },
    ],
    step: { kind: 'ask', patience: PATIENT, consent: 'ask', wish: WISH },
  });
});

test('--also refuses what is no operation with its resources, and more than a request can hold', () => {
  const wrong: readonly (readonly [value: string, code: string])[] = [
    ['', 'ERR_USAGE'],
    ['pods/log shop/pods/web-1 --target', 'ERR_USAGE'],
    ['pods/log --reason x', 'ERR_USAGE'],
    ['pods/log shop --target a/b', 'ERR_TARGET'],
    ['-x shop', 'ERR_OPERATION'],
    ["pods/log shop'\u202e", 'ERR_RESOURCE'],
  ];
  for (const [value, code] of wrong) assert.equal(refusal([...ALSO, '--also', value]).code, code, value);
  const many = Array.from({ length: 10 }, () => ['--also', 'pods/log shop/pods/web-1']).flat();
  assert.equal(refusal([...ALSO, ...many]).code, 'ERR_USAGE');
});
