/**
 * Azure Resource Manager and Entra ID on one loopback TLS port: the parts that a provider of role assignments uses, with
 * bodies held to the published specifications both ways.
 * @module
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { JSONWebKeySet } from 'jose';
import { makeCertificate } from '../../support/certificate.ts';
import type { OutageKind } from '../../providers/contract/rig.ts';
import { makeEntra } from './entra.ts';
import type { Federation } from './entra.ts';
import { makeIdentities } from './identities.ts';
import { makeRbac } from './rbac.ts';
import { problems } from './schema.ts';
import { assignmentView, operationsView, requestView, roleView, scheduleView } from './views.ts';
import { BROKER, IDENTITY_GROUP, OPERATIONS, ROLES, SUBSCRIPTION, fault, holds } from './world.ts';
import type { Reply } from './world.ts';

export type FakeAzure = Awaited<ReturnType<typeof fakeAzure>>;

const AUTHORIZATION = '/providers/microsoft.authorization/';
const IDENTITY =
  /^\/subscriptions\/([^/]+)\/resourcegroups\/([^/]+)\/providers\/microsoft\.managedidentity\/userassignedidentities(?:\/([^/]+))?(?:\/federatedidentitycredentials\/([^/]+))?$/i;
const VERSIONS: Readonly<Record<string, string>> = {
  roleassignments: '2022-04-01',
  roledefinitions: '2022-04-01',
  provideroperations: '2022-04-01',
  roleassignmentschedulerequests: '2020-10-01',
  roleassignmentschedules: '2020-10-01',
  userassignedidentities: '2024-11-30',
};

/** @param parts.people object ids of accounts in the directory. @param parts.keys of the issuer that the broker is. */
export async function fakeAzure(parts: {
  readonly now: () => number;
  readonly keys: () => JSONWebKeySet;
  readonly brokerTrust: Federation;
  readonly people: readonly string[];
}) {
  const { now, keys, brokerTrust, people } = parts;
  const { cert, key } = await (certificate ??= makeOnce());
  const trusted = getCACertificates('default');
  setDefaultCACertificates([...trusted, cert]);

  const groups = [IDENTITY_GROUP, `${IDENTITY_GROUP}-2`].map((group) => `${SUBSCRIPTION}/${group}`);
  const identities = makeIdentities(new Set(groups));
  const rbac = makeRbac(now, (id) => people.includes(id) || identities.knows(id));
  const broker = { principalId: BROKER, federations: () => [brokerTrust], clock: 'real' } as const;
  const entra = makeEntra({ now, keys, client: (id) => (id === BROKER ? broker : identities.client(id)) });
  const log: string[] = [];
  const wrong: string[] = [];
  /** A small page has whoever lists follow links. */
  const paging = { size: 100 };
  let outage: { readonly kind: OutageKind; left: number } | null = null;
  /** Codes that calls whose line matches are refused with, once each. */
  const refusals: { readonly line: RegExp; readonly reply: Reply }[] = [];

  const server = createServer({ cert, key }, (request, response) => {
    void serve(request, response).catch((thrown: unknown) => {
      wrong.push(String(thrown));
      send(response, fault(500, 'InternalServerError', 'echo-canary'));
    });
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(`https://azure.invalid${request.url ?? '/'}`);
    const line = `${request.method ?? ''} ${decodeURIComponent(url.pathname)}`;
    log.push(line);
    const present = outage;
    const broken = present !== null && present.left <= 0 ? present.kind : null;
    if (present !== null) present.left -= 1;
    if (broken === 'black-hole') return;
    if (broken === 'down') return void request.socket.destroy();
    const text = (await buffer(request)).toString('utf8');
    if (broken === 'throttled')
      return send(response, fault(429, 'TooManyRequests', 'echo-canary'), { 'retry-after': '1' });
    if (broken === 'denied' && !url.pathname.includes('/v2.0/')) {
      return send(response, fault(403, 'AuthorizationFailed', 'echo-canary'));
    }
    const reply = await answer(request, url, text, line);
    if (broken === 'reply-lost') return void request.socket.destroy();
    send(response, reply);
  }

  async function answer(request: IncomingMessage, url: URL, text: string, line: string): Promise<Reply> {
    if (url.pathname.endsWith('/v2.0/.well-known/openid-configuration'))
      return discovery(url.pathname.split('/')[1] ?? '');
    if (url.pathname === '/common/discovery/instance') return { status: 200, body: INSTANCES };
    if (url.pathname.endsWith('/oauth2/v2.0/token')) return await entra.exchange(new URLSearchParams(text));
    const principal = entra.bearer(request.headers.authorization);
    if (principal === null) return fault(401, 'InvalidAuthenticationToken', 'echo-canary');
    const refusal = refusals.findIndex((one) => one.line.test(line));
    const [found] = refusal === -1 ? [] : refusals.splice(refusal, 1);
    if (found !== undefined) return found.reply;
    const path = decodeURIComponent(url.pathname);
    const [, tried] = /^(.*)\/~try$/.exec(path) ?? [];
    if (tried !== undefined) {
      const operation = url.searchParams.get('operation') ?? '';
      return rbac.allows(principal, operation, tried)
        ? { status: 200, body: {} }
        : fault(403, 'AuthorizationFailed', 'x');
    }
    // All else here is administration, which is the broker's.
    if (principal !== BROKER) return fault(403, 'AuthorizationFailed', 'x');
    const body: unknown = text === '' ? null : JSON.parse(text);
    return manage({ method: request.method ?? '', path, url, body });
  }

  function manage(call: { method: string; path: string; url: URL; body: unknown }): Reply {
    const { method, path, url, body } = call;
    const [, subscription = '', group = '', name, federation] = IDENTITY.exec(path) ?? [];
    if (subscription !== '') {
      const bad = versionFault(url, 'userassignedidentities');
      if (bad !== null) return bad;
      if (federation !== undefined) {
        const place = { key: [subscription, group, name ?? ''] as const, name: federation };
        return checked(method, body, 'FederatedIdentityCredential', () => identities.federation(method, place, body));
      }
      if (name === undefined)
        return page(url, 'UserAssignedIdentitiesListResult', identities.list(subscription, group));
      if (method === 'DELETE') return identities.remove(subscription, group, name);
      if (method === 'GET') return checked(method, body, 'Identity', () => identities.get(subscription, group, name));
      return checked(method, body, 'Identity', () => identities.put(subscription, group, name, body));
    }
    if (path.includes('//')) return fault(400, 'InvalidRequestUri', path);
    const cut = path.toLowerCase().lastIndexOf(AUTHORIZATION);
    if (cut === -1) return fault(404, 'NotFound', path);
    const scope = path.slice(0, cut);
    const [type = '', one, verb] = path.slice(cut + AUTHORIZATION.length).split('/');
    const bad = versionFault(url, type.toLowerCase());
    if (bad !== null) return bad;
    switch (type.toLowerCase()) {
      case 'provideroperations':
        return operations(one ?? '');
      case 'roledefinitions':
        return roleDefinitions(scope, one, url);
      case 'roleassignments':
        return roleAssignments(call, scope, one);
      case 'roleassignmentschedulerequests':
        return scheduleRequests(call, scope, one, verb);
      case 'roleassignmentschedules':
        return page(url, 'RoleAssignmentScheduleListResult', filtered(url, scope).map(scheduleView));
      default:
        return fault(404, 'NotFound', path);
    }
  }

  function operations(namespace: string): Reply {
    const name = Object.keys(OPERATIONS).find((each) => each.toLowerCase() === namespace.toLowerCase());
    if (name === undefined) return fault(404, 'ProviderNotFound', 'x');
    return out('ProviderOperationsMetadata', { status: 200, body: operationsView(name, OPERATIONS[name] ?? []) });
  }

  function roleDefinitions(scope: string, guid: string | undefined, url: URL): Reply {
    const name = /^roleName eq '([^']*)'$/.exec(url.searchParams.get('$filter') ?? '')?.[1];
    const found = ROLES.filter((role) => (guid === undefined ? role.name === name : role.guid === guid.toLowerCase()));
    const views = found.map((role) => roleView(role, scope));
    if (guid === undefined) return page(url, 'RoleDefinitionListResult', views);
    const [view] = views;
    return view === undefined
      ? fault(404, 'RoleDefinitionDoesNotExist', 'x')
      : out('RoleDefinition', { status: 200, body: view });
  }

  function roleAssignments({ method, url, body }: Parameters<typeof manage>[0], scope: string, name?: string): Reply {
    if (name === undefined) return page(url, 'RoleAssignmentListResult', filtered(url, scope).map(assignmentView));
    if (method === 'DELETE') return shown(rbac.remove(scope, name), assignmentView);
    const wrongBody = problems('RoleAssignmentCreateParameters', body, 'client');
    if (wrongBody.length > 0) return badBody(wrongBody);
    // Checked just above.
    const { properties } = body as { properties: unknown };
    return out('RoleAssignment', shown(rbac.put(scope, name, properties), assignmentView));
  }

  function scheduleRequests(
    { method, url, body }: Parameters<typeof manage>[0],
    scope: string,
    name?: string,
    verb?: string,
  ): Reply {
    if (name === undefined) {
      const filter = url.searchParams.get('$filter') ?? '';
      const principal = /^principalId eq '([^']+)'$/.exec(filter)?.[1];
      const all = [...rbac.requests.values()].filter(
        (one) =>
          (holds(scope, one.scope) || holds(one.scope, scope)) &&
          (filter === 'asRequestor()' ? one.by === BROKER : one.body.principalId === principal),
      );
      return page(url, 'RoleAssignmentScheduleRequestListResult', all.map(requestView));
    }
    if (method === 'POST' && verb === 'cancel') return rbac.cancel(name);
    if (method === 'GET') {
      const one = rbac.look(name);
      if (one === null) return fault(404, 'RoleAssignmentRequestNotFound', 'x');
      return out('RoleAssignmentScheduleRequest', { status: 200, body: requestView(one) });
    }
    const wrongBody = problems('RoleAssignmentScheduleRequest', body, 'client');
    if (wrongBody.length > 0) return badBody(wrongBody);
    // Checked just above.
    const { properties } = body as { properties: unknown };
    return out('RoleAssignmentScheduleRequest', shown(rbac.ask(scope, name, properties, BROKER), requestView));
  }

  function filtered(url: URL, scope: string) {
    const filter = url.searchParams.get('$filter') ?? '';
    const principal = /^principalId eq '([^']+)'$/.exec(filter)?.[1];
    return rbac
      .current()
      .filter((one) => {
        const near = holds(one.scope, scope) || (filter !== 'atScope()' && holds(scope, one.scope));
        return near && (principal === undefined || one.principalId === principal);
      })
      .map((one) => ({ one, request: one.request === null ? null : (rbac.requests.get(one.request) ?? null) }));
  }

  function discovery(tenant: string): Reply {
    const base = `${origin()}/${tenant}`;
    return {
      status: 200,
      body: {
        issuer: `${base}/v2.0`,
        token_endpoint: `${base}/oauth2/v2.0/token`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        jwks_uri: `${base}/discovery/v2.0/keys`,
      },
    };
  }

  function page(url: URL, name: string, all: readonly unknown[]): Reply {
    const skip = Number(url.searchParams.get('$skiptoken') ?? 0);
    const next = new URL(`${origin()}${url.pathname}${url.search}`);
    next.searchParams.set('$skiptoken', String(skip + paging.size));
    const value = all.slice(skip, skip + paging.size);
    const more = skip + paging.size < all.length;
    return out(name, { status: 200, body: more ? { value, nextLink: next.href } : { value } });
  }

  /** What is said has to be what the specification promises: a test that sees a 500 looks at `wrong`. */
  function out(name: string, reply: Reply): Reply {
    if (reply.status >= 300 || reply.body === null) return reply;
    const found = problems(name, reply.body, 'service');
    if (found.length === 0) return reply;
    wrong.push(...found);
    return fault(500, 'InternalServerError', 'x');
  }

  function checked(method: string, body: unknown, name: string, work: () => Reply): Reply {
    const found = method === 'PUT' ? problems(name, body, 'client') : [];
    return found.length > 0 ? badBody(found) : out(name, work());
  }

  function badBody(found: readonly string[]): Reply {
    wrong.push(...found);
    return fault(400, 'InvalidRequestContent', found.join('; '));
  }

  const origin = (): string => {
    // `listen` on a TCP port gives an address object.
    const { port } = server.address() as AddressInfo;
    return `https://127.0.0.1:${port}`;
  };

  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: origin(),
    /** PEM of the authority to trust. */
    cert,
    rbac,
    identities,
    entra,
    log,
    wrong,
    refusals,
    paging,
    calls: () => log.length,
    begin: (kind: OutageKind, after: number): (() => Promise<void>) => {
      outage = { kind, left: after };
      return async () => {
        outage = null;
        server.closeAllConnections();
        await Promise.resolve();
      };
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
      setDefaultCACertificates(trusted);
    },
  };
}

