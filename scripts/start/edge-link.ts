// What start and its edge child tell one another over the IPC channel. Types only.

export interface EdgeOptions {
  readonly port: number;
  /** Absolute. */
  readonly dataDir: string;
  /** A folder that `build` filled: worker/index.js and web/. */
  readonly bundle: string;
  /** Every text binding of the Worker, secrets too: they travel here, not in the environment, which the runtime inherits. */
  readonly bindings: Readonly<Record<string, string>>;
  /** Local R2, by binding. */
  readonly buckets: Readonly<Record<string, LocalBucket>>;
  /** Where a debugger or a profiler may come in; null: nowhere. */
  readonly inspectorPort: number | null;
}

/** Its S3 endpoint answers to these keys alone. */
export interface LocalBucket {
  readonly name: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export type ToEdge = { readonly type: "start"; readonly options: EdgeOptions } | { readonly type: "stop" };

export type FromEdge =
  | { readonly type: "listening" }
  /** The runtime died; the edge is starting another. */
  | { readonly type: "runtime_down" }
  | { readonly type: "runtime_up" }
  /** It will exit; `reason` is for the terminal. */
  | { readonly type: "failed"; readonly reason: string };
