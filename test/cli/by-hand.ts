/**
 * A person who approves at a real terminal: looks at the request, and says yes to the question.
 * @module
 */
import { resolve } from 'node:path';
import type { TestContext } from 'node:test';
import type { User } from './shared.ts';
import { openTerminal } from './terminal.ts';

const JIT = `${process.execPath} ${resolve('bin/jit')}`;

export async function approveByHand(t: TestContext, { home, env }: User, id: string): Promise<void> {
  const screen = await openTerminal(t, home, env, { columns: 100, rows: 60 });
  await screen.command(`clear; ${JIT} approve ${id}; echo "status=$?"`);
  await screen.shows(/\(y\/N\)/);
  await screen.keys('y', 'Enter');
  await screen.shows(/status=0/);
}
