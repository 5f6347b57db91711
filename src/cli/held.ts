/**
 * Grants as the keeper holds them, for people.
 * @module
 */
import type { HeldGrant } from '../keeper/protocol.ts';
import { SANDBOX_NOTE } from './access/words.ts';
import type { Cell, Column } from './table.ts';
import { toned } from './text.ts';
import { bothTimes } from './time.ts';

export const HELD_COLUMNS: readonly Column[] = [
  { title: 'GRANT', cut: 'never' },
  { title: 'ENDS', cut: 'never' },
  { title: 'ACCESS', cut: 'may' },
  { title: 'TARGET', cut: 'may' },
  { title: 'PROFILE', cut: 'never' },
];

/** One row. The time left is the keeper's own, which no clock can stretch. */
export function heldRow(held: HeldGrant, now: number): readonly Cell[] {
  const { about } = held;
  const target = about.targets.join(', ');
  const over = held.state === 'wiping';
  return [
    toned('strong', held.grant),
    over ? toned('bad', 'over, not wiped yet') : toned(tone(held.remainingMs), bothTimes(now + held.remainingMs, now)),
    toned(
      'plain',
      [about.operation, ...(about.resources.length === 0 ? [] : ['on', about.resources.join(', ')])].join(' '),
    ),
    toned(about.sandbox ? 'warn' : 'plain', about.sandbox ? `${target} (${SANDBOX_NOTE})` : target),
    toned('plain', held.profile ?? '-'),
  ];
}

const SOON_MS = 60_000;

function tone(remainingMs: number): 'warn' | 'good' {
  return remainingMs < SOON_MS ? 'warn' : 'good';
}
