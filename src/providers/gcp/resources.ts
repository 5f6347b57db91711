/**
 * Full resource names, and the names that IAM's conditions know the same things by.
 * @module
 */
import type { Breadth } from '../../core/access.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { GcpTarget } from './target.ts';

/** One resource that was asked for. */
export interface Resource {
  /** As it was typed. */
  readonly text: string;
  /** As conditions know it, without a final `*`; null for the whole project. */
  readonly bound: Bound | null;
  readonly breadth: Breadth;
}

export interface Bound {
  /** The value of `resource.service`. */
  readonly service: string;
  /** The value of `resource.name`, or how it begins. */
  readonly name: string;
  readonly match: 'whole' | 'beginning';
  /** What kind of thing it is, such as `objects`. */
  readonly type: string;
}

interface Kind {
  /** The first part of its permissions. */
  readonly permissions: string;
  readonly host: string;
  readonly service: string;
  /** Pairs of a collection and an id; a `?` marks where a name may stop. */
  readonly shape: string;
  readonly project: 'id' | 'number' | 'none';
  /** Types whose last id may be `*`. */
  readonly starred: readonly string[];
  readonly example: string;
}

/**
 * Source: IAM documentation, "Resource attributes for IAM Conditions", resource service values and resource name formats. What is
 * not here takes no bound: it is granted in a whole project or not at all.
 */
const KINDS: readonly Kind[] = [
  kind('storage', { shape: 'buckets?objects', project: 'none', starred: ['objects'] }),
  kind('bigquery', { shape: 'datasets?tables', starred: ['tables'] }),
  kind('bigquery', { shape: 'datasets?routines', starred: ['routines'] }),
  kind('bigquery', { shape: 'datasets?models', starred: ['models'] }),
  kind('cloudkms', {
    shape: 'locations keyRings?cryptoKeys?cryptoKeyVersions',
    starred: ['cryptoKeys', 'cryptoKeyVersions'],
  }),
  kind('cloudsql', { shape: 'instances', service: 'sqladmin.googleapis.com' }),
  kind('compute', { shape: 'zones instances' }),
  kind('compute', { shape: 'zones disks' }),
  kind('container', { shape: 'locations clusters' }),
  kind('secretmanager', { shape: 'secrets?versions', project: 'number', starred: ['versions'] }),
  kind('spanner', { shape: 'instances?databases', starred: ['databases'] }),
];

function kind(permissions: string, parts: Partial<Kind> & Pick<Kind, 'shape'>): Kind {
  const host = `${permissions}.googleapis.com`;
  const names = parts.shape
    .split(/[ ?]/)
    .map((name) => `${name}/${name === 'zones' || name === 'locations' ? 'europe-west1' : 'NAME'}`);
  const project = parts.project ?? 'id';
  const start = `//${host}/projects/${project === 'none' ? '_' : 'PROJECT'}`;
  return { permissions, host, service: host, project, starred: [], example: `${start}/${names.join('/')}`, ...parts };
}

const PROJECT_HOST = 'cloudresourcemanager.googleapis.com';
const ID = /^[A-Za-z0-9_.~%@:$-]{1,1024}$/;
// Quotes and backslashes would have to be escaped in a condition, and no one needs them badly enough for that.
const OBJECT = /^[\x21\x23-\x26\x28-\x29\x2b-\x5b\x5d-\x7e]{1,1024}$/;

/** Throws `ERR_RESOURCE`, with what the resource could look like, for anything that cannot be granted on this target. */
export function readResource(text: string, target: GcpTarget): Resource {
  const [, host = '', path = ''] = /^\/\/([a-z.]{1,80})\/(.+)$/s.exec(text) ?? [];
  if (path === '') {
    throw fault(
      text,
      'not a full resource name of google',
      `for example //storage.googleapis.com/projects/_/buckets/NAME/objects/PREFIX*`,
    );
  }
  if (host === PROJECT_HOST) return wholeProject(text, path, target);
  const kinds = KINDS.filter((one) => one.host === host);
  const [first] = kinds;
  if (first === undefined) {
    throw fault(text, 'nothing that access can be bound to', `for the whole project: ${projectName(target)}`);
  }
  for (const one of kinds) {
    const bound = fit(text, path, one, target);
    if (bound !== null) return { text, bound, breadth: bound.match === 'whole' ? 'exact' : 'within' };
  }
  throw fault(
    text,
    `not a resource of ${host}`,
    `for example ${first.example.replace('PROJECT', target.reach.project)}`,
  );
}

