/**
 * When access is over by itself.
 * @module
 */
import type { Mark } from '../../core/ports.ts';

/**
 * Epoch ms at which no binding under this mark can hold any more. The later of the two: a renewal of which nobody heard the
 * outcome has raised `notAfter` and not `endsAt`.
 */
export function endOf({ endsAt, notAfter }: Pick<Mark, 'endsAt' | 'notAfter'>): number {
  return Math.max(endsAt ?? notAfter, notAfter);
}

/**
 * Epoch ms at which no token under this mark can be taken any more. The earlier of the two: every token is cut to end with its
 * order, and one whose answer was lost is in nobody's hands.
 */
export function tokensEndOf({ endsAt, notAfter }: Pick<Mark, 'endsAt' | 'notAfter'>): number {
  return Math.min(endsAt ?? notAfter, notAfter);
}
