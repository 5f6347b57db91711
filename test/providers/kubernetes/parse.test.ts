/**
 * Operations and resources as people type them: one spelling each, nothing reached that was not named, what escapes refused.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { JitError } from '../../../src/core/errors.ts';
import { VERBS, actionText, parseAction } from '../../../src/providers/kubernetes/action.ts';
import { BUILTIN } from '../../../src/providers/kubernetes/builtin.ts';
import { narrow } from '../../../src/providers/kubernetes/narrow.ts';
import { parsePlace, placeText } from '../../../src/providers/kubernetes/resource.ts';
import { rulesOf } from '../../../src/providers/kubernetes/rules.ts';
import { permission } from './support.ts';

const REACH = { home: 'jit-grants', allowed: null };

const label = fc.stringMatching(/^[a-z](?:[a-z0-9-]{0,8}[a-z0-9])?$/);
const group = fc.array(label, { minLength: 0, maxLength: 3 }).map((parts) => parts.join('.'));
const kind = fc.tuple(label, group).map(([resource, name]) => (name === '' ? resource : `${resource}.${name}`));
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9:._-]{0,20}$/);
const isVerb = (text: string): boolean => VERBS.some((verb) => verb === text);
const ESCAPES = ['approve', 'attest', 'bind', 'escalate', 'impersonate', 'sign', 'use'];

function refusal(work: () => unknown): JitError {
  try {
    work();
  } catch (thrown) {
    assert(thrown instanceof JitError, String(thrown));
    assert(['ERR_OPERATION', 'ERR_RESOURCE', 'ERR_PERMISSION_SIZE'].includes(thrown.code), thrown.code);
    assert.match(thrown.message, /^[\x20-\x7e]*[^.]$/);
    return thrown;
  }
  return assert.fail('it was taken');
}

test('an operation of any kind and verb is read and written the same way', () => {
  fc.assert(
    fc.property(kind, fc.constantFrom(...VERBS), fc.option(label, { nil: null }), (typed, verb, subresource) => {
      fc.pre(subresource === null || !(isVerb(subresource) || ESCAPES.includes(subresource)));
      const text = subresource === null ? `${typed}/${verb}` : `${typed}/${subresource}/${verb}`;
      fc.pre(!/^pods\/(?:attach|exec|log|portforward)\//.test(text));
      assert.equal(actionText(parseAction(text)), text);
      assert.deepEqual(parseAction(text).verbs, [verb]);
    }),
  );
  for (const [whole, verbs] of [
    ['pods/exec', ['create', 'get']],
    ['pods/attach', ['create', 'get']],
    ['pods/portforward', ['create', 'get']],
    ['pods/log', ['get']],
  ] as const) {
    assert.equal(actionText(parseAction(whole)), whole);
    assert.deepEqual(parseAction(whole).verbs, verbs);
  }
});

test('a resource of any name is read and written the same way', () => {
  fc.assert(
    fc.property(
      fc.oneof(label, fc.constant('_cluster')),
      kind,
      fc.oneof(name, fc.constant('*')),
      (scope, typed, own) => {
        const text = `${scope}/${typed}/${own}`;
        assert.equal(placeText(parsePlace(text)), text);
      },
    ),
  );
});

test('any text at all is read as exactly itself or refused in a clean sentence', () => {
  const noise = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc
      .array(fc.oneof(label, fc.constantFrom('*', '..', '.', '', '%2f', '\n', '\0', '_cluster', 'pods', 'get')), {
        maxLength: 5,
      })
      .map((parts) => parts.join('/')),
  );
  fc.assert(
    fc.property(noise, (text) => {
      for (const [read, write] of [
        [parseAction, (value: unknown) => actionText(value as ReturnType<typeof parseAction>)],
        [parsePlace, (value: unknown) => placeText(value as ReturnType<typeof parsePlace>)],
      ] as const) {
        let value: unknown;
        try {
          value = read(text);
        } catch {
          refusal(() => read(text));
          continue;
        }
        // It was made by the reader that belongs to this writer.
        assert.equal(write(value), text);
      }
    }),
  );
});

test('what is written wrongly says what is right', () => {
  for (const [text, hint] of [
    ['pods', /write it as pods\/get/],
    ['pods/get/web-1', /write it as/],
    ['Pods/get', /write it as/],
    ['pods/GET', /write it as/],
    ['pods/lst', /did you mean pods\/list/],
    ['pods/exce', /did you mean pods\/exec/],
    ['pods/exec/create', /write it as pods\/exec/],
    ['pods/log/get', /write it as pods\/log/],
    ['deployments.apps/scale', /a subresource has one too/],
    ['pods/*', /write it as/],
    ['*/*', /write it as/],
    ['roles/bind', /what you need it for/],
    ['users/impersonate', /what you need it for/],
    [`${'p'.repeat(500)}/get`, /write it as/],
  ] as const) {
    assert.match(refusal(() => parseAction(text)).hint ?? '', hint, text);
  }
  for (const [text, hint] of [
    ['web-1', /namespace\/kind\/name/],
    ['shop/pods', /namespace\/kind\/name/],
    ['shop/pods/web-1/exec', /namespace\/kind\/name/],
    ['*/pods/*', /name each namespace/],
    ['shop/pods/web-*', /shop\/pods\/\*/],
    ['_all/pods/*', /namespace\/kind\/name/],
    ['Shop/pods/web-1', /namespace\/kind\/name/],
    ['shop/pods/-x', /namespace\/kind\/name/],
  ] as const) {
    assert.match(refusal(() => parsePlace(text)).hint ?? '', hint, text);
  }
});

