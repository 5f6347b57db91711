import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCatalog } from '../../../src/broker/catalog/catalog.ts';
import { catalogView } from '../../../src/broker/catalog/view.ts';
import { parseBrokerConfig } from '../../../src/broker/config/config.ts';
import type { Provider } from '../../../src/core/ports.ts';
import { loadPolicies } from '../../../src/policy/load.ts';
import { starterPolicy } from '../../../src/policy/starter.ts';
import { awsProvider } from '../../../src/providers/aws/provider.ts';
import { catalogViewSchema } from '../../../src/wire/views.ts';

const CONFIG = `
operations:
  read-reports:
    description: look at one report
    actions: [s3:GetObject]
    resources: ['arn:aws:s3:::reports/{report}']
    parameters: { report: { description: its name, pattern: '[a-z0-9-]{1,20}' } }
    target: web
  publish:
    description: write the site
    actions: [s3:PutObject]
    resources: ['arn:aws:s3:::site/*']
    target: web
  typo:
    description: names an action that does not exist
    actions: [s3:GetObjct]
    resources: ['arn:aws:s3:::site/*']
    target: web
`;

test('the catalogue shows how the starter policy would decide, with the real rules of AWS', async () => {
  const aws: Provider = awsProvider({ now: () => 0, signer: null });
  const role = {
    provider: 'aws',
    role: 'arn:aws:iam::123456789012:role/web',
    region: 'eu-west-1',
    credentials: 'ambient',
  };
  const targets = new Map(
    [
      aws.parseTarget('sandbox', { ...role, environment: 'sandbox', sandbox: true, endpoint: 'http://127.0.0.1:9' }),
      aws.parseTarget('web', { ...role, environment: 'prod' }),
    ].map((target) => [target.name, target]),
  );
  const view = await catalogView(
    {
      catalog: makeCatalog(parseBrokerConfig(CONFIG, 'broker.yaml'), targets),
      policy: await loadPolicies({ sources: [await starterPolicy()] }),
      targets,
      providers: new Map([['aws', aws]]),
      now: () => 0,
    },
    { kind: 'user', issuer: 'os', subject: '1000', name: 'jane', groups: [] },
  );
  assert.deepEqual(catalogViewSchema.parse(view), view);
  assert.deepEqual(
    view.operations.map(({ name, decision }) => [name, decision.replace(/: .*/s, '')]),
    [
      ['publish', 'self-serve, up to 1h'],
      ['read-reports', 'auto, up to 1h'],
      ['typo', 'not usable'],
    ],
  );
  assert.deepEqual(
    view.targets.map(({ name, decisions }) => [name, decisions['write'], decisions['permissions']]),
    [
      ['sandbox', 'auto, up to 1h', 'auto, up to 1h'],
      ['web', 'self-serve, up to 1h', 'denied: changing permissions is only possible in the sandbox'],
    ],
  );
});
