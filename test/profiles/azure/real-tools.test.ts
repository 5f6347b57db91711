/**
 * The real az and the real SDK under a grant: led through a proxy to a stand-in for Entra ID and Resource Manager, with nobody
 * signed in before.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { writeSecretFile } from '../../../src/local/secret-files.ts';
import { azureProfiles } from '../../../src/profiles/azure/tool.ts';
import { ACCOUNT, IDENTITY, markOf, never, openGround } from '../../providers/azure/support.ts';
import { run } from '../../support/run.ts';
import { skipUnless } from '../../support/tools.ts';
import { access, scene, settings } from './scene.ts';

const BLOB = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs';

/** Whatever host is asked for, it is led to one port of this machine. */
async function openProxy(port: number): Promise<{ readonly url: string; close(): Promise<void> }> {
  const open = new Set<Socket>();
  const server = createServer((_request, response) => response.writeHead(405).end());
  server.on('connect', (_request, client: Socket) => {
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', () => socket.destroy());
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // `listen` on a TCP port gives an address object.
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${own}`,
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** A grant that was issued, and the environment of a command under it. */
async function underGrant(t: TestContext) {
  const ground = await openGround();
  t.after(async () => await ground.close());
  const proxy = await openProxy(Number(new URL(ground.azure.url).port));
  t.after(async () => await proxy.close());
  const [provider, target] = [ground.provider(), ground.target(IDENTITY)];
  const order = ground.order();
  const { credential } = await provider.issue(target, order, never());
  assert(credential.kind === 'azure');

  const here = scene(t);
  mkdirSync(join(here.home, '.azure'));
  const authority = join(here.home, 'authority.pem');
  writeFileSync(authority, ground.azure.cert);
  const granted = access(here, { tool: settings({ tenant: target.access.tenant }), expiresAt: order.endsAt });
  await writeSecretFile(granted.secretFile, credential.secret.expose().assertion, order.endsAt);
  const parent = { HOME: here.home, PATH: process.env['PATH'] ?? '', AZURE_CLIENT_SECRET: 'of somebody else' };
  const { set } = await azureProfiles.environment(parent, 'linux', granted);
  const env = {
    HOME: here.home,
    PATH: parent.PATH,
    ...Object.fromEntries(set),
    HTTPS_PROXY: proxy.url,
    REQUESTS_CA_BUNDLE: authority,
    NODE_EXTRA_CA_CERTS: authority,
  };
  return { ground, provider, target, order, credential, env };
}

test(
  'az is signed in as the identity of the grant, does what was granted and nothing else, until the grant ends',
  {
    skip: skipUnless('az'),
  },
  async (t) => {
    const { provider, target, order, credential, env } = await underGrant(t);
    const az = async (...args: readonly string[]) => await run('az', [...args, '--only-show-errors'], { env });
    const doing = async (operation: string) =>
      await az(
        'rest',
        '--method',
        'post',
        '--url',
        `https://management.azure.com${ACCOUNT}/~try?operation=${operation}`,
      );

    const shown = await az('account', 'show', '--query', '[user.name, id]', '--output', 'tsv');
    assert.equal(shown.status, 0, shown.stderr);
    assert.deepEqual(shown.stdout.trim().split(/\s+/), [
      credential.secret.expose().clientId,
      target.access.subscription,
    ]);

    const read = await doing(`${BLOB}/read`);
    assert.equal(read.status, 0, read.stderr);
    const write = await doing(`${BLOB}/write`);
    assert.notEqual(write.status, 0);
    assert.match(write.stderr, /AuthorizationFailed/);

    await provider.revoke(markOf(provider, target, order), async () => await Promise.resolve([]), never());
    const after = await doing(`${BLOB}/read`);
    assert.notEqual(after.status, 0);
    assert.match(after.stderr, /AuthorizationFailed/);
  },
);

test('the chain of the Azure SDK finds the identity of the grant, and asks for a token as that', async (t) => {
  const { ground, credential, env } = await underGrant(t);
  const sdk = fileURLToPath(import.meta.resolve('@azure/identity'));
  const script = `
    const { DefaultAzureCredential } = await import(process.argv[1]);
    const { token } = await new DefaultAzureCredential().getToken('https://management.azure.com/.default');
    process.stdout.write(token);`;
  const asked = await run(process.execPath, ['--input-type=module', '-e', script, sdk], { env });
  assert.equal(asked.status, 0, asked.stderr);
  const [identity] = ground.azure.identities.all.values();
  assert.equal(ground.azure.entra.bearer(`Bearer ${asked.stdout}`), identity?.principalId);
  assert.equal(identity?.clientId, credential.secret.expose().clientId);
});
