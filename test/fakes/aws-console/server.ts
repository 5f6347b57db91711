/**
 * AWS's federation endpoint, as the IAM user guide describes it ("Enable custom identity broker access to the AWS console"):
 * `getSigninToken` for temporary keys that it knows, `login` with a token within 15 minutes. Whatever the guide does not
 * name is refused, and so is `SessionDuration` for a role that was assumed by a role.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AwsKeys } from '../../../src/core/credential.ts';

/** Temporary keys that the endpoint knows. */
export interface KnownKeys extends AwsKeys {
  readonly chained: 'role by role' | 'role by token';
}

export interface FakeFederation {
  /** `http://127.0.0.1:<port>/federation`. */
  readonly url: string;
  /** The target of every request, in order. */
  readonly seen: readonly string[];
  /** From now on every request is answered like this, or as usual. */
  answerWith(answer: { readonly status: number; readonly body: string } | 'silence' | 'usual'): void;
  /** Epoch ms. */
  setTime(now: number): void;
}

const TOKEN_MS = 900_000;

interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const bad: Reply = { status: 400, body: '<html>Invalid Credentials Parameter</html>' };

/** Ends with the test. @param host the console's own. */
export async function startFederation(
  t: { after(stop: () => Promise<void>): void },
  { keys, host, now }: { readonly keys: readonly KnownKeys[]; readonly host: string; readonly now: number },
): Promise<FakeFederation> {
  const seen: string[] = [];
  const tokens = new Map<string, number>();
  let time = now;
  let fixed: { readonly status: number; readonly body: string } | 'silence' | 'usual' = 'usual';

  const makeToken = (query: URLSearchParams): Reply => {
    const fields = [...query.keys()].filter((name) => name !== 'Action');
    if (!fields.every((name) => name === 'Session' || name === 'SessionDuration')) return bad;
    const session = readSession(query.get('Session') ?? '');
    const known = keys.find(
      (each) =>
        session !== null &&
        each.accessKeyId === session['sessionId'] &&
        each.secretAccessKey === session['sessionKey'] &&
        each.sessionToken === session['sessionToken'],
    );
    const duration = query.get('SessionDuration');
    if (known === undefined || (duration !== null && known.chained === 'role by role')) return bad;
    if (duration !== null && !(Number(duration) >= 900 && Number(duration) <= 43_200)) return bad;
    const token = randomBytes(300).toString('base64url');
    tokens.set(token, time + TOKEN_MS);
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ SigninToken: token }),
    };
  };

  const login = (query: URLSearchParams): Reply => {
    const names = [...query.keys()].toSorted();
    if (names.join() !== 'Action,Destination,Issuer,SigninToken') return bad;
    const until = tokens.get(query.get('SigninToken') ?? '') ?? 0;
    if (time >= until) return bad;
    const destination = query.get('Destination') ?? '';
    const where = URL.parse(destination)?.hostname ?? '';
    if (where !== host && !where.endsWith(`.${host}`)) return bad;
    return { status: 302, headers: { location: destination, 'set-cookie': 'aws-creds=1; Secure; HttpOnly' } };
  };

  const judge = (request: IncomingMessage): Reply => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (url.pathname !== '/federation') return { status: 404 };
    if (request.method !== 'GET') return { status: 405 };
    const names = [...url.searchParams.keys()];
    if (new Set(names).size !== names.length) return bad;
    const action = url.searchParams.get('Action');
    if (action === 'getSigninToken') return makeToken(url.searchParams);
    return action === 'login' ? login(url.searchParams) : bad;
  };

  const server = createServer((request, response) => {
    seen.push(request.url ?? '');
    if (fixed === 'silence') return void request.socket.destroy();
    const { status, headers, body } = fixed === 'usual' ? judge(request) : { ...fixed, headers: {} };
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.after(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  // Safe: a server that listens on a TCP port has an address object.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/federation`,
    seen,
    answerWith: (answer) => (fixed = answer),
    setTime: (at) => (time = at),
  };
}

/** Exactly the three texts that the guide names. */
function readSession(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    return Object.keys(value).toSorted().join() === 'sessionId,sessionKey,sessionToken' ? { ...value } : null;
  } catch {
    return null;
  }
}
