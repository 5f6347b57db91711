/**
 * A SPIFFE Workload API on a real gRPC server, behaving as the published specification says, and as badly as a test asks.
 * @module
 */
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tempFolder } from '../../support/home.ts';

/** Written anew from the specification, with the whole profile, so that it does not share a mistake with what it tests. */
const PROTO = `
syntax = "proto3";
import "google/protobuf/struct.proto";
service SpiffeWorkloadAPI {
  rpc FetchJWTSVID(JWTSVIDRequest) returns (JWTSVIDResponse);
  rpc FetchJWTBundles(JWTBundlesRequest) returns (stream JWTBundlesResponse);
  rpc ValidateJWTSVID(ValidateJWTSVIDRequest) returns (ValidateJWTSVIDResponse);
}
message JWTSVIDRequest { repeated string audience = 1; string spiffe_id = 2; }
message JWTSVIDResponse { repeated JWTSVID svids = 1; }
message JWTSVID { string spiffe_id = 1; string svid = 2; string hint = 3; }
message JWTBundlesRequest {}
message JWTBundlesResponse { map<string, bytes> bundles = 1; }
message ValidateJWTSVIDRequest { string audience = 1; string svid = 2; }
message ValidateJWTSVIDResponse { string spiffe_id = 1; google.protobuf.Struct claims = 2; }
`;

export interface SvidRequest {
  readonly audience: readonly string[];
  readonly spiffe_id: string;
}

export type SvidAnswer =
  | { readonly svids: readonly { readonly spiffe_id: string; readonly svid: string; readonly hint?: string }[] }
  | { readonly code: status; readonly details: string }
  | 'hang';

export interface WorkloadApi {
  readonly socket: string;
  readonly tcp: string;
  readonly requests: SvidRequest[];
}

/** Listens on a socket in a folder of its own and on loopback, until the test ends. */
export async function serveWorkloadApi(
  t: TestContext,
  answer: (request: SvidRequest, call: number) => SvidAnswer,
): Promise<WorkloadApi> {
  const folder = tempFolder(t);
  writeFileSync(join(folder, 'workload.proto'), PROTO);
  const definition = await load(join(folder, 'workload.proto'), { keepCase: true, defaults: true });
  const service = definition['SpiffeWorkloadAPI'];
  assert.ok(service !== undefined && !('format' in service));
  const requests: SvidRequest[] = [];
  const server = new Server();
  server.addService(service, {
    FetchJWTSVID: (
      call: { metadata: { get: (name: string) => unknown[] }; request: SvidRequest },
      reply: (error: object | null, value?: object) => void,
    ) => {
      if (call.metadata.get('workload.spiffe.io')[0] !== 'true') {
        reply({ code: status.INVALID_ARGUMENT, details: 'security header missing from request' });
        return;
      }
      if (call.request.audience.length === 0) {
        reply({ code: status.INVALID_ARGUMENT, details: 'audience must be specified' });
        return;
      }
      requests.push(call.request);
      const result = answer(call.request, requests.length);
      if (result === 'hang') return;
      if ('svids' in result) reply(null, result);
      else reply(result);
    },
    FetchJWTBundles: (call: { end: () => void }) => call.end(),
    ValidateJWTSVID: (_call: unknown, reply: (error: object) => void) =>
      reply({ code: status.UNIMPLEMENTED, details: '' }),
  });
  const path = join(folder, 'api.sock');
  const bind = (address: string): Promise<number> =>
    new Promise((resolve, reject) => {
      server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  await bind(`unix:${path}`);
  const port = await bind('127.0.0.1:0');
  t.after(() => server.forceShutdown());
  return { socket: `unix://${path}`, tcp: `tcp://127.0.0.1:${port}`, requests };
}
