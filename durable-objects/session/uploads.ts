// The user's uploads between their announcement and their message: what was promised, until it is sent or its time is over.
import { PENDING_UPLOADS, UPLOAD_URL_S, uploadPrefix } from "../../protocol/media.ts";
import type { Claims, Result } from "../../protocol/rpc.ts";
import type { PartEtags, Upload, UploadCall } from "../../protocol/rpc/media.ts";
import { randomBytes, toHex } from "../platform/hash.ts";
import { count } from "../platform/metrics.ts";
import type { Settings } from "../../protocol/settings.ts";
import type { Sql } from "../platform/sql.ts";
import { UploadStore } from "./store/uploads.ts";

/** The session, as far as its uploads need it. */
export interface Owner {
  readonly userId: string;
  readonly isRegistered: boolean;
  readonly settings: Pick<Settings, "media_unsent_ms">;
  readonly store: { readonly sql: Sql };
}

const ABSENT = { ok: false, code: "media_not_found" } as const;

export class Uploads {
  private readonly core: Owner;
  private readonly admit: (claims: Claims) => Promise<Result<object>>;
  private readonly store: UploadStore;

  constructor(core: Owner, admit: (claims: Claims) => Promise<Result<object>>) {
    this.core = core;
    this.admit = admit;
    this.store = new UploadStore(core.store.sql);
  }

  async start(claims: Claims, call: UploadCall & { key?: string }): Promise<Result<{ upload: Upload; expires_at: number }>> {
    const admitted = await this.admit(claims);
    if (!admitted.ok) return admitted;
    const now = Date.now();
    const { media_unsent_ms } = this.core.settings;
    const known = this.announced(call, now);
    if (known !== null) return { ok: true, upload: known, expires_at: known.created_at + media_unsent_ms };
    let waiting = this.store.readWaiting();
    if (waiting.oldest !== null && !this.waits(waiting.oldest, now)) {
      this.store.commitExpired(now - media_unsent_ms);
      waiting = this.store.readWaiting();
    }
    if (waiting.count >= PENDING_UPLOADS) return { ok: false, code: "too_many_uploads", retry_after_ms: (waiting.oldest ?? now) + media_unsent_ms - now };
    const { kind, content_type, size, sha256 } = call;
    const upload: Upload = { key: uploadPrefix(this.core.userId) + toHex(randomBytes(16)), kind, content_type, size, sha256, upload_id: null, created_at: now };
    this.store.commit(upload);
    count("uploads_started");
    return { ok: true, upload, expires_at: now + media_unsent_ms };
  }

  /** One that waits to be sent; null: it is nobody's, or somebody else's, or its time is over. */
  read(key: string, now = Date.now()): Upload | null {
    const upload = this.core.isRegistered ? this.store.read(key) : null;
    return upload !== null && this.waits(upload.created_at, now) ? upload : null;
  }

  /** The same file, announced before: who can't reach the store for hours must not be told in the end that too many wait. */
  private announced({ key, kind, content_type, size, sha256 }: UploadCall & { key?: string }, now: number): Upload | null {
    // It has to be there when the address that is signed now ends.
    const known = key === undefined ? null : this.read(key, now + UPLOAD_URL_S * 1_000);
    const isSame = known?.kind === kind && known.content_type === content_type && known.size === size && known.sha256 === sha256;
    return isSame ? known : null;
  }

  setUploadId({ key, upload_id }: { key: string; upload_id: string }): Result<{ upload: Upload }> {
    if (this.read(key) === null) return ABSENT;
    this.store.commitUploadId(key, upload_id);
    const upload = this.read(key);
    return upload === null ? ABSENT : { ok: true, upload };
  }

  /** With what is known of its parts, `etags` included. */
  async readParts(claims: Claims, { key, etags = [] }: { key: string; etags?: PartEtags }): Promise<Result<{ upload: Upload; etags: PartEtags }>> {
    const admitted = await this.admit(claims);
    if (!admitted.ok) return admitted;
    const upload = this.read(key);
    if (upload === null) return ABSENT;
    if (etags.length > 0 && upload.upload_id !== null) this.store.commitEtags(key, etags);
    return { ok: true, upload, etags: upload.upload_id === null ? [] : this.store.readEtags(key) };
  }

  /** It is a message's file now. */
  sent(key: string): void {
    this.store.commitGone(key);
  }

  drop(key: string): void {
    if (this.core.isRegistered) this.store.commitGone(key);
  }

  private waits(since: number, now: number): boolean {
    return since > now - this.core.settings.media_unsent_ms;
  }
}
