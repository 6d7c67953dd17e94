// The Worker's entry: the routes, and the object classes that the deployment binds.
import { app } from "./app.ts";

export { Conversation } from "../durable-objects/conversation/object.ts";
export { UserSession } from "../durable-objects/session/object.ts";
export { Directory } from "../durable-objects/directory/object.ts";
export { Reports } from "../durable-objects/reports/object.ts";
export { Blob } from "../durable-objects/blob/object.ts";
export { Settings } from "../durable-objects/settings/object.ts";

export default app;
