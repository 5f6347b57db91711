/**
 * The broker's operational log: for its operator, never a record of who did what (that is the audit log).
 * @module
 */

/** Structured, JSON lines on stderr in `src/jit-broker`. Callers choose each field; requests and replies are never logged whole. */
export interface Log {
  info(message: string, fields?: Readonly<Record<string, string | number>>): void;
  warn(message: string, fields?: Readonly<Record<string, string | number>>): void;
  /** Something that a person must look at. */
  error(message: string, fields?: Readonly<Record<string, string | number>>): void;
}
