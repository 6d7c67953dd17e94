// Code from chat.proto, by buf and protobuf-es. Needs no network.
import { execFileSync } from "node:child_process";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..", "..");
export const PROTO = path.join(root, "protocol", "chat.proto");
export const GENERATED = path.join(root, "protocol", "generated");

/** Throws with what buf says. `protocol/chat_pb.ts` comes to lie in `folder`. */
export function generate(folder: string): void {
  const bin = path.join(root, "node_modules", ".bin");
  const template = { version: "v2", plugins: [{ local: path.join(bin, "protoc-gen-es"), out: folder, opt: ["target=ts", "import_extension=ts"] }] };
  execFileSync(path.join(bin, "buf"), ["generate", "protocol", "--template", JSON.stringify(template)], { cwd: root, stdio: ["ignore", "inherit", "pipe"] });
}