/** The whole project as a resource. */
export function projectName({ reach }: GcpTarget): string {
  return `//${PROJECT_HOST}/projects/${reach.project}`;
}

/** Whether anything of that service can be bound to a resource. */
export function isBindable(permissionService: string): boolean {
  return KINDS.some(({ permissions }) => permissions === permissionService);
}

/** The first parts of the permissions that apply to a resource. */
export function permissionsOf({ service }: Bound): string {
  return KINDS.find((one) => one.service === service)?.permissions ?? '';
}

/** An example of what a permission of that service and type acts on. */
export function exampleFor(service: string, type: string, target: GcpTarget): string {
  const kinds = KINDS.filter(({ permissions }) => permissions === service);
  const [one] = [...kinds.filter(({ shape }) => shape.split(/[ ?]/).includes(type)), ...kinds];
  if (one === undefined) return projectName(target);
  const cut = one.example.indexOf('/', one.example.indexOf(`/${type}/`) + type.length + 2);
  const example = one.example.includes(`/${type}/`) && cut > 0 ? one.example.slice(0, cut) : one.example;
  return example.replace('PROJECT', target.reach.project);
}

function wholeProject(text: string, path: string, target: GcpTarget): Resource {
  if (path !== `projects/${target.reach.project}`) {
    throw fault(text, `target ${target.name} is project ${target.reach.project}`, `write ${projectName(target)}`);
  }
  return { text, bound: null, breadth: 'broad' };
}

function fit(text: string, path: string, { shape, service, project, starred }: Kind, target: GcpTarget): Bound | null {
  const [projects, home = '', ...rest] = path.split('/');
  if (projects !== 'projects') return null;
  const steps = shape.split(/[ ?]/);
  const stops = shape.split('?').map(
    (_, index, parts) =>
      parts
        .slice(0, index + 1)
        .join(' ')
        .split(' ').length,
  );
  const names: string[] = [];
  let type = '';
  for (const [index, step] of steps.entries()) {
    if (rest[index * 2] !== step) break;
    type = step;
    // An object's name goes on to the end, slashes and all.
    const tail = step === 'objects' ? rest.slice(index * 2 + 1).join('/') : (rest[index * 2 + 1] ?? '');
    names.push(step, tail);
    if (step === 'objects') rest.length = index * 2 + 2;
  }
  if (names.length !== rest.length || !stops.includes(names.length / 2)) return null;
  const last = names.at(-1) ?? '';
  const star = last.endsWith('*') && starred.includes(type);
  // A beginning of an object's name is a place of its own; of a table it would be tables that nobody has named.
  if (star && type !== 'objects' && last !== '*') return null;
  const ids = names.filter((_, index) => index % 2 === 1);
  const shown = star ? [...ids.slice(0, -1), last.slice(0, -1)] : ids;
  const sound = shown.every((id, index) => {
    const isLast = index === shown.length - 1;
    if (isLast && star && id === '') return true;
    return isLast && type === 'objects' ? OBJECT.test(id) : ID.test(id) && !/^\.{1,2}$/.test(id);
  });
  if (!sound) return null;
  const prefix = ['projects', homeOf(text, home, project, target)];
  const name = [...prefix, ...names.slice(0, -1), shown.at(-1) ?? ''].join('/');
  return { service, name, match: star ? 'beginning' : 'whole', type };
}

function homeOf(text: string, home: string, project: Kind['project'], target: GcpTarget): string {
  if (project === 'none') {
    if (home === '_') return home;
    throw fault(text, 'buckets are in no project by name', 'write projects/_/buckets/NAME');
  }
  const { reach, projectNumber, name } = target;
  if (home !== reach.project && (projectNumber === null || home !== projectNumber)) {
    throw fault(text, `target ${name} is project ${reach.project}`, 'choose the target of that project');
  }
  if (project === 'id') return reach.project;
  if (projectNumber !== null) return projectNumber;
  throw fault(
    text,
    'its service counts projects by number',
    `the operator has to add project_number to target ${name}`,
  );
}

function fault(text: string, what: string, hint: string): JitError {
  return new JitError({ code: 'ERR_RESOURCE', message: `${display(text, 200)}: ${what}`, hint });
}
