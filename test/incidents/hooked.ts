/**
 * A hook behind real HTTP, as the broker mounts it, and all that it told.
 * @module
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { JitError } from '../../src/core/errors.ts';
import type { Heard, IncidentSignal, OpenSource } from '../../src/core/incident.ts';

export interface Hooked {
  readonly url: string;
  /** Everything that was handed over, in order. */
  readonly signals: (IncidentSignal & { readonly source: string })[];
  /** Failures of the next that are to take a signal. */
  readonly failures: Error[];
  /** How long whoever hears takes, in ms. */
  delayMs: number;
  end(): Promise<void>;
}

export async function startHooked({ hook: makeHook }: Pick<OpenSource, 'hook'>): Promise<Hooked> {
  if (makeHook === null) throw new RangeError('this source calls nobody');
  const heard: Heard = async (source, signals) => {
    if (hooked.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, hooked.delayMs));
    const failure = hooked.failures.shift();
    if (failure !== undefined) throw failure;
    hooked.signals.push(...signals.map((signal) => ({ ...signal, source })));
  };
  const hook = makeHook(heard);
  const server = createServer((request, response) => {
    void (async () => {
      const parts: Buffer[] = [];
      // Safe: without an encoding a request consists of buffers.
      for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
      const header = (name: string): string | null => {
        const value = request.headers[name];
        return typeof value === 'string' ? value : null;
      };
      const status = await hook({ header, body: Buffer.concat(parts) }).then(
        () => 200,
        (thrown: unknown) => (thrown instanceof JitError ? thrown.facts.http : 500),
      );
      response.writeHead(status).end();
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Safe: a listening TCP server has an address of this form.
  const { port } = server.address() as AddressInfo;
  const hooked: Hooked = {
    url: `http://127.0.0.1:${port}/v1/hooks/x`,
    signals: [],
    failures: [],
    delayMs: 0,
    end: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return hooked;
}
