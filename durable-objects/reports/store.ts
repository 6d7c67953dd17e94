// All SQL of the Reports object: the queue of what users have told the operator.
import { REPORTS_MIGRATIONS } from "../../migrations/reports.ts";
import type { Evidence, Report, ReportStatus } from "../../protocol/users.ts";
import { ObjectStore } from "../platform/object-store.ts";
import type { Row, Sql } from "../platform/sql.ts";

const COLUMNS = "no, report_id, status, reporter_id, conversation_id, msg_id, user_id, reason, evidence, reported_at, closed_at, note";
const WRITTEN_BY = "(reporter_id = ? AND reason <> '') OR (evidence ->> 'sender_id' = ? AND evidence ->> 'content' IS NOT NULL)";
/** How long a closed report is kept, ms, and how many one change forgets. */
const CLOSED_MS = 365 * 86_400_000;
const FORGOTTEN = 10;

export type NewReport = Pick<Report, "report_id" | "reporter_id" | "conversation_id" | "msg_id" | "user_id" | "reason" | "evidence" | "reported_at">;

export class ReportsStore extends ObjectStore {
  constructor(sql: Sql) {
    super(sql, REPORTS_MIGRATIONS);
  }

  commitReport(report: NewReport): void {
    this.sql.transaction(() => {
      this.migrate();
      this.sql.run(
        "INSERT INTO reports (report_id, status, reporter_id, conversation_id, msg_id, user_id, reason, evidence, reported_at) VALUES (?, 'open', ?, ?, ?, ?, ?, ?, ?)",
        report.report_id, report.reporter_id, report.conversation_id, report.msg_id, report.user_id, report.reason,
        report.evidence === null ? null : JSON.stringify(report.evidence), report.reported_at,
      );
      this.sql.run(
        "DELETE FROM reports WHERE no IN (SELECT no FROM reports WHERE status = 'closed' AND closed_at < ? ORDER BY closed_at LIMIT ?)",
        report.reported_at - CLOSED_MS, FORGOTTEN,
      );
    });
  }

  commitClosed(reportId: string, note: string | null, evidence: Evidence | null, now: number): void {
    this.sql.run(
      "UPDATE reports SET status = 'closed', closed_at = ?, note = ?, evidence = ? WHERE report_id = ?",
      now, note, evidence === null ? null : JSON.stringify(evidence), reportId,
    );
  }

  /** Reports that hold something this user wrote: in the copy of a message, or as what they told. */
  countBy(userId: string): number {
    return this.sql.all(`SELECT count(*) AS reports FROM reports WHERE ${WRITTEN_BY}`, userId, userId)[0]?.["reports"] as number;
  }

  commitErased(userId: string): void {
    this.sql.transaction(() => {
      this.sql.run("UPDATE reports SET reason = '' WHERE reporter_id = ?", userId);
      this.sql.run("UPDATE reports SET evidence = json_set(evidence, '$.content', NULL) WHERE evidence ->> 'sender_id' = ?", userId);
    });
  }

  readFiledBy(userId: string, after: number, limit: number): { no: number; report: Report }[] {
    return this.sql.all(`SELECT ${COLUMNS} FROM reports WHERE reporter_id = ? AND no > ? ORDER BY no LIMIT ?`, userId, after, limit)
      .map((row) => ({ no: row["no"] as number, report: toReport(row) }));
  }

  readReport(reportId: string): Report | null {
    const row = this.sql.all(`SELECT ${COLUMNS} FROM reports WHERE report_id = ?`, reportId)[0];
    return row === undefined ? null : toReport(row);
  }

  /** The reporter's open report of just this. */
  readSame(report: Pick<Report, "reporter_id" | "conversation_id" | "msg_id" | "user_id">): Report | null {
    const row = this.sql.all(
      `SELECT ${COLUMNS} FROM reports WHERE status = 'open' AND reporter_id = ? AND conversation_id = ? AND msg_id IS ? AND user_id IS ?`,
      report.reporter_id, report.conversation_id, report.msg_id, report.user_id,
    )[0];
    return row === undefined ? null : toReport(row);
  }

  /** Oldest first, behind the position `after`. */
  readPage(status: ReportStatus, after: number, limit: number): { no: number; report: Report }[] {
    return this.sql.all(`SELECT ${COLUMNS} FROM reports WHERE status = ? AND no > ? ORDER BY no LIMIT ?`, status, after, limit)
      .map((row) => ({ no: row["no"] as number, report: toReport(row) }));
  }
}

function toReport(row: Row): Report {
  return {
    report_id: row["report_id"] as string,
    status: row["status"] as ReportStatus,
    reporter_id: row["reporter_id"] as string,
    conversation_id: row["conversation_id"] as string,
    msg_id: row["msg_id"] as string | null,
    user_id: row["user_id"] as string | null,
    reason: row["reason"] as string,
    evidence: row["evidence"] === null ? null : (JSON.parse(row["evidence"] as string) as Evidence),
    reported_at: row["reported_at"] as number,
    closed_at: row["closed_at"] as number | null,
    note: row["note"] as string | null,
  };
}
