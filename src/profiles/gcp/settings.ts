/**
 * What a broker says about a project, checked before any of it reaches a file or a variable that gcloud reads.
 * @module
 */
import type { ToolSettings } from '../../core/credential.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';

export interface Checked {
  readonly project: string;
  /** Where Cloud Storage is, or null for Google itself. */
  readonly storage: string | null;
}

/** Resource Manager API v3, Project.projectId. */
const PROJECT = /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/;
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])$/;

/** Throws `ERR_TARGET` for a target of another kind, `ERR_CONFIG` naming the value that is not used: nothing is cleaned. */
export function checkSettings(tool: ToolSettings): Checked {
  if (tool.kind !== 'gcp') throw new JitError({ code: 'ERR_TARGET', message: 'that is not a project of google cloud' });
  const { project, endpoint } = tool;
  if (!PROJECT.test(project)) throw bad('project', project);
  if (endpoint !== null && !isOrigin(endpoint)) throw bad('endpoint', endpoint);
  return { project, storage: endpoint === null ? null : `${endpoint}/storage/v1/` };
}

/** https, or http to this machine: a token crosses it. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin, protocol, hostname } = new URL(text);
  return origin === text && (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname)));
}

function bad(what: string, value: string): JitError {
  return new JitError({
    code: 'ERR_CONFIG',
    message: `not a usable ${what}: ${display(value, 100)}`,
    hint: 'the target is configured so at the broker: tell whoever runs it',
  });
}
