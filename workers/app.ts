// The edge's routes, in one place. Stateless: it checks who asks and what, and routes to an object.
import { Hono } from "hono";
import { cors } from "hono/cors";
import { type AppEnv, guard } from "./auth.ts";
import { answerError, errorResponse } from "./errors.ts";
import { admin } from "./routes/admin.ts";
import { adminUsers } from "./routes/admin-users.ts";
import { changes } from "./routes/changes.ts";
import { conversations } from "./routes/conversations.ts";
import { devices } from "./routes/devices.ts";
import { development } from "./routes/development.ts";
import { inbox } from "./routes/inbox.ts";
import { downloads } from "./routes/downloads.ts";
import { groups } from "./routes/groups.ts";
import { internal } from "./routes/internal.ts";
import { blocks } from "./routes/blocks.ts";
import { peopleArchive } from "./routes/people-archive.ts";
import { mediaArchive } from "./routes/media-archive.ts";
import { messages } from "./routes/messages.ts";
import { poll } from "./routes/poll.ts";
import { presence } from "./routes/presence.ts";
import { receipts } from "./routes/receipts.ts";
import { reports } from "./routes/reports.ts";
import { search } from "./routes/search.ts";
import { sockets } from "./routes/sockets.ts";
import { uploads } from "./routes/uploads.ts";
import { users } from "./routes/users.ts";

export const app = new Hono<AppEnv>();

app.onError(answerError);
app.use("*", guard);
// Before anything that touches an answer's headers: an upgrade's answer must stay the object's own.
app.route("/", sockets);
// `guard` has refused every foreign origin by now.
app.use("*", cors({ origin: (origin) => origin, allowHeaders: ["Authorization", "Content-Type"], allowMethods: ["GET", "POST", "PUT", "PATCH", "DELETE"], exposeHeaders: ["Retry-After"], maxAge: 600 }));
app.get("/v1/health", (context) => context.json({ ok: true }));
app.route("/", messages);
app.route("/", poll);
app.route("/", devices);
app.route("/", inbox);
app.route("/", conversations);
app.route("/", groups);
app.route("/", presence);
app.route("/", receipts);
app.route("/", users);
app.route("/", blocks);
app.route("/", reports);
app.route("/", adminUsers);
app.route("/", changes);
app.route("/", search);
app.route("/", uploads);
app.route("/", downloads);
app.route("/", admin);
app.route("/", internal);
app.route("/", peopleArchive);
app.route("/", mediaArchive);
app.route("/", development);

app.notFound((context) => {
  const routes = app.routes.filter((route) => route.method !== "ALL" && matches(route.path, context.req.path));
  if (routes.length === 0) return errorResponse("not_found");
  const allowed = [...new Set(routes.map((route) => route.method))].toSorted();
  return errorResponse("method_not_allowed", {}, { Allow: allowed.join(", ") });
});

function matches(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split("/"), path.split("/")];
  return wanted.length === given.length && wanted.every((part, i) => (part.startsWith(":") ? given[i] !== "" : part === given[i]));
}
