// Opens a line to a session's object.
import { LINE_HEADER, type LineRequest } from "../../protocol/line.ts";
import type { LineSocket, LinesPorts } from "./lines.ts";

export async function connectLine(session: Pick<Fetcher, "fetch">, request: LineRequest, ends: Parameters<LinesPorts["connect"]>[1]): Promise<LineSocket | null> {
  const response = await session.fetch("https://session/line", { headers: { Upgrade: "websocket", [LINE_HEADER]: JSON.stringify(request) } });
  const ws = response.webSocket;
  if (ws === null) return null;
  let over = false;
  const gone = (): void => {
    if (!over) ends.gone();
    over = true;
  };
  ws.addEventListener("message", ({ data }) => {
    if (!over) ends.heard(String(data));
  });
  ws.addEventListener("close", gone);
  ws.addEventListener("error", gone);
  ws.accept();
  return {
    send: (message) => ws.send(message),
    close: () => {
      over = true;
      try {
        ws.close(1000);
      } catch {
        // It is closed already, which is what was wanted.
      }
    },
  };
}
