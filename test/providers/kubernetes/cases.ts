/**
 * What a grant may and may not do, as requests that its holder could send.
 * @module
 */
import type { Permission } from '../../../src/core/request.ts';
import { permission } from './support.ts';

/** Lines that a holder may send, and lines that are denied. */
export interface Case {
  readonly what: string;
  readonly permission: Permission;
  readonly may: readonly (readonly [line: string, body?: unknown])[];
  readonly mayNot: readonly (readonly [line: string, body?: unknown])[];
}

export const PODS = '/api/v1/namespaces/shop/pods';
const APPS = '/apis/apps/v1/namespaces/shop/deployments';
const scale = {
  apiVersion: 'autoscaling/v1',
  kind: 'Scale',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { replicas: 2 },
};

export const CASES: readonly Case[] = [
  {
    what: 'one pod is read, and no other, in no other way',
    permission: permission('pods/get', 'shop/pods/web-1'),
    may: [[`GET ${PODS}/web-1`]],
    mayNot: [
      [`GET ${PODS}/web-2`],
      [`GET ${PODS}`],
      [`GET ${PODS}?fieldSelector=metadata.name%3Dweb-1`],
      [`GET ${PODS}/web-1/log`],
      [`GET ${PODS}/web-1/status`],
      [`DELETE ${PODS}/web-1`],
      ['GET /api/v1/namespaces/bank/pods/web-1'],
      ['GET /api/v1/namespaces/shop/configmaps/settings'],
      ['GET /api/v1/namespaces/shop'],
    ],
  },
  {
    what: 'all pods of a namespace are listed, and none of another',
    permission: permission('pods/list', 'shop/pods/*'),
    may: [[`GET ${PODS}`], [`GET ${PODS}?fieldSelector=metadata.name%3Dweb-2`]],
    mayNot: [[`GET ${PODS}/web-1`], ['GET /api/v1/pods'], ['GET /api/v1/namespaces/bank/pods'], [`DELETE ${PODS}`]],
  },
  {
    what: 'one pod is listed and watched by its name only, as the plan says',
    permission: permission(['pods/list', 'pods/watch'], 'shop/pods/web-1'),
    may: [
      [`GET ${PODS}?fieldSelector=metadata.name%3Dweb-1`],
      [`GET ${PODS}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dweb-1`],
    ],
    mayNot: [
      [`GET ${PODS}`],
      [`GET ${PODS}?watch=1`],
      [`GET ${PODS}?fieldSelector=metadata.name%3Dweb-2`],
      [`GET ${PODS}?fieldSelector=metadata.name!%3Dweb-2`],
      [`GET ${PODS}/web-1`],
    ],
  },
  {
    what: 'commands are run in one pod, by POST and by GET, and nothing is attached to',
    permission: permission('pods/exec', 'shop/pods/web-1'),
    may: [[`POST ${PODS}/web-1/exec?command=id`], [`GET ${PODS}/web-1/exec?command=id`]],
    mayNot: [
      [`POST ${PODS}/web-2/exec?command=id`],
      [`POST ${PODS}/web-1/attach`],
      [`POST ${PODS}/web-1/portforward`],
      [`GET ${PODS}/web-1`],
    ],
  },
  {
    what: 'the log of one pod is read, and not the pod',
    permission: permission('pods/log', 'shop/pods/web-1'),
    may: [[`GET ${PODS}/web-1/log`]],
    mayNot: [[`GET ${PODS}/web-2/log`], [`GET ${PODS}/web-1`]],
  },
  {
    what: 'one deployment is scaled, and not changed otherwise',
    permission: permission('deployments/scale/update', 'shop/deployments/web'),
    may: [[`PUT ${APPS}/web/scale`, scale]],
    mayNot: [
      [`GET ${APPS}/web/scale`],
      [`PATCH ${APPS}/web`, { metadata: { labels: { a: 'b' } } }],
      [`GET ${APPS}/web`],
    ],
  },
  {
    what: 'one node is read: what is in no namespace is written with _cluster',
    permission: permission('nodes/get', '_cluster/nodes/n1'),
    may: [['GET /api/v1/nodes/n1']],
    mayNot: [
      ['GET /api/v1/nodes/n2'],
      ['GET /api/v1/nodes'],
      ['GET /api/v1/nodes/n1/proxy/metrics'],
      [`GET ${PODS}/web-1`],
    ],
  },
  {
    what: 'places in two namespaces and in none are one grant',
    permission: permission(
      ['pods/get', 'nodes/list', 'configmaps/get'],
      'shop/pods/web-1',
      'bank/pods/web-2',
      '_cluster/nodes/*',
      'bank/configmaps/settings',
    ),
    may: [
      [`GET ${PODS}/web-1`],
      ['GET /api/v1/namespaces/bank/pods/web-2'],
      ['GET /api/v1/nodes'],
      ['GET /api/v1/namespaces/bank/configmaps/settings'],
    ],
    mayNot: [
      [`GET ${PODS}/web-2`],
      ['GET /api/v1/namespaces/bank/pods/web-1'],
      ['GET /api/v1/namespaces/shop/configmaps/settings'],
      ['GET /api/v1/nodes/n1'],
    ],
  },
];

/** What no grant can do, whatever it holds. */
export const NEVER: readonly (readonly [line: string, body?: unknown])[] = [
  ['GET /api/v1/namespaces/jit-grants/secrets'],
  ['GET /api/v1/namespaces/jit-grants/serviceaccounts'],
  ['GET /apis/rbac.authorization.k8s.io/v1/clusterroles'],
  ['POST /api/v1/namespaces/jit-grants/serviceaccounts/jit-broker/token', { spec: { audiences: [] } }],
];
