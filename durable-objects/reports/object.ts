// The Reports object: the deployment's one queue of what users have told the operator. Low in rate: each reporter's reports
// are limited by their session before they get here.
import { DurableObject } from "cloudflare:workers";
import type { Result } from "../../protocol/rpc.ts";
import type { EraseUserCall, Scrubbed } from "../../protocol/rpc/erasure.ts";
import type { ReportsCalls } from "../../protocol/rpc/users.ts";
import type { Evidence, Report, ReportBody, ReportStatus } from "../../protocol/users.ts";
import type { Env } from "../platform/env.ts";
import { count } from "../platform/metrics.ts";
import { objectSql } from "../platform/object-sql.ts";
import { scrubObject } from "../platform/scrub.ts";
import { ReportsStore } from "./store.ts";

export class Reports extends DurableObject<Env> implements ReportsCalls {
  private readonly store: ReportsStore;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.store = new ReportsStore(objectSql(ctx.storage, (rows) => count("rows_written", rows)));
    if (this.store.exists()) this.store.migrate();
  }

  async file(call: ReportBody & { reporter_id: string; evidence: Evidence | null }): Promise<{ report: Report; created: boolean }> {
    const { reporter_id, conversation_id, reason, evidence } = call;
    const report = { reporter_id, conversation_id, msg_id: call.msg_id ?? null, user_id: call.user_id ?? null, reason, evidence };
    const same = this.store.exists() ? this.store.readSame(report) : null;
    if (same !== null) return { report: same, created: false };
    const report_id = crypto.randomUUID();
    const reported_at = Date.now();
    this.store.commitReport({ ...report, report_id, reported_at });
    count("reports_filed");
    return { report: { ...report, report_id, status: "open", reported_at, closed_at: null, note: null }, created: true };
  }

  async list(call: { status: ReportStatus; cursor: number | null; limit: number }): Promise<{ reports: Report[]; next_cursor: string | null }> {
    if (!this.store.exists()) return { reports: [], next_cursor: null };
    const rows = this.store.readPage(call.status, call.cursor ?? 0, call.limit + 1);
    const page = rows.slice(0, call.limit);
    return { reports: page.map(({ report }) => report), next_cursor: rows.length > page.length ? String(page.at(-1)?.no) : null };
  }

  async close(call: { report_id: string; note: string | null }): Promise<Result<{ report: Report }>> {
    const report = this.store.exists() ? this.store.readReport(call.report_id) : null;
    if (report === null) return { ok: false, code: "not_found" };
    if (report.status === "closed") return { ok: true, report };
    const evidence = report.evidence === null ? null : { ...report.evidence, content: null };
    const now = Date.now();
    this.store.commitClosed(call.report_id, call.note, evidence, now);
    return { ok: true, report: { ...report, status: "closed", evidence, closed_at: now, note: call.note } };
  }

  async eraseUser({ user_id, dry_run }: EraseUserCall): Promise<{ reports: number }> {
    if (!this.store.exists()) return { reports: 0 };
    const reports = this.store.countBy(user_id);
    if (!dry_run && reports > 0) this.store.commitErased(user_id);
    return { reports };
  }

  async scrub(): Promise<Scrubbed> {
    return { scrubbed: !this.store.exists() || (await scrubObject(this.ctx, this.store.sql)) };
  }

  async exportReports(call: { user_id: string; after: number; limit: number }): Promise<{ reports: Report[]; next: number | null }> {
    const rows = this.store.exists() ? this.store.readFiledBy(call.user_id, call.after, call.limit) : [];
    return { reports: rows.map(({ report }) => report), next: rows.length < call.limit ? null : (rows.at(-1)?.no ?? null) };
  }
}