test('no combination of what every cluster has can be granted that rules do not bound to what was named', () => {
  const wanted = fc.record({
    known: fc.constantFrom(...BUILTIN),
    verb: fc.constantFrom(...VERBS),
    place: fc.oneof(name, fc.constant('*')),
    scope: fc.constantFrom('shop', 'jit-grants', '_cluster', 'kube-system'),
  });
  fc.assert(
    fc.property(wanted, ({ known, verb, place, scope }) => {
      const text = known.group === '' ? known.resource : `${known.resource}.${known.group}`;
      const asked = permission(`${text}/${verb}`, `${scope}/${text}/${place}`);
      const mustRefuse =
        scope === 'jit-grants' ||
        scope === 'kube-system' ||
        known.namespaced !== (scope === 'shop') ||
        (place !== '*' && (verb === 'create' || verb === 'deletecollection'));
      if (mustRefuse) return void refusal(() => narrow(REACH, asked));
      let clauses;
      try {
        clauses = narrow(REACH, asked).clauses;
      } catch (thrown) {
        assert(thrown instanceof JitError && !['get', 'list', 'watch'].includes(verb), String(thrown));
        return;
      }
      const base = { apiGroups: [known.group], resources: [known.resource], verbs: [verb] };
      const rule = place === '*' ? base : { ...base, resourceNames: [place] };
      assert.deepEqual(rulesOf(clauses), [{ scope, rules: [rule] }]);
    }),
    { numRuns: 500 },
  );
});

test('several operations and places become the fewest rules, in one order, whatever order they came in', () => {
  const actions = ['pods/get', 'pods/delete', 'pods/exec', 'deployments.apps/get'];
  const places = ['shop/pods/web-2', 'shop/pods/web-1', 'bank/pods/*', 'shop/deployments.apps/web', 'bank/pods/web-1'];
  const expected = [
    {
      scope: 'bank',
      rules: [
        { apiGroups: [''], resources: ['pods'], verbs: ['get', 'delete'] },
        { apiGroups: [''], resources: ['pods/exec'], verbs: ['get', 'create'] },
      ],
    },
    {
      scope: 'shop',
      rules: [
        { apiGroups: [''], resources: ['pods'], resourceNames: ['web-1', 'web-2'], verbs: ['get', 'delete'] },
        { apiGroups: [''], resources: ['pods/exec'], resourceNames: ['web-1', 'web-2'], verbs: ['get', 'create'] },
        { apiGroups: ['apps'], resources: ['deployments'], resourceNames: ['web'], verbs: ['get'] },
      ],
    },
  ];
  for (const [asked, where] of [
    [actions, places],
    [actions.toReversed(), places.toReversed()],
  ] as const) {
    const { clauses } = narrow(REACH, permission(asked, ...where));
    const found = rulesOf(clauses);
    assert.deepEqual(found, expected);
  }
});

