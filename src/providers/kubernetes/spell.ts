/**
 * A permission judged with what the cluster says it has: groups found, names checked, and what was meant suggested.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Permission } from '../../core/request.ts';
import { suggest } from '../../core/suggest.ts';
import { actionText, kindText } from './action.ts';
import type { Action, Kind } from './action.ts';
import { BUILTIN, builtin } from './builtin.ts';
import type { KnownKind } from './builtin.ts';
import { exactly, named } from './discovery.ts';
import type { Catalogue } from './discovery.ts';
import { builtinGroup, narrow, parse, scopeFits } from './narrow.ts';
import type { Group, Narrowed } from './narrow.ts';
import { rulesOf } from './rules.ts';
import type { KubernetesTarget } from './target.ts';

/** Reads a catalogue in which `has` is true, if there is one. Throws what calls throw. */
export type Look = (has: (catalogue: Catalogue) => boolean) => Promise<Catalogue>;

/**
 * The permission in its one spelling. What jit never gives is refused before the cluster is asked; what every cluster has is
 * understood while it cannot be asked. Throws `ERR_OPERATION`, `ERR_RESOURCE`, `ERR_PERMISSION_SIZE`, or what `look` throws.
 */
export async function spell(target: KubernetesTarget, permission: Permission, look: Look): Promise<Narrowed> {
  const asTyped = parse(target.reach, permission, builtinGroup);
  const kinds: readonly Kind[] = [...asTyped.actions, ...asTyped.places];
  const familiar = kinds.every((kind) => builtin(kind) !== null);
  // What can be refused without a call is.
  if (familiar) checkSize(narrow(target.reach, permission));
  const catalogue = await looked(familiar, async () => await look((seen) => kinds.every((kind) => isIn(seen, kind))));
  const groupOf = catalogue === null ? builtinGroup : groupIn(catalogue);
  const narrowed = narrow(target.reach, permission, groupOf);
  checkSize(narrowed);
  for (const { action, places } of narrowed.clauses) {
    const known = catalogue === null ? builtin(action) : exactly(catalogue, action);
    if (known === null) throw unknownKind(action, catalogue);
    checkAction(action, known);
    for (const place of places) {
      scopeFits(place, known.namespaced ? 'namespaced' : 'of the cluster');
    }
  }
  return narrowed;
}

async function looked(familiar: boolean, look: () => Promise<Catalogue>): Promise<Catalogue | null> {
  try {
    return await look();
  } catch (thrown) {
    if (familiar && thrown instanceof JitError) return null;
    throw thrown;
  }
}

function checkSize({ clauses }: Narrowed): void {
  rulesOf(clauses);
}

const isIn = (catalogue: Catalogue, kind: Kind): boolean =>
  kind.group === '' ? named(catalogue, kind.resource).length > 0 : exactly(catalogue, kind) !== null;

/**
 * Without a group it is the built-in kind of that name, or else the only one. Where there are several, nobody can tell which
 * was meant: a definition that somebody adds must not take over a word that others use.
 */
function groupIn(catalogue: Catalogue): Group {
  return (kind) => {
    if (kind.group !== '' || exactly(catalogue, kind) !== null) return kind;
    const known = builtin(kind);
    if (known !== null) return { resource: known.resource, group: known.group };
    const [only, ...others] = named(catalogue, kind.resource);
    if (only === undefined) throw unknownKind(kind, catalogue);
    if (others.length === 0) return { resource: only.resource, group: only.group };
    throw new JitError({
      code: 'ERR_OPERATION',
      message: `${kind.resource}: more than one API group has them`,
      hint: `write ${[only, ...others].slice(0, 4).map(kindText).join(' or ')}`,
    });
  };
}

function unknownKind(kind: Kind, catalogue: Catalogue | null): JitError {
  const known: readonly KnownKind[] = catalogue?.kinds ?? BUILTIN;
  const typed = kindText(kind);
  const meant = known.filter(({ resource, aliases }) => resource === kind.resource || aliases.includes(typed));
  const near = suggest(
    typed,
    known.flatMap((each) => [kindText(each), each.resource]),
  ).flatMap((name) => known.filter((each) => kindText(each) === name || each.resource === name));
  const names = [...new Set([...meant, ...near].map(kindText))].slice(0, 3);
  const unread = [...(catalogue?.unread ?? [])];
  if (unread.includes(kind.group)) {
    const hint = 'the server behind that group may be down; try again in a moment';
    return new JitError({
      code: 'ERR_CLOUD_BUSY',
      message: `the cluster cannot say now whether it has ${typed}`,
      hint,
    });
  }
  const silent = unread.length === 0 ? '' : `; these groups could not be asked: ${unread.slice(0, 3).join(', ')}`;
  return new JitError({
    code: 'ERR_OPERATION',
    message: `${typed}: the cluster has no such kind of resource`,
    hint: `${names.length > 0 ? `did you mean ${names.join(' or ')}?` : 'see: kubectl api-resources'}${silent}`,
  });
}

function checkAction(action: Action, known: KnownKind): void {
  const text = actionText(action);
  const { subresource, verbs } = action;
  const can = subresource === null ? known.verbs : known.subresources.get(subresource);
  if (can === undefined) {
    const near = suggest(subresource ?? '', known.subresources.keys());
    const hint =
      near.length > 0
        ? `did you mean ${near.map((name) => `${kindText(known)}/${name}`).join(' or ')}?`
        : `${kindText(known)} have ${[...known.subresources.keys()].join(', ') || 'no subresources'}`;
    throw new JitError({ code: 'ERR_OPERATION', message: `${text}: there is no such subresource`, hint });
  }
  const missing = verbs.find((verb) => can !== null && !can.includes(verb));
  if (missing === undefined) return;
  const hint = `the cluster permits ${can?.join(', ') ?? 'nothing'}`;
  throw new JitError({ code: 'ERR_OPERATION', message: `${text}: there is no ${missing} of that`, hint });
}
