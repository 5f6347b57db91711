/**
 * SPIFFE: a JWT-SVID from the agent on this machine, which finds out by itself which process asks.
 * @module
 */
import { isIP } from 'node:net';
import { display } from '../../core/display.ts';
import { isLocal } from './ask.ts';
import { type Attempt, bounded, persistently } from './bounded.ts';
import { noAnswer, notSignedIn, said } from './fault.ts';
import { readToken } from './jwt.ts';
import { JWT, type WorkloadSource, variable } from './source.ts';
import type { Address } from './unary-call.ts';
import { STATUS } from './unary-reply.ts';
import type { Fetched, Svid } from './workload-api.ts';

const LABEL = 'the SPIFFE agent';
const SOCKET = 'SPIFFE_ENDPOINT_SOCKET';

export interface SpiffeParts {
  readonly now: () => number;
  readonly limitMs: number;
  readonly platform: NodeJS.Platform;
}

/**
 * The socket is the one in SPIFFE_ENDPOINT_SOCKET. Of several identities the first is taken, which the specification makes
 * the default, unless JIT_SPIFFE_ID names one. An agent keeps a JWT-SVID and hands it out again, so the proof counts as fixed.
 */
export function spiffeSource({ now, limitMs, platform }: SpiffeParts): WorkloadSource {
  return {
    name: 'spiffe',
    label: 'SPIFFE',
    detect: (env) => {
      const address = variable(env, SOCKET);
      return address !== undefined && !(platform === 'win32' && address.startsWith('unix:'));
    },
    fetch: async ({ audience, env, signal }) => {
      const address = addressOf(variable(env, SOCKET));
      const spiffeId = variable(env, 'JIT_SPIFFE_ID') ?? '';
      if (spiffeId !== '' && !/^spiffe:\/\/[^/\s]+\/\S+$/.test(spiffeId)) {
        throw notSignedIn('JIT_SPIFFE_ID is not a SPIFFE ID', 'write it like spiffe://example.org/ci/deploy');
      }
      const { fetchJwtSvids } = await import('./workload-api.ts');
      const svids = await bounded({ label: LABEL, signal, limitMs }, (limited) =>
        persistently(limited, async () =>
          judge(await fetchJwtSvids({ address, audience, spiffeId, limitMs, signal: limited })),
        ),
      );
      const svid = choose(svids, spiffeId);
      const hint = 'look at the agent: its clock, and how long its JWT-SVIDs live';
      return {
        token: readToken(svid.token, { what: `the JWT-SVID of ${LABEL}`, audience, now: now(), hint }),
        type: JWT,
        renewal: 'fixed',
      };
    },
  };
}

/** Section 4 of the specification of the Workload Endpoint: an absolute path, or an IP address and a port, and nothing else. */
function addressOf(address: string | undefined): Address {
  const hint = `set ${SOCKET} to the socket of the agent, such as unix:///run/spire/agent/public/api.sock`;
  if (address === undefined) throw notSignedIn(`${SOCKET} is not set`, hint);
  const url = URL.parse(address);
  const bare = url !== null && url.username === '' && url.password === '' && !/[?#]/.test(address);
  if (bare && url.protocol === 'unix:' && url.host === '' && url.pathname.startsWith('/')) {
    return { path: decodePath(url.pathname) };
  }
  const host = url?.hostname.replace(/^\[|\]$/g, '') ?? '';
  if (bare && url.protocol === 'tcp:' && isIP(host) !== 0 && url.port !== '' && url.pathname === '') {
    // The specification wants the network itself to tell who asks; beyond this machine nothing says that it can.
    if (!isLocal(host)) throw notSignedIn(`${SOCKET} is on another machine`, hint);
    return { host, port: Number(url.port) };
  }
  throw notSignedIn(`${SOCKET} is neither unix:///path nor tcp://address:port`, hint);
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Appendix A of the specification. */
function judge(fetched: Fetched): Attempt<readonly Svid[]> {
  if (fetched.kind === 'svids') return { value: fetched.svids };
  const { code } = fetched;
  const details = fetched.details === '' ? '' : ` (${said(fetched.details)})`;
  switch (code) {
    case STATUS.permissionDenied:
      // It may be that the entry was made a moment ago and the agent has not heard of it.
      return {
        passing: notSignedIn(
          `${LABEL} knows no identity for this process${details}`,
          'register an entry whose selectors fit this process, or its user, with the SPIRE server',
        ),
      };
    case STATUS.invalidArgument:
      throw notSignedIn(
        `${LABEL} refuses the question${details}`,
        'check JIT_SPIFFE_ID and the audience of the broker',
      );
    case STATUS.unimplemented:
      throw notSignedIn(`${LABEL} gives out no JWT-SVIDs${details}`, 'switch its JWT-SVID profile on');
    case STATUS.unavailable:
      throw noAnswer(LABEL, `it is not available${details}`);
    default:
      throw noAnswer(LABEL, `it answers with status ${code}${details}`);
  }
}

function choose(svids: readonly Svid[], spiffeId: string): Svid {
  const svid = spiffeId === '' ? svids[0] : svids.find((each) => each.spiffeId === spiffeId);
  if (svid !== undefined) return svid;
  const whom =
    spiffeId === '' ? 'no identity for this process' : `no identity ${display(spiffeId, 200)} for this process`;
  throw notSignedIn(`${LABEL} has ${whom}`, 'register an entry whose selectors fit this process with the SPIRE server');
}
