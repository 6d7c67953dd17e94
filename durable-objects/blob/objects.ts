// How a content's objects are called in the store, and how long a name that was given up is waited for.

/** A URL that was given out is good for minutes; what was asked of the store is answered or dead by then. */
export const LINGER_MS = 3_600_000;

/** A name that was given up is never used again: its next object has another. */
export function objectOf(key: string, generation: number): string {
  return generation === 0 ? key : `${key}.${generation}`;
}
