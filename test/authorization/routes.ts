// Every route, who gets past its door, and what each user finds behind it. The coverage test holds this table to the routes.
import { type Answers, everybody, managers, type Place, readers, type UserActor, writers } from "./actors.ts";

/** `either`: users and the service. `open`: anybody, with any token or none. */
export type Door = "open" | "user" | "service" | "either" | "archiver";

export interface Case {
  /** Told apart from the route's other cases. */
  name?: string;
  path: (place: Place) => string;
  body?: (place: Place) => unknown;
  headers?: Readonly<Record<string, string>>;
  /** `status`, with its code where it is an error. Without users: for whoever gets past the door. */
  users?: Answers<UserActor>;
  ok?: string;
}

export interface Route {
  door: Door;
  cases: readonly Case[];
}

const conversation = ({ conversation_id }: Place): string => `/v1/conversations/${conversation_id}`;
const member = (user: (place: Place) => string) => (place: Place): string => `${conversation(place)}/members/${user(place)}`;
const other = ({ other: user }: Place): string => user;
const self = ({ self: user }: Place): string => user;
const outsider = ({ outsider: user }: Place): string => user;
const fixed = (path: string) => (): string => path;
/** A user whom only these calls know: what is done to them harms nobody. */
const someone = ({ key }: Place): string => `/v1/admin/users/someone-${key}`;

const user = (path: Case["path"], users: Answers<UserActor>, more: Omit<Case, "path" | "users"> = {}): Route => ({ door: "user", cases: [{ path, users, ...more }] });
const either = (path: Case["path"], users: Answers<UserActor>, ok: string, body?: Case["body"]): Route => ({ door: "either", cases: [{ path, users, ok, ...(body === undefined ? {} : { body }) }] });
const service = (path: Case["path"], ok: string, body?: Case["body"]): Route => ({ door: "service", cases: [{ path, ok, ...(body === undefined ? {} : { body }) }] });

/** One that nobody has begun: whose upload is asked after is tried in test/media/uploads.e2e.test.ts. */
const uploadOf = ({ self: name }: Place): string => `/api/media/${encodeURIComponent(`up/${name}/${"0".repeat(32)}`)}`;

const NOWHERE = `g.${"0".repeat(32)}`;
/** A user whom nobody has registered. */
const nobody = ({ key }: Place): { user_id: string } => ({ user_id: `nobody-${key}` });
const archiver = (path: string, ok: string, body: Case["body"] & object): Route => ({ door: "archiver", cases: [{ path: fixed(`/internal/archive/${path}`), ok, body }] });

