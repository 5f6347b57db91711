/**
 * The cloud as a function: request in, response out. No sockets, no clock of its own.
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { Cloud } from './cloud.ts';
import { SANDBOX_MARK, fault, isFault, notImplemented } from './fault.ts';
import type { Fault } from './fault.ts';
import { IAM } from './iam/service.ts';
import { findAction, readParameters, signer } from './query-api.ts';
import type { Answer, Parameters, Service } from './query-api.ts';
import { readRequest } from './request.ts';
import type { CloudRequest, WireRequest, WireResponse } from './request.ts';
import { handleS3 } from './s3/service.ts';
import { STS } from './sts/service.ts';
import { documentOf, element, field } from './xml.ts';

/** What is told about a request. It never holds a secret, a token, a policy or an object's content. */
export interface SandboxEvent {
  readonly event: 'request';
  readonly service: string;
  readonly action: string;
  /** Null for a caller who is not known. */
  readonly caller: string | null;
  readonly status: number;
  /** The error code, or null. */
  readonly code: string | null;
}

/** The response and what to tell about it. */
export interface Handled {
  readonly response: WireResponse;
  readonly event: SandboxEvent;
}

/** On every response. */
export const SANDBOX_HEADERS = { 'x-jit-sandbox': 'this is not AWS', server: 'jit-sandbox' } as const;

const SERVICES: ReadonlyMap<string, Service> = new Map([STS, IAM].map((service) => [service.version, service]));

function errorFields(problem: Fault): string {
  return field('Code', problem.fault) + field('Message', `${problem.message} ${SANDBOX_MARK}`);
}

/** Clients correct their own clocks by this header, so it must show the clock that signatures are judged by. */
function dated(cloud: Cloud, response: WireResponse): WireResponse {
  return { ...response, headers: { ...response.headers, date: new Date(cloud.now()).toUTCString() } };
}

function queryResponse(service: Service, action: string, answer: Answer): WireResponse {
  const requestId = randomUUID();
  const headers = { ...SANDBOX_HEADERS, 'content-type': 'text/xml', 'x-amzn-requestid': requestId };
  if (isFault(answer)) {
    const type = field('Type', answer.status < 500 ? 'Sender' : 'Receiver');
    const error = element('Error', type, errorFields(answer)) + field('RequestId', requestId);
    return { status: answer.status, headers, body: documentOf('ErrorResponse', service.namespace, error) };
  }
  const result = answer === null ? '' : element(`${action}Result`, answer);
  const metadata = element('ResponseMetadata', field('RequestId', requestId));
  return { status: 200, headers, body: documentOf(`${action}Response`, service.namespace, result, metadata) };
}

async function handleQuery(cloud: Cloud, request: CloudRequest, parameters: Parameters): Promise<Handled> {
  const service = SERVICES.get(parameters.get('Version') ?? '');
  const action = parameters.get('Action') ?? '';
  let caller: string | null = null;
  const answered = async (): Promise<Answer> => {
    if (service === undefined) return fault('InvalidAction', 400, 'The sandbox does not know this API version.');
    const found = findAction(service, parameters);
    if (isFault(found)) return found;
    if (found.kind === 'open') return found.run({ cloud, parameters });
    const principal = signer(cloud, request, service);
    if (isFault(principal)) return principal;
    caller = principal.arn;
    return found.run({ cloud, parameters, principal });
  };
  const answer = await answered();
  const known = service?.actions.has(action) === true;
  const response = queryResponse(service ?? STS, action, answer);
  const code = isFault(answer) ? answer.fault : null;
  const name = service?.name ?? 'unknown';
  return {
    response,
    event: {
      event: 'request',
      service: name,
      action: known ? action : 'Unknown',
      caller,
      status: response.status,
      code,
    },
  };
}

function s3Fault(request: WireRequest, problem: Fault): WireResponse {
  const requestId = randomUUID();
  const headers = { ...SANDBOX_HEADERS, 'content-type': 'application/xml', 'x-amz-request-id': requestId };
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n${element('Error', errorFields(problem), field('RequestId', requestId))}`;
  return { status: problem.status, headers, body: request.method === 'HEAD' ? '' : body };
}

/** The answer to a request that cannot even be looked at. */
export function refused(request: WireRequest, problem: Fault): Handled {
  const event = { service: 'unknown', action: 'Unknown', caller: null, status: problem.status, code: problem.fault };
  return { response: s3Fault(request, problem), event: { event: 'request', ...event } };
}

function handledS3(cloud: Cloud, wire: WireRequest, request: CloudRequest): Handled {
  const { operation, caller, answer } = handleS3(cloud, request);
  const event = { event: 'request', service: 's3', action: operation, caller } as const;
  if (isFault(answer)) {
    const response = s3Fault(wire, answer);
    return { response, event: { ...event, status: response.status, code: answer.fault } };
  }
  const headers = { ...SANDBOX_HEADERS, 'x-amz-request-id': randomUUID(), ...answer.headers };
  const response = { status: answer.status, headers, body: wire.method === 'HEAD' ? '' : answer.body };
  return { response, event: { ...event, status: answer.status, code: null } };
}

/** Answers one request. Never throws for what a client sends. */
export async function handle(cloud: Cloud, wire: WireRequest): Promise<Handled> {
  const { response, event } = await dispatch(cloud, wire);
  return { response: dated(cloud, response), event };
}

async function dispatch(cloud: Cloud, wire: WireRequest): Promise<Handled> {
  const request = readRequest(wire);
  if (isFault(request)) return refused(wire, request);
  if (request.method === 'OPTIONS') return refused(wire, notImplemented('CORS'));
  const parameters = readParameters(request);
  if (parameters === null) return handledS3(cloud, wire, request);
  if (isFault(parameters)) return refused(wire, parameters);
  return handleQuery(cloud, request, parameters);
}
