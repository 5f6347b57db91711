/**
 * A cluster as the broker sees it: the generated client of Kubernetes, loaded on first use, with a deadline for each call.
 * @module
 */
import type {
  ApisApi,
  AuthorizationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  RbacAuthorizationV1Api,
  SecurityAuthentication,
} from '@kubernetes/client-node';
import type * as Client from '@kubernetes/client-node';
import { JitError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { CallError, judge } from './failure.ts';
import { isAuthority } from './target.ts';
import type { Access, ReadText } from './target.ts';
import { transport } from './transport.ts';
import type { Transport } from './transport.ts';

export interface Apis {
  readonly core: CoreV1Api;
  readonly rbac: RbacAuthorizationV1Api;
  readonly groups: ApisApi;
  readonly custom: CustomObjectsApi;
  readonly authorization: AuthorizationV1Api;
}

export interface Cluster {
  readonly access: Access;
  /**
   * One call, within ten seconds and within the life of the signal that the cluster was opened with. Throws `CallError`.
   * @param doing for messages, such as `create role shop/jit-…`.
   */
  call<T>(doing: string, work: (apis: Apis) => Promise<T>): Promise<T>;
}

/** Reads a secret from a file, each time anew. */
export type ReadSecret = (path: string) => Promise<Secret<string>>;

/**
 * @param token null for the broker's own, which is read from its file.
 * Throws `ERR_CLOUD` when the broker's token or the authority cannot be read: nothing has been sent.
 */
export type Connect = (access: Access, signal: AbortSignal, token?: Secret<string>) => Promise<Cluster>;

const DEADLINE_MS = 10_000;

export function connector(deps: { readonly readSecret: ReadSecret; readonly readText: ReadText }): Connect {
  let loaded: Promise<Loaded> | null = null;
  return async (access, signal, token) => {
    const bearer = bearerAuth(token ?? (await ownToken(access, deps.readSecret)));
    const authority = authorityOf(access, deps.readText);
    loaded ??= load();
    const { module, send } = await loaded;
    const apisFor = (within: AbortSignal): Apis => {
      const configuration = module.createConfiguration({
        baseServer: new module.ServerConfiguration(access.server, {}),
        httpApi: module.wrapHttpLibrary(send(within, authority)),
        authMethods: { default: bearer },
      });
      return {
        core: new module.CoreV1Api(configuration),
        rbac: new module.RbacAuthorizationV1Api(configuration),
        groups: new module.ApisApi(configuration),
        custom: new module.CustomObjectsApi(configuration),
        authorization: new module.AuthorizationV1Api(configuration),
      };
    };
    return {
      access,
      call: async (doing, work) => {
        if (signal.aborted) throw new CallError({ kind: 'busy', name: 'aborted', status: null, message: '' }, doing);
        try {
          return await work(apisFor(AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)])));
        } catch (thrown) {
          throw new CallError(judge(thrown), doing);
        }
      },
    };
  };
}

interface Loaded {
  readonly module: typeof Client;
  readonly send: Transport;
}

async function load(): Promise<Loaded> {
  const module = await import('@kubernetes/client-node');
  const send = transport(({ status, headers, body }) => {
    const text = async (): Promise<string> => await Promise.resolve(body.toString('utf8'));
    const binary = async (): Promise<Buffer> => await Promise.resolve(body);
    return new module.ResponseContext(status, headers, { text, binary, stream: () => null });
  });
  return { module, send };
}

function bearerAuth(token: Secret<string>): SecurityAuthentication {
  return {
    getName: () => 'bearer',
    applySecurityAuthentication: (context) => {
      context.setHeaderParam('Authorization', `Bearer ${token.expose()}`);
    },
  };
}

/** RFC 6750, section 2.1: what a bearer token is made of. */
const BEARER = /^[A-Za-z0-9._~+/=-]{1,16384}$/;

async function ownToken({ tokenFile }: Access, readSecret: ReadSecret): Promise<Secret<string>> {
  const hint = `put the token of the broker's own account into ${tokenFile}`;
  let text: Secret<string>;
  try {
    text = await readSecret(tokenFile);
  } catch (thrown) {
    throw new JitError({ code: 'ERR_CLOUD', message: 'token_file of the target cannot be read', hint, cause: thrown });
  }
  const token = text.expose().trim();
  if (BEARER.test(token)) return new Secret(token);
  throw new JitError({ code: 'ERR_CLOUD', message: 'token_file of the target holds no token', hint });
}

function authorityOf({ authority, authorityFile }: Access, readText: ReadText): string | null {
  if (authorityFile === null) return authority;
  const hint = `put the authority of the API server into ${authorityFile}`;
  let text: string;
  try {
    text = readText(authorityFile);
  } catch (thrown) {
    const message = 'authority_file of the target cannot be read';
    throw new JitError({ code: 'ERR_CLOUD', message, hint, cause: thrown });
  }
  if (isAuthority(text)) return text;
  throw new JitError({ code: 'ERR_CLOUD', message: 'authority_file of the target holds no certificates', hint });
}
