/**
 * The credentials of a drill at work: as its user would use them, and as somebody who kept them would.
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { IssuedCredential } from '../../client/client.ts';
import { readObject, type Reading } from '../../client/read-object.ts';
import { JitError } from '../../core/errors.ts';
import { errnoOf } from '../../local/fault.ts';
import type { Context, Env } from '../context.ts';
import { SANDBOX_HELLO } from '../access/words.ts';

/** Which program has read the object. */
export type Reader = 'aws' | 'jit';

const LONGEST_MS = 60_000;

/** Through the profile with the `aws` program; where there is none, with a call that jit signs itself. Throws `ERR_CLOUD`. */
export async function useProfile(context: Context, profile: string, issued: IssuedCredential): Promise<Reader> {
  if (await readByAws(context, profile)) return 'aws';
  const { kind } = await readNow(issued, context.signal);
  if (kind === 'read') return 'jit';
  throw new JitError({ code: 'ERR_CLOUD', message: 'the cloud refused the credentials that it has just issued' });
}

/** As somebody would who has kept the keys. Throws `ERR_CLOUD` where the cloud gives no plain answer. */
export async function readNow({ tool, credential }: IssuedCredential, signal: AbortSignal): Promise<Reading> {
  if (tool.kind !== 'aws' || tool.endpoint === null || credential.kind !== 'aws') {
    throw new JitError({ code: 'ERR_TARGET', message: 'a drill is for the sandbox alone' });
  }
  const { endpoint } = tool;
  return await readObject({ ...SANDBOX_HELLO, tool: { ...tool, endpoint }, keys: credential.secret, signal });
}

/** @returns false where there is no such program. */
async function readByAws({ env, signal }: Context, profile: string): Promise<boolean> {
  const { bucket, key } = SANDBOX_HELLO;
  const argv = ['--profile', profile, 's3', 'cp', `s3://${bucket}/${key}`, '-'];
  const patience = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)]);
  const child = spawn('aws', argv, { env: plain(env), stdio: ['ignore', 'ignore', 'pipe'], signal: patience });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => (said = `${said}${part}`.slice(-2_000)));
  try {
    await once(child, 'close');
  } catch (thrown) {
    signal.throwIfAborted();
    if (errnoOf(thrown) === 'ENOENT') return false;
    throw new JitError({ code: 'ERR_CLOUD', message: 'the aws program did not come to an end', cause: thrown });
  }
  if (child.exitCode === 0) return true;
  const [last = ''] = said.trim().split('\n').slice(-1);
  throw new JitError({ code: 'ERR_CLOUD', message: `the aws program could not read the object: ${last}` });
}

/** Only the profile is to say where the call goes: the sandbox is on this machine, and behind no proxy. */
function plain(env: Env): Record<string, string> {
  const kept = Object.entries(env).filter(
    (pair): pair is [string, string] =>
      pair[1] !== undefined && !/^AWS_(?!CONFIG_FILE$|SHARED_CREDENTIALS_FILE$)|^(?:https?|all)_proxy$/i.test(pair[0]),
  );
  return Object.fromEntries(kept);
}
