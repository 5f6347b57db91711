/**
 * Many changes, one fsync. Changes that arrive while the last commit is resting, or in the same turn of the event loop, share
 * a transaction, each in a savepoint of its own, and are acknowledged only after its COMMIT has returned.
 * @module
 */
import type { DatabaseSync } from 'node:sqlite';
import { asFailure, asStoreFailure, isOfTheChange, isOfTheDisk } from './failure.ts';

export interface GroupCommit {
  /**
   * Runs `work` inside a transaction. Resolves when it is durable. When `work` throws, its own writes are undone and the
   * promise rejects; when the transaction fails, everything in it is undone and all of its promises reject with `ERR_STORE`.
   */
  run<T>(work: () => T): Promise<T>;
  /** Commits now what is waiting. */
  drain(): void;
}

interface Job {
  /** @returns how to acknowledge it, once it is durable. */
  readonly attempt: () => () => void;
  readonly reject: (reason: unknown) => void;
}

/** Bounds how long one transaction keeps the event loop. */
const LARGEST_GROUP = 256;

/**
 * After a commit, at least this many times its own duration belongs to everything else, so that under load changes gather
 * and a slow disk gets few large commits instead of the whole event loop.
 */
const REST = 3;

/** Bounds what that adds to the latency of a change after one slow commit. */
const LONGEST_REST_MS = 4;

const SHORTEST_TIMER_MS = 1;

export function groupCommit(db: DatabaseSync): GroupCommit {
  let waiting: Job[] = [];
  let restsUntil = 0;

  function commitSoon(): void {
    const rest = restsUntil - performance.now();
    // The check phase comes after everything that this turn's input has set off, and needs no timer.
    if (rest < SHORTEST_TIMER_MS / 2) setImmediate(commitNext);
    else setTimeout(commitNext, rest);
  }

  function commitNext(): void {
    const group = waiting.slice(0, LARGEST_GROUP);
    waiting = waiting.slice(LARGEST_GROUP);
    // Before the work: the rest must go on whatever becomes of this group.
    if (waiting.length > 0) setImmediate(commitNext);
    const began = performance.now();
    const acknowledgements = commitGroup(db, group);
    const ended = performance.now();
    restsUntil = ended + Math.min((ended - began) * REST, LONGEST_REST_MS);
    for (const acknowledge of acknowledgements) acknowledge();
  }

  return {
    run: <T>(work: () => T) =>
      new Promise<T>((resolve, reject) => {
        waiting.push({
          attempt() {
            const value = work();
            return () => resolve(value);
          },
          reject,
        });
        if (waiting.length === 1) commitSoon();
      }),
    drain() {
      while (waiting.length > 0) commitNext();
    },
  };
}

/** @returns what is left to do for each job: tell its caller. */
function commitGroup(db: DatabaseSync, group: readonly Job[]): readonly (() => void)[] {
  if (group.length === 0) return [];
  try {
    db.exec('BEGIN IMMEDIATE');
    const acknowledgements = group.map((job) => attempt(db, job));
    db.exec('COMMIT');
    return acknowledgements;
  } catch (thrown) {
    undo(db, thrown);
    const failure = asStoreFailure(thrown);
    return group.map((job) => () => job.reject(failure));
  }
}

function attempt(db: DatabaseSync, job: Job): () => void {
  db.exec('SAVEPOINT change');
  try {
    const acknowledge = job.attempt();
    db.exec('RELEASE change');
    return acknowledge;
  } catch (thrown) {
    // SQLite gives up the whole transaction by itself for some faults; then nobody's part of it can be kept.
    if (!isOfTheChange(thrown) || !db.isTransaction) throw thrown;
    db.exec('ROLLBACK TO change; RELEASE change');
    return () => job.reject(asFailure(thrown));
  }
}

function undo(db: DatabaseSync, thrown: unknown): void {
  try {
    if (db.isTransaction) db.exec('ROLLBACK');
    // A failed fsync leaves a complete commit in the log, which a crash would bring to life. An emptied log cannot; where
    // emptying fails too, the next commit that succeeds writes over it.
    if (isOfTheDisk(thrown)) db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch {
    // The first failure is the one to report, and every later transaction meets the same disk again.
  }
}
