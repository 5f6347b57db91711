/**
 * A store in one SQLite file, for one broker. Why it is made this way: `README.md` beside this file.
 * @module
 */
import type { DatabaseSync } from 'node:sqlite';
import { JitError } from '../../../core/errors.ts';
import type { Clock } from '../../../core/ports.ts';
import type { NoticeStore } from '../notices.ts';
import type { IncidentReports } from '../../../core/incident-report.ts';
import type { SessionStore } from '../sessions.ts';
import type { Store } from '../store.ts';
import type { WebSessionStore } from '../web-sessions.ts';
import { readEmergencies, readOneEmergency } from './emergency-store.ts';
import { asFailure, asStoreFailure, isDiskFull } from './failure.ts';
import { prepareFile } from './file.ts';
import { groupCommit } from './group-commit.ts';
import { migrate } from './migrate.ts';
import { claimNotices, finishNotice, forgetNotices, nextNotice, noticeReceipt } from './notice-store.ts';
import { claimDue, earliestReady } from './outbox.ts';
import {
  type ReportProblem,
  readEntries,
  readGrants,
  readNextDeadline,
  readOneGrant,
  readOneRequest,
  readOpenRequests,
  readReplayed,
  readRequests,
  readRevoked,
} from './read.ts';
import { putReport, readOpenReports, readReport, readReportNamed } from './report-store.ts';
import { openReserve, type Reserve } from './reserve.ts';
import { MIGRATIONS } from './schema.ts';
import {
  forgetOver,
  readOneSession,
  sessionByAccess,
  sessionByRefresh,
  spendConfirmation,
  writeSession,
} from './session-store.ts';
import { statements } from './statements.ts';
import { endWebSession, intend, lastWordOn, openWebSession, readAct, readWebSession, spendAct } from './web-store.ts';
import { writeChange } from './write.ts';

export interface SqliteOptions {
  /** A path in an existing folder that only the broker's user can enter, or `:memory:`, which forgets at `close`. */
  readonly file: string;
  readonly now: Clock;
  /** Told of each row that a list or a claim had to leave out because it cannot be read. Default: a warning of the process. */
  readonly onProblem?: ReportProblem;
  /** Room kept on the disk for the end of access; 6,144,000 if left out. */
  readonly reserveBytes?: number;
}

/** How long a statement waits for another process's transaction. Blocks the event loop, so it is short. */
const BUSY_MS = 2_000;
/** A checkpoint holds up the commit that meets it, for longer the larger the log is, and needs as much room at worst. */
const CHECKPOINT_PAGES = 1_000;
const PAGE_BYTES = 4_096;
/** Enough to empty a log of that size into the database on a full disk, and then for the entries of a thousand ends. */
const RESERVE_BYTES = CHECKPOINT_PAGES * PAGE_BYTES * 1.5;
/** In memory there is no disk to fill. */
const NO_RESERVE: Reserve = { release: () => undefined, restore: () => undefined };

/** Everything that the broker remembers, in one place. */
export type SqliteStore = Store & SessionStore & WebSessionStore & NoticeStore & IncidentReports;

/**
 * Opens the store, makes it when it is missing, and migrates it. Throws `ERR_STORE` with a hint when the file is not the
 * broker's own, is no store, or was written by a newer program.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<SqliteStore> {
  const { file, now, onProblem = warn, reserveBytes = RESERVE_BYTES } = options;
  // Lazily: commands that need no store do not pay for loading SQLite.
  const sqlite = await import('node:sqlite');
  if (file !== ':memory:') await prepareFile(file);
  const db = opened(() => new sqlite.DatabaseSync(file, { timeout: BUSY_MS, defensive: true }), now);
  const reserve = file === ':memory:' ? NO_RESERVE : openReserve(`${file}.reserve`, reserveBytes);
  return storeOn(db, now, onProblem, reserve);
}

function opened(open: () => DatabaseSync, now: Clock): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = open();
    db.exec(`
      PRAGMA page_size = ${PAGE_BYTES};
      PRAGMA trusted_schema = OFF;
      PRAGMA foreign_keys = ON;
      PRAGMA cell_size_check = ON;
      PRAGMA temp_store = MEMORY;
      PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};`);
    requireLog(db);
    migrate(db, MIGRATIONS, now);
    return db;
  } catch (thrown) {
    db?.close();
    throw asStoreFailure(thrown);
  }
}

/** A file system without shared memory keeps the old journal; there the promises of `group-commit.ts` would not hold. */
function requireLog(db: DatabaseSync): void {
  const mode = db.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'];
  if (mode === 'wal' || mode === 'memory') return;
  throw new JitError({
    code: 'ERR_STORE',
    message: 'the store cannot keep its log on that file system',
    hint: 'put the store on a local disk',
  });
}

