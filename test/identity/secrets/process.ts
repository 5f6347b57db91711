/**
 * A command of jit reduced to one call of the store that the environment names: its own process, its own memory.
 * Arguments: operation, name. A secret comes on stdin, an answer goes to stdout, what is wrong to stderr.
 * @module
 */
import { readFileSync } from 'node:fs';
import { asJitError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { openSecretStore } from '../../../src/identity/secrets/open.ts';
import { localPaths } from '../../../src/local/paths.ts';

const { env, platform } = process;
const [op, name = ''] = process.argv.slice(2);
const note = (line: string): void => void process.stderr.write(`${line}\n`);
try {
  const store = await openSecretStore({
    choice: env['JIT_SECRET_STORE'] === 'file' ? 'file' : 'keychain',
    env,
    paths: localPaths(env, platform, process.geteuid?.() ?? 0),
    platform,
    note,
    ask: null,
  });
  if (op === 'get') process.stdout.write(JSON.stringify((await store.get(name))?.expose() ?? null));
  if (op === 'set') await store.set(name, new Secret(readFileSync(0, 'utf8')));
  if (op === 'delete') await store.delete(name);
} catch (thrown) {
  const { code, message, hint, facts } = asJitError(thrown);
  note(`${code}: ${message}\nhint: ${hint ?? ''}`);
  // As jit itself ends: by having nothing left to do.
  process.exitCode = facts.exit;
}
