// For tests in which nothing is erased.
import type { ChangePorts } from "../../durable-objects/conversation/changes.ts";
import { DEFAULT_SETTINGS } from "../../protocol/settings.ts";

export const NO_CHANGES: ChangePorts = { settings: () => DEFAULT_SETTINGS, erased: () => undefined };
