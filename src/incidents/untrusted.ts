/**
 * What is said of a source that gives no answer to go by.
 * @module
 */
import { JitError } from '../core/errors.ts';

/**
 * `ERR_INCIDENT_SOURCE`.
 * @param source its name in the configuration.
 * @param problem words of ours: nothing that the source said.
 */
export function untrusted(source: string, problem: string, parts: { hint?: string; cause?: unknown } = {}): JitError {
  const { hint, cause } = parts;
  return new JitError({ code: 'ERR_INCIDENT_SOURCE', message: `the incidents of ${source}: ${problem}`, hint, cause });
}
