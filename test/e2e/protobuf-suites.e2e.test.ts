// The suites of order, resume, receipts and refusals once more, with sockets that speak `chat.v1.pb`: what holds for one
// encoding holds for the other.
import { beforeAll, describe } from "vitest";
import { speak } from "./raw-socket.ts";

beforeAll(() => speak("pb"));

// Each within its own, so that one product runs at a time.
describe("[D5] order over protobuf", async () => {
  await import("./order.e2e.test.ts");
});
describe("[D5] history and resume over protobuf", async () => {
  await import("./history.e2e.test.ts");
});
describe("[D5] receipts over protobuf", async () => {
  await import("./receipts.e2e.test.ts");
});
describe("[D5] what is not there over protobuf", async () => {
  await import("./not-found.e2e.test.ts");
});
