// The files of messages that wait for them: brought to the store a few at a time, again after failures that may pass, from
// where they stopped. What becomes of the message then is the outbox's.
import { decideBackoff, REPEAT } from "../../domain/backoff.ts";
import type { Environment } from "../environment.ts";
import { asConfabError, ConfabError } from "../errors.ts";
import type { OutboxStore, StoredUpload } from "../outbox-store.ts";
import type { Rest } from "../rest.ts";
import type { Sending } from "../sending.ts";
import { abortUpload } from "./calls.ts";
import { uploadFile } from "./upload.ts";

export interface UploadHandlers {
  uploaded(sending: Sending, media_key: string): void;
  failed(sending: Sending, error: ConfabError): void;
  /** `sending.upload` or `sending.file` is another. */
  progressed(sending: Sending): void;
  /** What was found out about the upload, for the store. */
  learned(sending: Sending, upload: StoredUpload): void;
  storeFailed(error: unknown): void;
}

interface Job {
  attempt: number;
  /** Times that the store refused the bytes: an address that was too old, or bytes that changed on their way. */
  refusals: number;
  running: AbortController | null;
  cancelWait: () => void;
}

/** Files on their way at the same time. */
const ABREAST = 2;
const MOST_REFUSALS = 3;

export class Uploads {
  readonly #environment: Environment;
  readonly #rest: Rest;
  readonly #store: OutboxStore;
  readonly #handlers: UploadHandlers;
  readonly #jobs = new Map<Sending, Job>();
  readonly #described = new WeakMap<Sending, Promise<unknown>>();
  #queue: Sending[] = [];
  #running = 0;
  #stopped = false;

  constructor(environment: Environment, rest: Rest, store: OutboxStore, handlers: UploadHandlers) {
    this.#environment = environment;
    this.#rest = rest;
    this.#store = store;
    this.#handlers = handlers;
  }

  /** The file is in `sending.file`, or else in the store. */
  start(sending: Sending): void {
    if (this.#jobs.has(sending)) return;
    this.#jobs.set(sending, { attempt: 0, refusals: 0, running: null, cancelWait: () => undefined });
    sending.upload = { phase: "reading" };
    this.#queue.push(sending);
    this.#next();
  }

  /** The message does not go before this is over, either way. */
  wait(sending: Sending, described: Promise<unknown>): void {
    this.#described.set(sending, described.catch(() => undefined));
  }

  /** Keeps the file over a reload, as far as the store can. */
  async keep(sending: Sending, file: Blob): Promise<void> {
    sending.file = file;
    try {
      await this.#store.putFile?.(sending.client_msg_id, file);
      // Cancelled meanwhile: nobody would take it away any more.
      if (sending.state === "FAILED" && sending.error?.code === "aborted") await this.#store.removeFile?.(sending.client_msg_id);
    } catch (error) {
      this.#handlers.storeFailed(error);
    }
  }

  /** Ends it for good. What is at the store already is dropped there. */
  cancel(sending: Sending): void {
    const upload = sending.message.upload;
    const key = upload?.begun?.key ?? upload?.key;
    this.#end(sending);
    // Otherwise the store drops them by itself, later.
    if (key !== undefined) abortUpload(this.#rest, key).catch(() => undefined);
    this.#next();
  }

  /** Those that wait are tried now: the connection is back, or somebody asked for it. */
  wake(only?: Sending): void {
    for (const [sending, job] of this.#jobs) if (sending.upload?.phase === "waiting" && (only ?? sending) === sending) this.#again(sending, job);
  }

  stop(): void {
    this.#stopped = true;
    for (const sending of this.#jobs.keys()) this.#end(sending);
  }

  #end(sending: Sending): void {
    const job = this.#jobs.get(sending);
    this.#jobs.delete(sending);
    this.#queue = this.#queue.filter((other) => other !== sending);
    sending.upload = null;
    job?.cancelWait();
    job?.running?.abort();
  }

  #again(sending: Sending, job: Job): void {
    job.cancelWait();
    sending.upload = { phase: "reading" };
    this.#handlers.progressed(sending);
    this.#queue.push(sending);
    this.#next();
  }

  #next(): void {
    while (this.#running < ABREAST && !this.#stopped) {
      const sending = this.#queue.shift();
      const job = sending === undefined ? undefined : this.#jobs.get(sending);
      if (sending === undefined) return;
      if (job === undefined) continue;
      this.#running++;
      job.running = new AbortController();
      this.#try(sending, job.running.signal)
        .then((media_key) => this.#jobs.get(sending) === job && this.#done(sending, media_key), (thrown: unknown) => this.#jobs.get(sending) === job && this.#missed(sending, job, asConfabError(thrown)))
        .finally(() => {
          this.#running--;
          job.running = null;
          this.#next();
        });
    }
  }

  async #try(sending: Sending, signal: AbortSignal): Promise<string> {
    const file = sending.file ?? await this.#stored(sending);
    const upload = (): StoredUpload => sending.message.upload as StoredUpload;
    const media_key = await uploadFile({ rest: this.#rest, environment: this.#environment }, file, upload(), {
      signal,
      onHash: (sha256) => this.#handlers.learned(sending, { ...upload(), sha256 }),
      onKey: (key) => this.#handlers.learned(sending, { ...upload(), key }),
      onBegun: (begun) => {
        const { begun: _, ...rest } = upload();
        this.#handlers.learned(sending, begun === null ? rest : { ...rest, begun });
      },
      onProgress: (sent) => {
        if (signal.aborted) return;
        sending.upload = { phase: "sending", sent, size: file.size };
        this.#handlers.progressed(sending);
      },
    });
    await this.#described.get(sending);
    return media_key;
  }

  async #stored(sending: Sending): Promise<Blob> {
    const file = await this.#store.loadFile?.(sending.client_msg_id) ?? null;
    if (file === null) throw new ConfabError("file_unreadable", "The file was not kept.");
    sending.file = file;
    this.#handlers.progressed(sending);
    return file;
  }

  #done(sending: Sending, media_key: string): void {
    this.#end(sending);
    this.#handlers.uploaded(sending, media_key);
  }

  #missed(sending: Sending, job: Job, error: ConfabError): void {
    if (error.code === "upload_refused") job.refusals++;
    const passes = error.code === "upload_refused" ? job.refusals < MOST_REFUSALS : error.retryable && error.code !== "aborted";
    if (!passes) {
      this.#end(sending);
      this.#handlers.failed(sending, error);
      return;
    }
    const wait = error.retry_after_ms ?? REPEAT.base_ms + decideBackoff(job.attempt, this.#environment.random(), REPEAT);
    job.attempt++;
    sending.upload = { phase: "waiting", error, retry_at: this.#environment.now() + wait };
    job.cancelWait = this.#environment.later(wait, () => this.#again(sending, job));
    this.#handlers.progressed(sending);
  }
}
