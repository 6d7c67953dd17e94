/** One step of an object's schema. Applied once, in order, in one transaction; never edited after a release. */
export interface Migration {
  version: number;
  /** The oldest version of the code that can work on the schema after this step. */
  min_compatible: number;
  sql: string;
}
