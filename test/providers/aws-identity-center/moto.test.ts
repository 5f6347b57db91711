/**
 * Assignments at moto, an IAM Identity Center written by others. It has no tags of permission sets: those two calls, and no
 * others, are answered beside it.
 * @module
 */
import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import {
  CreatePermissionSetCommand,
  ListAccountAssignmentsCommand,
  ListInstancesCommand,
  SSOAdminClient,
} from '@aws-sdk/client-sso-admin';
import { identityCenterProvider } from '../../../src/providers/aws/identity-center/provider.ts';
import { fakeSso } from '../../fakes/aws-sso/sso.ts';
import { startMoto } from '../../support/moto.ts';
import { skipUnless } from '../../support/tools.ts';
import { failure } from '../../support/failure.ts';
import { SIGNER, never, newGrant, serve } from '../aws/support.ts';
import { ACCOUNT, ANN, ANN_THERE, OWNER, centerConfig, use } from './support.ts';

const KEYS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'test' };
const TAGGING = /\.(?:ListTagsForResource|TagResource|UntagResource)$/;
const skip = skipUnless('moto_server') && "needs moto_server (pip install 'moto[server]')";
const url = skip === false ? await startMoto({ after }) : '';

/** Sends everything on to moto but the calls about tags. */
async function beside(tags: ReturnType<typeof fakeSso>) {
  const answer = async (target: string, body: Buffer, headers: Record<string, string>): Promise<[number, string]> => {
    const tagging = TAGGING.test(target) ? tags.answer(target, JSON.parse(body.toString('utf8'))) : null;
    if (tagging !== null) return [tagging.status, JSON.stringify(tagging.body)];
    const reply = await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) });
    return [reply.status, await reply.text()];
  };
  return await serve((request, response) => {
    const run = async (): Promise<void> => {
      const target = String(request.headers['x-amz-target']);
      const headers = {
        'x-amz-target': target,
        'content-type': 'application/x-amz-json-1.1',
        authorization: String(request.headers.authorization),
      };
      const [status, text] = await answer(target, await buffer(request), headers);
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(text);
    };
    run().catch(() => response.destroy());
  });
}

test(
  'an assignment is made and taken away at moto, shared by two grants, and nothing of it stays',
  { skip },
  async () => {
    const admin = new SSOAdminClient({ endpoint: url, region: 'eu-west-1', credentials: KEYS });
    const { Instances = [] } = await admin.send(new ListInstancesCommand({}));
    const InstanceArn = Instances[0]?.InstanceArn ?? '';
    const made = await admin.send(
      new CreatePermissionSetCommand({ InstanceArn, Name: 'deployers', SessionDuration: 'PT1H' }),
    );
    const set = made.PermissionSet?.PermissionSetArn ?? '';
    const assigned = async (): Promise<readonly (string | undefined)[]> => {
      const command = new ListAccountAssignmentsCommand({ InstanceArn, AccountId: ACCOUNT, PermissionSetArn: set });
      return (await admin.send(command)).AccountAssignments?.map(({ PrincipalId }) => PrincipalId) ?? [];
    };
    const tags = fakeSso();
    const server = await beside(tags);
    let clock = Date.now();
    try {
      const provider = identityCenterProvider({
        now: () => clock,
        signer: SIGNER,
        owner: OWNER,
        ambient: async () => await Promise.resolve(KEYS),
      });
      // moto forgets the folder that AWS has in the ARN of a permission set.
      const target = {
        ...provider.parseTarget('c', centerConfig({ endpoint: server.url })),
        permissionSets: [set],
      };
      const at = { ...target, access: { ...target.access, instance: InstanceArn } };
      const order = () => ({ grant: newGrant(), principal: ANN, permissions: [use(set)], endsAt: clock + 600_000 });
      const [one, two] = [order(), order()];
      assert((await provider.plan(at, [use(set)], 600)).words.some((line) => line.includes('deployers')));
      assert.deepEqual(await assigned(), []);
      for (const each of [one, two]) assert.equal((await provider.issue(at, each, never())).credential.kind, 'own');
      assert.deepEqual(await assigned(), [ANN_THERE]);
      const revoke = async (each: typeof one) => {
        const { handle, notAfter } = provider.intend(at, each);
        const mark = { grant: each.grant, target: 'c', handle, endsAt: each.endsAt, notAfter };
        return await provider.revoke(mark, async () => await Promise.resolve([mark]), never());
      };
      assert.equal((await revoke(one)).kind, 'gone');
      assert.deepEqual(await assigned(), [ANN_THERE]);
      assert.equal((await revoke(two)).kind, 'pending');
      assert.deepEqual(await assigned(), []);
      clock += 3_601_000;
      assert.equal((await revoke(two)).kind, 'gone');
      assert.equal(tags.tagsOf(set).size, 0);
      const unknown = { ...order(), permissions: [use(`${set}x`)] };
      await failure(provider.issue(at, unknown, never()), 'ERR_CLOUD');
    } finally {
      await server.close();
    }
  },
);
