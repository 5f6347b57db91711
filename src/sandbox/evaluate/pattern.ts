/**
 * The wildcards of the policy language: `*` for any run of characters, `?` for exactly one.
 * @module
 */

/**
 * Whether the whole text matches. Time grows with the product of the lengths at worst: no backtracking explosion.
 * Source: IAM user guide, "IAM JSON policy elements: Resource", "Using wildcards".
 */
export function globMatches(pattern: string, text: string): boolean {
  let at = 0;
  let on = 0;
  let star = -1;
  let resume = 0;
  while (on < text.length) {
    const wanted = pattern[at];
    if (wanted === '*') {
      star = at;
      resume = on;
      at += 1;
    } else if (wanted !== undefined && (wanted === '?' || wanted === text[on])) {
      at += 1;
      on += 1;
    } else if (star >= 0) {
      resume += 1;
      at = star + 1;
      on = resume;
    } else {
      return false;
    }
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

/** An action of a policy: every action, or a service and a pattern over its action names. */
export type ActionPattern = 'any' | { readonly service: string; readonly name: string };

/** A resource of a policy: every resource, or six ARN parts that may hold wildcards, each matched on its own. */
export type ResourcePattern = 'any' | { readonly parts: readonly string[] };

const ACTION = /^([a-z0-9-]{1,63}):([A-Za-z0-9*?]{1,128})$/;

/** Reads `*` or `service:Name*`. Returns null for anything else. */
export function parseAction(source: string): ActionPattern | null {
  if (source === '*') return 'any';
  const match = ACTION.exec(source);
  const [, service, name] = match ?? [];
  return service === undefined || name === undefined ? null : { service, name: name.toLowerCase() };
}

/** Action names are compared without regard to case. Source: IAM user guide, "IAM JSON policy elements: Action". */
export function actionMatches(pattern: ActionPattern, action: string): boolean {
  if (pattern === 'any') return true;
  const colon = action.indexOf(':');
  return pattern.service === action.slice(0, colon) && globMatches(pattern.name, action.slice(colon + 1).toLowerCase());
}

const ARN_PARTS = 6;

/** The six parts of an ARN; the last one keeps its colons. */
function arnParts(arn: string): readonly string[] {
  const parts = arn.split(':');
  return [...parts.slice(0, ARN_PARTS - 1), parts.slice(ARN_PARTS - 1).join(':')];
}

/**
 * Reads `*` or a full ARN. Refused (null): fewer than six parts, wildcards in partition or service (the IAM user guide
 * calls them incorrect), and `${…}`, because the sandbox has no policy variables.
 */
export function parseResource(source: string): ResourcePattern | null {
  if (source === '*') return 'any';
  const parts = arnParts(source);
  const [prefix, partition, service] = parts;
  const fixed = `${partition ?? ''}${service ?? ''}`;
  if (source.split(':').length < ARN_PARTS || prefix !== 'arn') return null;
  if (/[*?]/.test(fixed) || partition === '' || service === '' || source.includes('${')) return null;
  return { parts };
}

/** Wildcards never cross from one part of an ARN into the next. Source: IAM user guide, "Amazon Resource Names". */
export function resourceMatches(pattern: ResourcePattern, resource: string): boolean {
  if (pattern === 'any') return true;
  const parts = arnParts(resource);
  return pattern.parts.every((part, index) => globMatches(part, parts[index] ?? ''));
}