test('each permission is judged by what its holder could do with it', () => {
  for (const [action, place, access, breadth] of [
    ['pods/get', 'shop/pods/web-1', 'read', 'exact'],
    ['pods/list', 'shop/pods/*', 'read', 'within'],
    ['nodes/list', '_cluster/nodes/*', 'read', 'broad'],
    ['pods/log', 'shop/pods/web-1', 'read', 'exact'],
    ['pods/delete', 'shop/pods/web-1', 'write', 'exact'],
    ['pods/eviction/create', 'shop/pods/web-1', 'write', 'exact'],
    ['pods/portforward', 'shop/pods/web-1', 'write', 'exact'],
    ['services/proxy/get', 'shop/services/web', 'write', 'exact'],
    ['deployments/scale/update', 'shop/deployments/web', 'write', 'exact'],
    ['deployments/delete', 'shop/deployments/web', 'write', 'exact'],
    ['pods/exec', 'shop/pods/web-1', 'permissions', 'exact'],
    ['pods/attach', 'shop/pods/web-1', 'permissions', 'exact'],
    ['pods/ephemeralcontainers/patch', 'shop/pods/web-1', 'permissions', 'exact'],
    ['pods/create', 'shop/pods/*', 'permissions', 'within'],
    ['deployments/patch', 'shop/deployments/web', 'permissions', 'exact'],
    ['cronjobs/update', 'shop/cronjobs/backup', 'permissions', 'exact'],
    ['secrets/get', 'shop/secrets/db', 'permissions', 'exact'],
    ['secrets/list', 'shop/secrets/*', 'permissions', 'within'],
    ['secrets/delete', 'shop/secrets/db', 'write', 'exact'],
    ['rolebindings/create', 'shop/rolebindings/*', 'permissions', 'within'],
    ['roles.rbac.authorization.k8s.io/get', 'shop/roles/viewer', 'read', 'exact'],
    ['persistentvolumes/create', '_cluster/persistentvolumes/*', 'permissions', 'broad'],
    ['namespaces/patch', '_cluster/namespaces/shop', 'permissions', 'exact'],
  ] as const) {
    assert.deepEqual(narrow(REACH, permission(action, place)).assessment, { access, breadth }, action);
  }
});

test('a target reaches the namespaces that it lists, those of Kubernetes only when listed, and its own accounts never', () => {
  const reach = { home: 'jit-grants', allowed: ['shop', 'kube-system'] };
  assert.equal(narrow(reach, permission('pods/get', 'shop/pods/a')).clauses.length, 1);
  assert.equal(narrow(reach, permission('pods/get', 'kube-system/pods/a')).clauses.length, 1);
  assert.match(refusal(() => narrow(reach, permission('pods/get', 'bank/pods/a'))).hint ?? '', /shop, kube-system/);
  refusal(() => narrow(reach, permission('nodes/get', '_cluster/nodes/n1')));
  refusal(() => narrow(REACH, permission('pods/get', 'kube-system/pods/a')));
  refusal(() => narrow(reach, permission('pods/get', 'jit-grants/pods/a')));
  const whole = { home: 'jit-grants', allowed: ['shop', '_cluster'] };
  assert.equal(narrow(whole, permission('namespaces/delete', '_cluster/namespaces/shop')).clauses.length, 1);
  assert.equal(narrow(whole, permission('namespaces/get', '_cluster/namespaces/bank')).clauses.length, 1);
  refusal(() => narrow(whole, permission('namespaces/delete', '_cluster/namespaces/bank')));
  refusal(() => narrow(REACH, permission('namespaces/patch', '_cluster/namespaces/kube-system')));
});

test('every operation has a place and every place an operation', () => {
  const message = (asked: ReturnType<typeof permission>): string => refusal(() => narrow(REACH, asked)).message;
  assert.match(message(permission('pods/get')), /none is named/);
  assert.match(
    message(permission(['pods/get', 'configmaps/get'], 'shop/pods/web-1')),
    /not a resource of configmaps\/get/,
  );
  assert.match(message(permission('pods/get', 'shop/pods/a', 'shop/services/b')), /not a resource of pods\/get/);
  assert.match(message(permission([], 'shop/pods/a')), /lists no action/);
});