export const ROUTES: Readonly<Record<string, Route>> = {
  "GET /v1/ws": { door: "open", cases: [{ path: fixed("/v1/ws"), ok: "426 upgrade_required" }] },
  "GET /v1/health": { door: "open", cases: [{ path: fixed("/v1/health"), ok: "200" }] },
  "POST /dev/token": { door: "open", cases: [{ path: fixed("/dev/token"), body: ({ key }) => ({ user_id: `given-${key}` }), ok: "200" }] },
  "POST /v1/messages": {
    door: "user",
    cases: [
      { name: "to a conversation", path: fixed("/v1/messages"), body: ({ conversation_id, key }) => ({ conversation_id, content: "x", client_msg_id: key }), users: writers("201") },
      { name: "to a user", path: fixed("/v1/messages"), body: ({ other: to, key }) => ({ to, content: "x", client_msg_id: key }), users: { ...everybody("201"), blocked: "403 forbidden" } },
      { name: "in answer to what they may not see", path: fixed("/v1/messages"), body: ({ outsider: to, msg_id, key }) => ({ to, content: "x", client_msg_id: key, reply_to: msg_id }), users: everybody("404 not_found") },
    ],
  },
  "POST /v1/frames": user(fixed("/v1/frames"), everybody("200"), { body: ({ conversation_id }) => ({ type: "open", conversation_id }) }),
  "GET /v1/poll": user(fixed("/v1/poll?wait=0&user_seq=0"), everybody("200")),
  "GET /v1/devices": user(fixed("/v1/devices"), everybody("200")),
  "PUT /v1/devices/:device_id": user(({ key }) => `/v1/devices/d-${key}`, everybody("200"), { body: ({ key }) => ({ platform: "apns", token: key }) }),
  "DELETE /v1/devices/:device_id": user(fixed("/v1/devices/nobodys"), everybody("404 not_found")),
  "GET /v1/history/:conversation_id": user(({ conversation_id }) => `/v1/history/${conversation_id}`, readers("200")),
  "GET /v1/conversations": user(fixed("/v1/conversations"), everybody("200")),
  "POST /v1/conversations": user(fixed("/v1/conversations"), everybody("201"), { body: ({ outsider: invited }) => ({ kind: "group", title: "T", members: [invited] }) }),
  "PATCH /v1/inbox/:conversation_id": user(({ conversation_id }) => `/v1/inbox/${conversation_id}`, readers("200"), { body: () => ({ muted: true }) }),
  "GET /v1/conversations/:conversation_id": user(conversation, readers("200")),
  "PATCH /v1/conversations/:conversation_id": user(conversation, managers("200"), { body: ({ key }) => ({ title: `T ${key}` }) }),
  "PUT /v1/conversations/:conversation_id/members/:user_id": {
    door: "either",
    cases: [
      { name: "somebody new", path: member(outsider), users: managers("201"), ok: "201" },
      { name: "somebody new as an admin", path: member(outsider), body: () => ({ role: "admin" }), users: { ...managers("201"), admin: "403 forbidden" }, ok: "201" },
      { name: "a role", path: member(other), body: () => ({ role: "admin" }), users: { ...readers("403 forbidden"), owner: "201" }, ok: "201" },
      { name: "somebody banned", path: member(({ banned }) => banned), users: readers("403 forbidden"), ok: "403 forbidden" },
      { name: "themselves", path: member(self), users: { ...readers("200"), blocked: "403 forbidden" }, ok: "404 unknown_user" },
    ],
  },
  "DELETE /v1/conversations/:conversation_id/members/:user_id": {
    door: "either",
    cases: [
      { name: "another", path: member(other), users: { ...managers("204") }, ok: "204" },
      { name: "themselves", path: member(self), users: { ...readers("204"), blocked: "403 forbidden" }, ok: "404 not_found" },
    ],
  },
  "POST /v1/conversations/:conversation_id/invites": either((place) => `${conversation(place)}/invites`, managers("201"), "201", () => ({})),
  "GET /v1/conversations/:conversation_id/invites": either((place) => `${conversation(place)}/invites`, managers("200"), "200"),
  "DELETE /v1/conversations/:conversation_id/invites/:invite_id": either((place) => `${conversation(place)}/invites/${place.invite.invite_id}`, managers("204"), "204"),
  "POST /v1/invites/:token": user(({ invite }) => `/v1/invites/${invite.token}`, { ...everybody("201"), banned: "404 invite_invalid", member: "200", admin: "200", owner: "200" }),
  "GET /v1/conversations/:conversation_id/bans": either((place) => `${conversation(place)}/bans`, managers("200"), "200"),
  "PUT /v1/conversations/:conversation_id/bans/:user_id": either((place) => `${conversation(place)}/bans/${place.other}`, managers("201"), "201"),
  "DELETE /v1/conversations/:conversation_id/bans/:user_id": either((place) => `${conversation(place)}/bans/${place.banned}`, managers("204"), "204"),
  "GET /v1/conversations/:conversation_id/receipts": user((place) => `${conversation(place)}/receipts?msg_id=${place.msg_id}`, readers("200")),
  "GET /api/media/:key/url": user(({ conversation_id, media_key }) => `/api/media/${encodeURIComponent(media_key)}/url?conversation_id=${conversation_id}`, readers("200")),
  "GET /v1/conversations/:conversation_id/messages/:msg_id/edits": user((place) => `${conversation(place)}/messages/${place.msg_id}/edits`, readers("200")),
  "GET /v1/conversations/:conversation_id/search": user((place) => `${conversation(place)}/search?q=x`, readers("200")),
  "GET /v1/search": user(fixed("/v1/search?q=x"), everybody("200")),
  "POST /v1/reports": user(fixed("/v1/reports"), readers("201"), { body: ({ conversation_id, msg_id }) => ({ conversation_id, msg_id, reason: "spam" }) }),
  "GET /v1/presence": user(({ other: asked }) => `/v1/presence?users=${asked}`, everybody("200")),
  "GET /v1/users": user(fixed("/v1/users?q=someone"), everybody("200")),
  "GET /v1/users/me": user(fixed("/v1/users/me"), everybody("200")),
  "PATCH /v1/users/me": user(fixed("/v1/users/me"), everybody("200"), { body: ({ key }) => ({ name: `Name ${key}` }) }),
  "GET /v1/users/:user_id": { door: "either", cases: [{ path: ({ other: asked }) => `/v1/users/${asked}`, users: everybody("200"), ok: "200" }] },
  "GET /v1/blocks": user(fixed("/v1/blocks"), everybody("200")),
  "PUT /v1/blocks/:user_id": user(({ outsider: blocked }) => `/v1/blocks/${blocked}`, everybody("200")),
  "DELETE /v1/blocks/:user_id": user(({ outsider: blocked }) => `/v1/blocks/${blocked}`, everybody("204")),
  "POST /api/media/upload-url": user(fixed("/api/media/upload-url?type=image&size=10"), everybody("200"), { body: () => ({ sha256: "0".repeat(64), content_type: "image/png" }) }),
  "POST /api/media/:key/parts": user((place) => `${uploadOf(place)}/parts?part=1`, everybody("404 media_not_found")),
  "GET /api/media/:key/parts": user((place) => `${uploadOf(place)}/parts`, everybody("404 media_not_found")),
  "POST /api/media/:key/complete": user((place) => `${uploadOf(place)}/complete`, everybody("404 media_not_found")),
  "DELETE /api/media/:key": user(uploadOf, everybody("404 media_not_found")),
  "GET /v1/admin/users/:user_id/sessions": service(({ other: asked }) => `/v1/admin/users/${asked}/sessions`, "200"),
  "GET /v1/admin/users/:user_id/pushes": service(({ other: asked }) => `/v1/admin/users/${asked}/pushes`, "200"),
  "GET /v1/admin/reports": service(fixed("/v1/admin/reports"), "200"),
  "PATCH /v1/admin/reports/:report_id": service(fixed("/v1/admin/reports/00000000-0000-4000-8000-000000000000"), "404 not_found", () => ({ status: "closed" })),
  "POST /v1/admin/users": service(fixed("/v1/admin/users"), "200", ({ key }) => ({ users: [{ user_id: `someone-${key}` }] })),
  "PUT /v1/admin/users/:user_id": service(someone, "200"),
  "GET /v1/admin/users/:user_id": service(({ other: asked }) => `/v1/admin/users/${asked}`, "200"),
  "POST /v1/admin/users/:user_id/deactivate": service((place) => `${someone(place)}/deactivate`, "404 unknown_user"),
  "POST /v1/admin/users/:user_id/reactivate": service((place) => `${someone(place)}/reactivate`, "404 unknown_user"),
  "POST /v1/admin/users/:user_id/revoke": service((place) => `${someone(place)}/revoke`, "404 unknown_user"),
  "GET /v1/admin/settings": service(fixed("/v1/admin/settings"), "200"),
  "PATCH /v1/admin/settings": service(fixed("/v1/admin/settings"), "200", () => ({})),
  "GET /v1/admin/metrics": service(fixed("/v1/admin/metrics"), "200"),
  "GET /v1/admin/conversations/:conversation_id/stats": service(({ conversation_id }) => `/v1/admin/conversations/${conversation_id}/stats`, "200"),
  "DELETE /v1/admin/conversations/:conversation_id/messages/:msg_id": service(({ conversation_id, msg_id }) => `/v1/admin/conversations/${conversation_id}/messages/${msg_id}`, "204"),
  "POST /internal/archive/chain": {
    door: "archiver",
    cases: [{ path: fixed("/internal/archive/chain"), ok: "404 not_found", body: () => ({ conversation_id: `g.${"0".repeat(32)}`, after: 0 }) }],
  },
  "POST /internal/archive/links": {
    door: "archiver",
    cases: [{ path: fixed("/internal/archive/links"), ok: "404 not_found", body: () => ({ conversation_id: `g.${"0".repeat(32)}`, from: 1, to: 1 }) }],
  },
  "POST /internal/archive/export/conversation": archiver("export/conversation", "404 not_found", () => ({ conversation_id: NOWHERE, part: "detail" })),
  "POST /internal/archive/export/user": archiver("export/user", "404 unknown_user", nobody),
  "POST /internal/archive/export/inbox": archiver("export/inbox", "404 unknown_user", (place) => ({ ...nobody(place), after: "", limit: 1 })),
  "POST /internal/archive/export/reports": archiver("export/reports", "200", (place) => ({ ...nobody(place), after: 0, limit: 1 })),
  "POST /internal/archive/erase/conversation": archiver("erase/conversation", "404 not_found", () => ({ conversation_id: NOWHERE, step: "people" })),
  "POST /internal/archive/erase/user": archiver("erase/user", "404 unknown_user", (place) => ({ ...nobody(place), dry_run: false })),
  "POST /internal/archive/erase/reports": archiver("erase/reports", "200", (place) => ({ ...nobody(place), dry_run: false })),
  "POST /internal/archive/erase/scrub": archiver("erase/scrub", "200", nobody),
  "POST /internal/archive/media/kept": archiver("media/kept", "200", () => ({})),
  "POST /internal/archive/media/sweep": archiver("media/sweep", "200", () => ({ contents: [], now: 0, dry_run: true })),
  "POST /internal/archive/media/hold": archiver("media/hold", "404 not_found", () => ({ conversation_id: NOWHERE, hold: { kind: "conversation", id: NOWHERE }, held: true, after: 0 })),
  "POST /internal/archive/events": {
    door: "archiver",
    cases: [{ path: fixed("/internal/archive/events"), ok: "404 not_found", body: () => ({ conversation_id: `g.${"0".repeat(32)}`, from: 1 }) }],
  },
  "POST /internal/archive/restore": {
    door: "archiver",
    cases: [{ path: fixed("/internal/archive/restore"), ok: "200", body: () => ({ step: "look", conversation_id: `g.${"0".repeat(32)}` }) }],
  },
  "POST /internal/archive/wrong": {
    door: "archiver",
    cases: [{
      path: fixed("/internal/archive/wrong"), ok: "404 not_found",
      body: () => ({ conversation_id: `g.${"0".repeat(32)}`, epoch: 1, from_seq: 1, to_seq: 1, reason: "gzip" }),
    }],
  },
  "POST /internal/archive/ack": {
    door: "archiver",
    cases: [{
      // Whoever has archived something of a conversation knows that there was one.
      path: fixed("/internal/archive/ack"), ok: "503 needs_restore",
      body: () => ({ format: 1, conversation_id: `g.${"1".repeat(32)}`, epoch: 1, from_seq: 1, to_seq: 1, count: 1, sha256: "0".repeat(64) }),
    }],
  },
};
