// The Blob object: one content and the messages that carry it. It alone has the content copied to its place, and removed.
import { DurableObject } from "cloudflare:workers";
import { errorFields, log } from "../../log/log.ts";
import type { BlobCalls } from "../../protocol/rpc/media.ts";
import type { BlobKeepingCalls } from "../../protocol/rpc/media-keeping.ts";
import { conversationOf, type Env } from "../platform/env.ts";
import { count } from "../platform/metrics.ts";
import { objectSql } from "../platform/object-sql.ts";
import { Tasks } from "../platform/tasks.ts";
import { currentSettings, loadSettings } from "../settings/current.ts";
import { Content } from "./content.ts";
import { filesOf } from "./files.ts";
import { BlobStore } from "./store.ts";

export class Blob extends DurableObject<Env> implements BlobCalls, BlobKeepingCalls {
  private readonly content: Content;
  private tasks: Tasks | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const store = new BlobStore(objectSql(ctx.storage, (rows) => count("rows_written", rows)));
    this.content = new Content(store, {
      files: filesOf(env),
      ask: async (conversationId, call) => {
        const { stands, absent } = await conversationOf(env, conversationId).mediaStands(call);
        return stands.map((stands) => (absent === true ? "absent" : stands ? "stands" : "gone"));
      },
      kept: () => {
        const { media_retention_ms: retention_ms, media_grace_ms: grace_ms } = currentSettings(env);
        return { retention_ms, grace_ms };
      },
      now: () => Date.now(),
      failed: (what, where, error) => log("warn", what, { ...where, ...errorFields(error) }),
      arm: () => this.tasks?.arm(Date.now()),
      forget: () => ctx.storage.deleteAll(),
    });
    count("wakes_blob");
    void ctx.blockConcurrencyWhile(async () => {
      await loadSettings(env);
      if (store.exists()) store.migrate();
      this.tasks = new Tasks(ctx.storage, await ctx.storage.getAlarm(), this.content.tasks, (task, error) => {
        count("task_failures");
        log("error", "task_failed", { blob: ctx.id.name ?? null, task, ...errorFields(error) });
      });
      this.tasks.arm(Date.now());
    });
  }

  async expect(call: Parameters<BlobCalls["expect"]>[0]): Promise<void> {
    this.content.expect(call);
  }

  claim(call: Parameters<BlobCalls["claim"]>[0]): ReturnType<BlobCalls["claim"]> {
    return this.content.claim(call);
  }

  async release(call: Parameters<BlobCalls["release"]>[0]): Promise<void> {
    this.content.release(call.references, call.at_once === true);
  }

  async locate(): ReturnType<BlobCalls["locate"]> {
    return this.content.locate();
  }

  hold(call: Parameters<BlobKeepingCalls["hold"]>[0]): ReturnType<BlobKeepingCalls["hold"]> {
    return this.content.keeping.hold(call);
  }

  async sweep(call: Parameters<BlobKeepingCalls["sweep"]>[0]): ReturnType<BlobKeepingCalls["sweep"]> {
    return { fates: this.content.keeping.sweep(call) };
  }

  override async alarm(): Promise<void> {
    await this.tasks?.fired(() => Date.now());
  }
}
