// What the driver does in the background must not end the process.
import { Client } from "cassandra-driver";
import { expect, test, vi } from "vitest";
import { controlOf, guardControl } from "../../archiver/stores/cassandra-control.ts";

/** The driver's own steps of a refresh, with another refresh beginning before this one's end. */
function tripping(client: Client): { refresh(): Promise<void> } {
  const control = controlOf(client);
  if (control === null) throw new Error("the driver has no control connection where it had one");
  Object.assign(control, {
    _refreshControlConnection: async () => void Object.assign(control, { connection: { endpointFriendlyName: "a node" } }),
    _refreshHosts: async () => undefined,
    _registerToConnectionEvents: async () => void Object.assign(control, { host: null, connection: null }),
  });
  return { refresh: () => control._refresh([][Symbol.iterator]()) };
}

const newClient = () => new Client({ contactPoints: ["127.0.0.1:1"], localDataCenter: "dc1" });

test("[B9] [C10] two refreshes of the control connection that trip over one another end nothing", async () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
  // The driver as it is: where this no longer fails, the guard has become needless.
  await expect(tripping(newClient()).refresh()).rejects.toThrow(TypeError);
  const client = newClient();
  guardControl(client);
  await tripping(client).refresh();
  expect(said.mock.calls.flat().join("\n")).toContain("control_connection_failed");
});
