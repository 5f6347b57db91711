/**
 * The HTTP client that the Azure SDK is given, so that its calls keep the rules of `ask` and end with the command.
 * @module
 */
import type { TokenCredentialOptions } from '@azure/identity';
import { Agent } from 'node:http';
import { JitError } from '../../core/errors.ts';
import { type Answer, ask } from './ask.ts';
import { noAnswer } from './fault.ts';

type HttpClient = NonNullable<TokenCredentialOptions['httpClient']>;
type HttpResponse = Awaited<ReturnType<HttpClient['sendRequest']>>;

export interface AzureHttp {
  readonly client: HttpClient;
  /**
   * What is wrong on the other side, which the SDK would tell in words of its own or not see: that the last call had no
   * answer, or one that says to come again. Null where it had an answer to go by.
   */
  readonly fault: () => JitError | null;
}

/** @param signal ends every call. */
export function azureHttp(label: string, signal: AbortSignal): AzureHttp {
  let fault: JitError | null = null;
  const client: HttpClient = {
    sendRequest: async (request) => {
      const { body, agent } = request;
      // The SDK waits between its attempts with the signal that it finds here.
      request.abortSignal = signal;
      const url = URL.parse(request.url);
      try {
        if (url === null) throw noAnswer(label, 'the SDK asks an address that is none');
        if (body !== undefined && body !== null && typeof body !== 'string') {
          throw noAnswer(label, 'the SDK sends what is no text');
        }
        const answer = await ask({
          label,
          method: request.method === 'POST' ? 'POST' : 'GET',
          url,
          headers: request.headers.toJSON(),
          ...(typeof body === 'string' ? { body } : {}),
          // The proxy of the user, for the cloud only: a proxy that asks a metadata address asks its own.
          ...(url.protocol === 'https:' && agent instanceof Agent ? { agent } : {}),
          signal,
        });
        const { status } = answer;
        fault = status === 429 || status >= 500 ? noAnswer(label, `it answers with status ${status}`) : null;
        return { request, status, headers: headersOf(answer.headers), bodyAsText: answer.text };
      } catch (thrown) {
        if (thrown instanceof JitError) fault = thrown;
        throw thrown;
      }
    },
  };
  return { client, fault: () => fault };
}

function headersOf(raw: Answer['headers']): HttpResponse['headers'] {
  const map = new Map(Object.entries(raw).map(([name, value]) => [name, [value].flat().join(', ')]));
  return {
    get: (name) => map.get(name.toLowerCase()),
    has: (name) => map.has(name.toLowerCase()),
    set: (name, value) => void map.set(name.toLowerCase(), String(value)),
    delete: (name) => void map.delete(name.toLowerCase()),
    toJSON: () => Object.fromEntries(map),
    [Symbol.iterator]: () => map.entries(),
  };
}