function storeOn(db: DatabaseSync, clock: Clock, report: ReportProblem, reserve: Reserve): SqliteStore {
  const sql = statements(db);
  const writer = groupCommit(db);
  let open = true;

  function requireOpen(): void {
    if (!open) throw new JitError({ code: 'ERR_STORE', message: 'the store is closed' });
  }
  async function write<T>(work: () => T): Promise<T> {
    requireOpen();
    const value = await writer.run(work);
    reserve.restore();
    return value;
  }
  async function writeEnd<T>(work: () => T): Promise<T> {
    try {
      return await write(work);
    } catch (thrown) {
      if (!isDiskFull(thrown)) throw thrown;
      reserve.release();
      // With some room the log can be emptied into the database, where most of what ends only changes what is there.
      checkpoint(db);
      return write(work);
    }
  }
  async function read<T>(work: () => T): Promise<T> {
    requireOpen();
    try {
      return work();
    } catch (thrown) {
      throw asFailure(thrown);
    }
  }

  return {
    commit: (change) => (change.purpose === 'end' ? writeEnd : write)(() => writeChange(sql, change)),
    // On a full disk nothing new is granted, so what is claimed is mostly the end of something.
    claim: (claim) => writeEnd(() => claimDue(sql, claim, report)),
    releaseClaims: () =>
      write(() => {
        sql('releaseClaims').run();
      }),
    request: (id) => read(() => readOneRequest(sql, id)),
    replayed: (requester, key) => read(() => readReplayed(sql, requester, key)),
    grant: (id) => read(() => readOneGrant(sql, id)),
    grants: (filter) => read(() => readGrants(sql, filter, report)),
    requests: (filter) => read(() => readRequests(sql, filter, report)),
    openRequests: (by, limit) => read(() => readOpenRequests(sql, by, limit, report)),
    emergency: (id) => read(() => readOneEmergency(sql, id)),
    emergencies: (filter) => read(() => readEmergencies(sql, filter, report)),
    nextDeadline: () => read(() => readNextDeadline(sql)),
    nextDue: (busy) => read(() => earliestReady(sql, busy)),
    revoked: (provider, now) => read(() => readRevoked(sql, provider, now)),
    entries: (filter) => read(() => readEntries(sql, filter)),
    commitSession: (change) => (change.session?.ended ? writeEnd : write)(() => writeSession(sql, change)),
    session: (id) => read(() => readOneSession(sql, id)),
    lastKnown: (who) => read(() => lastWordOn(sql, who)),
    sessionByAccess: (hash) => read(() => sessionByAccess(sql, hash)),
    sessionByRefresh: (hash) => read(() => sessionByRefresh(sql, hash)),
    spendConfirmation: (id, hash, at) => write(() => spendConfirmation(sql, id, hash, at)),
    // What is not over yet is not forgotten, whatever the caller takes for the time.
    forgetSessions: (before) => write(() => forgetOver(sql, Math.min(before, clock()))),
    claimNotices: (claim) => write(() => claimNotices(sql, claim, report)),
    nextNotice: (notifier) => read(() => nextNotice(sql, notifier)),
    finishNotice: (done) => write(() => finishNotice(sql, done)),
    postponeNotice: (row, dueAt) =>
      write(() => {
        sql('noticePostpone').run({ n: row, dueAt });
      }),
    noticeReceipt: (notifier, request) => read(() => noticeReceipt(sql, notifier, request)),
    forgetNotices: (options) => write(() => forgetNotices(sql, options)),
    report: (source, id) => read(() => readReport(sql, source, id)),
    reportNamed: (source, reference) => read(() => readReportNamed(sql, source, reference)),
    openReports: (source, limit) => read(() => readOpenReports(sql, source, limit)),
    // That an incident is closed takes access away.
    putReport: (one, at) => (one.state === 'closed' ? writeEnd : write)(() => putReport(sql, one, at)),
    openWebSession: (opening) => write(() => openWebSession(sql, opening)),
    webSession: (hash, at) => read(() => readWebSession(sql, hash, at)),
    endWebSession: (id, at, entries) => writeEnd(() => endWebSession(sql, id, at, entries)),
    intend: (session, hash, act) => write(() => intend(sql, session, hash, act)),
    intended: (session, hash, at) => read(() => readAct(sql, session, hash, at)),
    spendAct: (spending) => write(() => spendAct(sql, spending)),
    async close() {
      if (!open) return;
      open = false;
      writer.drain();
      checkpoint(db);
      db.close();
    },
  };
}

function checkpoint(db: DatabaseSync): void {
  try {
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch {
    // Only room is lost: every commit is durable in the log.
  }
}

function warn(problem: JitError): void {
  process.emitWarning(problem.message, { code: problem.code, detail: problem.hint ?? '' });
}
