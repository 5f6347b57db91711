/**
 * Grants as the keeper holds them, for people.
 * @module
 */
import { type BrokerRef, EMBEDDED, plainName } from '../client/ref.ts';
import type { HeldGrant } from '../keeper/protocol.ts';
import type { Outcome } from '../wire/views.ts';
import { incidentPrefix, SANDBOX_NOTE } from './access/words.ts';
import type { Context } from './context.ts';
import { type Cell, type Column, table } from './table.ts';
import { type Line, toned } from './text.ts';
import { clockTime, orWhenIdle, relative } from './time.ts';

const COLUMNS: readonly Column[] = [
  { title: 'GRANT', cut: 'never' },
  { title: 'ENDS', cut: 'never' },
  { title: 'ACCESS', cut: 'may' },
  { title: 'TARGET', cut: 'may' },
];
const BROKER: Column = { title: 'BROKER', cut: 'may' };
const PROFILE: Column = { title: 'PROFILE', cut: 'never' };

const DRIFT_SECONDS = 5;

/** A table, and below it whatever is not as it should be. */
export async function printHeld({ out, now }: Context, held: readonly HeldGrant[]): Promise<void> {
  await out.print(heldLines(held, now(), out.width));
  for (const { grant, problem, clockDriftSeconds: drift } of held) {
    if (problem !== null) await out.note(`${grant}: ${problem}`);
    if (Math.abs(drift) >= DRIFT_SECONDS) {
      await out.note(
        `${grant}: the clock of this machine was set ${Math.abs(drift)}s ${drift > 0 ? 'forward' : 'back'}`,
      );
    }
  }
}

/** A grant as the broker knows it, where no keeper holds it; nothing for one that is not active. */
export function heldFrom({ request, grant }: Outcome, ref: BrokerRef, now: number): readonly HeldGrant[] {
  if (grant?.state !== 'active' || grant.expiresAt === null) return [];
  return [
    {
      grant: grant.id,
      state: 'live',
      broker: plainName(ref),
      profile: null,
      delivery: 'process',
      about: {
        operation: request.asks.map(({ operation }) => operation).join(', '),
        resources: request.asks.flatMap(({ resources }) => resources),
        targets: grant.legs.map(({ target }) => target),
        environment: grant.legs[0]?.environment ?? '',
        sandbox: grant.legs.some(({ sandbox }) => sandbox),
        reason: request.reason,
        incident: request.incident?.reference ?? null,
        seconds: grant.seconds,
        idleSeconds: grant.idleSeconds,
      },
      expiresAt: grant.expiresAt,
      remainingMs: Math.max(0, Date.parse(grant.expiresAt) - now),
      clockDriftSeconds: 0,
      uses: 0,
      problem: null,
    },
  ];
}

export function heldLines(held: readonly HeldGrant[], now: number, width: number): Line[] {
  // Grants of several brokers stand side by side here; whoever has only the embedded one need not hear of it.
  const brokers = held.some(({ broker }) => broker !== EMBEDDED) ? 'named' : 'not named';
  const rows = held.map((each) => [
    ...heldRow(each, now),
    ...(brokers === 'named' ? [toned('plain', each.broker)] : []),
    toned('plain', each.profile ?? '-'),
  ]);
  return table([...COLUMNS, ...(brokers === 'named' ? [BROKER] : []), PROFILE], rows, width);
}

/** A row up to the target. The time left is the keeper's own, which no clock can stretch. */
function heldRow(held: HeldGrant, now: number): readonly Cell[] {
  const { about } = held;
  const target = about.targets.join(', ');
  const over = held.state === 'wiping';
  return [
    toned('strong', held.grant),
    over
      ? toned('bad', 'over, not wiped yet')
      : toned(
          tone(held.remainingMs),
          `${relative(now + held.remainingMs, now)} (${clockTime(Date.parse(held.expiresAt), now)})${orWhenIdle(about.idleSeconds)}`,
        ),
    toned(
      'plain',
      `${incidentPrefix(about.incident)}${[about.operation, ...(about.resources.length === 0 ? [] : ['on', about.resources.join(', ')])].join(' ')}`,
    ),
    toned(about.sandbox ? 'warn' : 'plain', about.sandbox ? `${target} (${SANDBOX_NOTE})` : target),
  ];
}

const SOON_MS = 60_000;

function tone(remainingMs: number): 'warn' | 'good' {
  return remainingMs < SOON_MS ? 'warn' : 'good';
}
