/**
 * Fetches one proof with the environment of this process, and prints it or why there is none. Started by tests.
 * @module
 */
import { JitError } from '../../../src/core/errors.ts';
import { discoverWorkload } from '../../../src/identity/workload/discover.ts';

const [name, audience = '', limitMs] = process.argv.slice(2);
const refuse = () => Promise.reject(new Error('not asked'));
try {
  const source = await discoverWorkload({
    env: process.env,
    platform: process.platform,
    now: Date.now,
    aws: { webIdentityToken: refuse, callerIdentity: refuse },
    limitMs: Number(limitMs),
    as: name,
  });
  const proof = await source?.fetch({
    audience,
    env: process.env,
    signal: undefined,
    binding: { keyThumbprint: 'thumbprint', nonce: 'nonce', body: 'body' },
  });
  process.stdout.write(
    `${JSON.stringify({ ...proof, token: proof?.token.expose(), fits: await source?.detect(process.env) })}\n`,
  );
} catch (thrown) {
  if (!(thrown instanceof JitError)) throw thrown;
  process.stdout.write(`${JSON.stringify({ code: thrown.code, message: thrown.message, hint: thrown.hint })}\n`);
}
