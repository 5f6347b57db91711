/**
 * moto, an STS, IAM and S3 written by others, as the cloud of a test.
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from './eventually.ts';
import { freePort } from './port.ts';

/** Any keys do: moto checks no signature. */
export const MOTO_KEYS = { AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE', AWS_SECRET_ACCESS_KEY: 'test' };

/** A test, or the hooks of a file whose tests share one. */
interface Ending {
  after(stop: () => Promise<void>): void;
}

/** @returns its address, once it answers; it ends with the test. */
export async function startMoto(t: Ending): Promise<string> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent' };
  const moto = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore', env });
  const gone = once(moto, 'exit');
  t.after(async () => {
    moto.kill('SIGKILL');
    await gone;
  });
  await eventually(
    async () =>
      fetch(`${url}/moto-api/`).then(
        () => true,
        () => false,
      ),
    { deadlineMs: 60_000 },
  );
  return url;
}
