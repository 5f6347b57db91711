/**
 * What would be issued in a cluster, for people and for policy.
 * @module
 */
import { ACCESS_LEVELS, BREADTHS, highest } from '../../core/access.ts';
import type { Plan, RevocationClass } from '../../core/access.ts';
import { formatDuration } from '../../core/duration.ts';
import { actionText, kindText } from './action.ts';
import { accessOf, actsAsAccounts, isStream } from './level.ts';
import { isSameKind } from './narrow.ts';
import type { Clause, Narrowed } from './narrow.ts';
import { CLUSTER } from './resource.ts';
import type { Place } from './resource.ts';
import { rulesOf, rulesText } from './rules.ts';
import { SHORTEST_TOKEN } from './target.ts';
import type { KubernetesTarget } from './target.ts';

/**
 * Seconds for which an API server may still take a token whose Secret is gone: it keeps successful authentications for 10
 * (kubernetes/kubernetes, pkg/kubeapiserver/options/authentication.go, `TokenSuccessCacheTTL`), and every server of the
 * cluster hears of the deletion by a watch.
 */
export const SETTLE_SECONDS = 15;
/**
 * Seconds for which a token is taken after its end: the leeway of its check (pkg/serviceaccount/claims.go, go-jose's
 * `DefaultLeeway`), and the same cache.
 */
export const LEEWAY_SECONDS = 70;

/** Of every target alike. */
export const REVOCATION: RevocationClass = { kind: 'within', seconds: SETTLE_SECONDS };

const RESIDUAL = SHORTEST_TOKEN + LEEWAY_SECONDS;

/** Throws `ERR_PERMISSION_SIZE`. */
export function planOf(target: KubernetesTarget, narrowed: readonly Narrowed[]): Plan {
  const clauses = narrowed.flatMap((one) => one.clauses);
  const assessments = narrowed.map(({ assessment }) => assessment);
  return {
    target: target.name,
    permission: rulesText(rulesOf(clauses)),
    words: [
      `as a service account of its own, at ${target.access.server}`,
      ...new Set(clauses.flatMap(clauseWords)),
      ...caveats(clauses),
      `revoked within ${formatDuration(SETTLE_SECONDS)}: the account, its role and what its token hangs on are deleted`,
      `kubernetes knows no end of a role: were every broker dead, access would end with the last token, at most ${formatDuration(RESIDUAL)} after the grant`,
    ],
    assessment: {
      access:
        highest(
          ACCESS_LEVELS,
          assessments.map(({ access }) => access),
        ) ?? 'permissions',
      breadth:
        highest(
          BREADTHS,
          assessments.map(({ breadth }) => breadth),
        ) ?? 'broad',
    },
    floorSeconds: SHORTEST_TOKEN,
    residualSeconds: RESIDUAL,
    revocation: REVOCATION,
  };
}

const PHRASES: Readonly<Record<string, string>> = {
  get: 'read',
  list: 'list',
  watch: 'watch',
  create: 'create',
  update: 'replace',
  patch: 'change',
  delete: 'delete',
  deletecollection: 'delete all at once of',
  'pods/attach': 'attach to',
  'pods/exec': 'run commands in',
  'pods/log': 'read the log of',
  'pods/portforward': 'forward ports to',
};

/** Such as: run commands in pods web-1 of namespace shop, with pods/exec (permissions). */
function clauseWords({ action, places }: Clause): readonly string[] {
  const text = actionText(action);
  const phrase = PHRASES[text] ?? PHRASES[action.verbs[0] ?? ''] ?? text;
  const object = action.subresource === null || text in PHRASES ? '' : `${action.subresource} of `;
  return [...Map.groupBy(places, ({ scope }) => scope)].map(([scope, own]) => {
    const where = scope === CLUSTER ? 'of the cluster' : `of namespace ${scope}`;
    return `${phrase} ${object}${kindText(action)} ${namesOf(own)} ${where}, with ${text} (${accessOf(action)})`;
  });
}

function namesOf(places: readonly Place[]): string {
  const names = places.flatMap(({ name }) => (name === null ? [] : [name]));
  return names.length < places.length ? '(all)' : names.join(', ');
}

/** Whether kubectl needs more than was asked for: before it uses a subresource it reads what that belongs to. */
function readsFirst({ action, places }: Clause, clauses: readonly Clause[]): boolean {
  if (action.subresource === null) return false;
  const read = clauses
    .filter((other) => other.action.subresource === null && other.action.verbs.includes('get'))
    .filter((other) => isSameKind(other.action, action))
    .flatMap((other) => other.places);
  return !places.every(({ scope, name }) =>
    read.some((one) => one.scope === scope && (one.name === null || one.name === name)),
  );
}

function caveats(clauses: readonly Clause[]): readonly string[] {
  const actions = clauses.map(({ action }) => action);
  const named = clauses.some(
    ({ action: { verbs }, places }) =>
      verbs.some((verb) => verb === 'list' || verb === 'watch') && places.some(({ name }) => name !== null),
  );
  const unread = clauses.flatMap((clause) => (readsFirst(clause, clauses) ? [`${kindText(clause.action)}/get`] : []));
  const handsOut = actions.some((action) => accessOf(action) === 'permissions' && !actsAsAccounts(action));
  return [
    ...[...new Set(unread)].map((get) => `kubectl reads the object itself first, which takes ${get} beside it`),
    ...(named ? ['one name is listed or watched with --field-selector metadata.name=NAME only'] : []),
    ...(actions.some(actsAsAccounts)
      ? ['whoever holds it can act as every service account that containers of the namespace can run as']
      : []),
    ...(handsOut ? ['what it shows or makes may give access that stays after the grant has ended'] : []),
    ...(actions.some(isStream)
      ? ['streams that are open when it ends (exec, port-forward, log, watch) are not cut']
      : []),
  ];
}
