/**
 * Services of AWS that speak JSON (protocol awsJson1_1) behind one address, beside those that speak the query protocol.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

export interface JsonAnswer {
  readonly status: number;
  readonly body: object;
}

/** A service: an answer to an action that it has, else null. @param target the header `x-amz-target`, such as `AmazonSSM.DescribeSessions`. */
export interface JsonService {
  answer(target: string, body: unknown): JsonAnswer | null;
}

/** Answers a call in JSON, and says whether it was one. */
export async function answerJson(
  services: readonly JsonService[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const target = request.headers['x-amz-target'];
  if (typeof target !== 'string') return false;
  const body: unknown = await json(request);
  const [answer] = services.flatMap((service) => service.answer(target, body) ?? []);
  const { status, body: text } = answer ?? { status: 400, body: { __type: 'UnknownOperationException' } };
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
  response.end(JSON.stringify(text));
  return true;
}
