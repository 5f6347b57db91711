/**
 * FetchJWTSVID of the SPIFFE Workload API over gRPC:
 * https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_Endpoint.md
 * @module
 */
import { fileURLToPath } from 'node:url';
import { LONGEST_ANSWER } from './ask.ts';

export interface Svid {
  readonly spiffeId: string;
  readonly token: string;
}

/** What came of one call. `code` is the number of a gRPC status, https://grpc.io/docs/guides/status-codes/ */
export type Fetched =
  | { readonly kind: 'svids'; readonly svids: readonly Svid[] }
  | { readonly kind: 'refused'; readonly code: number; readonly details: string };

export interface SvidQuestion {
  /** As grpc-js names it, such as `unix:/run/spire/agent.sock` or `ipv4:127.0.0.1:8081`. */
  readonly target: string;
  readonly audience: string;
  /** Empty for every identity that this process has. */
  readonly spiffeId: string;
  readonly signal: AbortSignal;
}

/** Never rejects for what the server does. */
export async function fetchJwtSvids(question: SvidQuestion): Promise<Fetched> {
  const { Client, Metadata, credentials } = await import('@grpc/grpc-js');
  const method = await loadMethod();
  // Plain, as the specification demands: the trust is in who may reach the socket.
  const client = new Client(question.target, credentials.createInsecure(), {
    'grpc.enable_http_proxy': 0,
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.service_config_disable_resolution': 1,
    'grpc.max_receive_message_length': LONGEST_ANSWER,
  });
  const metadata = new Metadata();
  metadata.set('workload.spiffe.io', 'true');
  try {
    return await new Promise<Fetched>((resolve) => {
      const call = client.makeUnaryRequest<object, object>(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        { audience: [question.audience], spiffe_id: question.spiffeId },
        metadata,
        (error, answer) =>
          resolve(
            error === null
              ? { kind: 'svids', svids: svidsOf(answer) }
              : { kind: 'refused', code: error.code, details: error.details },
          ),
      );
      // Rather than a deadline by the wall clock; it ends the attempt to connect as well.
      if (question.signal.aborted) call.cancel();
      question.signal.addEventListener('abort', () => call.cancel(), { once: true });
    });
  } finally {
    client.close();
  }
}

interface Method {
  readonly path: string;
  readonly requestSerialize: (value: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => object;
}

async function loadMethod(): Promise<Method> {
  const { load } = await import('@grpc/proto-loader');
  const file = fileURLToPath(new URL('workload-api.proto', import.meta.url));
  const definition = await load(file, { keepCase: true, defaults: true, arrays: true });
  // Safe: the loader gives a service of the file as its methods by name.
  const service = definition['SpiffeWorkloadAPI'] as unknown as Readonly<Record<string, Method>> | undefined;
  const method = service?.['FetchJWTSVID'];
  if (method === undefined) throw new TypeError('workload-api.proto has no FetchJWTSVID');
  return method;
}

function svidsOf(answer: object | undefined): readonly Svid[] {
  if (answer === undefined || !('svids' in answer) || !Array.isArray(answer.svids)) return [];
  // Safe: the messages are decoded by the definition in the file, with every member set.
  const svids = answer.svids as readonly { readonly spiffe_id: string; readonly svid: string }[];
  return svids.map(({ spiffe_id, svid }) => ({ spiffeId: spiffe_id, token: svid }));
}
