// The Directory object: one shard of handles or of words, on its own storage.
import { DurableObject } from "cloudflare:workers";
import type { Result } from "../../protocol/rpc.ts";
import type { DirectoryCalls, HandleCall, PutCall } from "../../protocol/rpc/users.ts";
import type { Found } from "../../protocol/users.ts";
import type { Env } from "../platform/env.ts";
import { count } from "../platform/metrics.ts";
import { objectSql } from "../platform/object-sql.ts";
import { scrubObject } from "../platform/scrub.ts";
import { Shard } from "./shard.ts";
import { DirectoryStore } from "./store.ts";

export class Directory extends DurableObject<Env> implements DirectoryCalls {
  private readonly shard: Shard;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const sql = objectSql(ctx.storage, (rows) => count("rows_written", rows));
    this.shard = new Shard(new DirectoryStore(sql), Date.now, async () => void (await scrubObject(ctx, sql)));
  }

  async claim(call: HandleCall): Promise<Result<object>> {
    return this.shard.claim(call);
  }

  async release(call: HandleCall): Promise<void> {
    return this.shard.release(call);
  }

  async holder(call: { handle: string }): Promise<string | null> {
    return this.shard.holder(call);
  }

  async put(call: PutCall): Promise<void> {
    return this.shard.put(call);
  }

  async find(call: { words: string[]; limit: number }): Promise<Found[]> {
    return this.shard.find(call);
  }
}
