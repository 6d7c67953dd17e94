// What a route takes as its body and query, where a schema of the protocol says so.
import { ArchiveAck, ArchiveWrong } from "../../../protocol/archive.ts";
import { Draft } from "../../../protocol/frames/msg.ts";
import { ReceiptFrame } from "../../../protocol/frames/receipt.ts";
import { PartQuery, PartsBody, UploadBody, UploadQuery } from "../../../protocol/media.ts";
import { ErasePerson, ExportInbox, ExportPerson, ExportReports, ScrubObject } from "../../../protocol/person.ts";
import { CreateBody, DevTokenBody, HistoryQuery, MemberBody, PatchBody } from "../../../protocol/rest.ts";
import { InviteBody } from "../../../protocol/rest/groups.ts";
import { DeviceBody, InboxPatch, ListQuery, PollQuery } from "../../../protocol/rest/inbox.ts";
import { SearchQuery } from "../../../protocol/rest/search.ts";
import { SettingsPatch } from "../../../protocol/settings.ts";
import { BulkUsers, FindQuery, ProfilePatch, ReportBody, ReportPatch, ReportsQuery, RevokeBody } from "../../../protocol/users.ts";

export const BODIES: Readonly<Record<string, object>> = {
  "POST /v1/messages": Draft,
  "POST /v1/frames": ReceiptFrame,
  "POST /v1/conversations": CreateBody,
  "PATCH /v1/conversations/:conversation_id": PatchBody,
  "PUT /v1/conversations/:conversation_id/members/:user_id": MemberBody,
  "POST /v1/conversations/:conversation_id/invites": InviteBody,
  "PATCH /v1/inbox/:conversation_id": InboxPatch,
  "PUT /v1/devices/:device_id": DeviceBody,
  "PATCH /v1/users/me": ProfilePatch,
  "POST /v1/reports": ReportBody,
  "POST /api/media/upload-url": UploadBody,
  "POST /api/media/:key/parts": PartsBody,
  "POST /dev/token": DevTokenBody,
  "PATCH /v1/admin/reports/:report_id": ReportPatch,
  "POST /v1/admin/users": BulkUsers,
  "POST /v1/admin/users/:user_id/revoke": RevokeBody,
  "PATCH /v1/admin/settings": SettingsPatch,
  "POST /internal/archive/ack": ArchiveAck,
  "POST /internal/archive/wrong": ArchiveWrong,
  "POST /internal/archive/export/user": ExportPerson,
  "POST /internal/archive/export/inbox": ExportInbox,
  "POST /internal/archive/export/reports": ExportReports,
  "POST /internal/archive/erase/reports": ErasePerson,
  "POST /internal/archive/erase/scrub": ScrubObject,
};

export const QUERIES: Readonly<Record<string, object>> = {
  "GET /v1/history/:conversation_id": HistoryQuery,
  "GET /v1/conversations": ListQuery,
  "GET /v1/poll": PollQuery,
  "GET /v1/conversations/:conversation_id/search": SearchQuery,
  "GET /v1/search": SearchQuery,
  "GET /v1/users": FindQuery,
  "GET /v1/admin/reports": ReportsQuery,
  "POST /api/media/upload-url": UploadQuery,
  "POST /api/media/:key/parts": PartQuery,
};
