/**
 * A value that cannot be printed by accident.
 * @module
 */

const inspect = Symbol.for('nodejs.util.inspect.custom');
const MASK = '[secret]';

/**
 * Holds a credential from the moment it exists. Templates, JSON, `util.inspect` and loggers see `[secret]`;
 * `expose()` is the single way out, and the places that call it are an allow-list in `test/architecture`.
 */
export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself. Call it as late as possible and never keep the result. */
  expose(): T {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect](): string {
    return MASK;
  }
}
