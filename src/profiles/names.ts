/**
 * The names that a profile may have, whichever tool it is for.
 * @module
 */
import { JitError } from '../core/errors.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/**
 * Accepts a profile name as it is or throws `ERR_PROFILE_NAME`: nothing is stripped, since a name that was changed
 * silently is another profile. The rule holds for names from the broker as for those that the user typed.
 */
export function checkProfileName(name: string): string {
  const problem =
    name === 'default'
      ? 'jit never writes the default profile'
      : !NAME.test(name) || name.includes('..')
        ? 'that is not a profile name'
        : null;
  if (problem === null) return name;
  throw new JitError({
    code: 'ERR_PROFILE_NAME',
    message: problem,
    hint: 'start with a letter or digit; then letters, digits, and . _ @ - (64 at most, no ..), such as: jit-deploy',
  });
}
