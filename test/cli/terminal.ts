/**
 * A real terminal for tests: a tmux server of its own with one shell in it.
 * @module
 */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { type Home, tempFolder } from '../support/home.ts';
import { run } from '../support/run.ts';

export interface Terminal {
  /** Types a command and Enter. */
  command(line: string): Promise<void>;
  /** tmux names of keys, such as `C-c` or `Enter`. */
  keys(...names: readonly string[]): Promise<void>;
  /** Waits until the screen shows it, and returns the screen. */
  shows(pattern: RegExp): Promise<string>;
  screen(): Promise<string>;
}

/** @param variables beside those of the home. */
export async function openTerminal(
  t: TestContext,
  home: Home,
  variables: Readonly<Record<string, string>> = {},
  size: { readonly columns: number; readonly rows: number } = { columns: 100, rows: 40 },
): Promise<Terminal> {
  const socket = join(tempFolder(t), 'tmux');
  const env = { ...home.env, TERM: 'xterm-256color', LANG: 'C.UTF-8', PS1: '$ ', ...variables };
  const tmux = async (...args: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await run('tmux', ['-f', '/dev/null', '-S', socket, ...args], {
      env,
      deadlineMs: 15_000,
    });
    if (status !== 0) throw new Error(`tmux ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  t.after(() => tmux('kill-server').catch(() => undefined));
  await tmux('new-session', '-d', '-x', String(size.columns), '-y', String(size.rows), 'sh');
  const screen = (): Promise<string> => tmux('capture-pane', '-p', '-J');
  await eventually(async () => /[$#]/.test(await screen()));
  return {
    command: async (line) => {
      await tmux('send-keys', '-l', line);
      await tmux('send-keys', 'Enter');
    },
    keys: async (...names) => {
      await tmux('send-keys', ...names);
    },
    screen,
    shows: async (pattern) => {
      let last = '';
      return await eventually(
        async () => {
          last = await screen();
          return pattern.test(last) ? last : null;
        },
        { deadlineMs: 30_000 },
      ).catch((thrown: unknown) => {
        throw new Error(`the screen never showed ${String(pattern)}:\n${last}`, { cause: thrown });
      });
    },
  };
}