/** Which names Entra ID's public authority has, as it says itself. */
const INSTANCES = {
  tenant_discovery_endpoint: 'https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration',
  'api-version': '1.1',
  metadata: [
    {
      preferred_network: 'login.microsoftonline.com',
      preferred_cache: 'login.windows.net',
      aliases: ['login.microsoftonline.com', 'login.windows.net'],
    },
  ],
};

/** One for all stand-ins of a process. */
let certificate: Promise<{ readonly cert: string; readonly key: string }> | null = null;

async function makeOnce(): Promise<{ readonly cert: string; readonly key: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'jit-azure-'));
  try {
    // Also for Microsoft's own names, under which a program is led here through a proxy.
    const names = 'DNS:localhost,IP:127.0.0.1,DNS:login.microsoftonline.com,DNS:management.azure.com';
    const made = await makeCertificate(folder, 'azure', { names });
    return { cert: await readFile(made.cert, 'utf8'), key: await readFile(made.key, 'utf8') };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function versionFault(url: URL, type: string): Reply | null {
  const wanted = VERSIONS[type];
  const asked = url.searchParams.get('api-version');
  return wanted === undefined || asked === wanted
    ? null
    : fault(400, 'InvalidApiVersionParameter', `${type} ${asked ?? ''}`);
}

function shown(reply: Reply, view: (one: never) => unknown): Reply {
  // What a part answers with a success is what its view is of.
  return reply.status < 300 && reply.body !== null ? { ...reply, body: view(reply.body as never) } : reply;
}

function send(response: ServerResponse, { status, body }: Reply, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(body === null ? undefined : JSON.stringify(body));
}
