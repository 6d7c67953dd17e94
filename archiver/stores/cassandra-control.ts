// The driver looks after its control connection in the background, and begins anew where that is reset. Two of these at once trip over one
// another: the one takes the host away that the other is about to watch, and what is thrown then nobody catches, which ends the process.
// The other one goes on, so nothing is lost by catching it.
import type { Client } from "cassandra-driver";
import { errorFields, log } from "../../log/log.ts";

/** What of the driver is no part of its types. */
export interface ControlConnection {
  _refresh(...given: unknown[]): Promise<void>;
}

export function controlOf(client: Client): ControlConnection | null {
  const control: unknown = Reflect.get(client, "controlConnection");
  return typeof control === "object" && control !== null && typeof Reflect.get(control, "_refresh") === "function" ? (control as ControlConnection) : null;
}

export function guardControl(client: Client): void {
  const control = controlOf(client);
  if (control === null) return;
  const refresh = control._refresh.bind(control);
  control._refresh = async (...given) => {
    try {
      await refresh(...given);
    } catch (error) {
      log("warn", "control_connection_failed", { ...errorFields(error) });
    }
  };
}
