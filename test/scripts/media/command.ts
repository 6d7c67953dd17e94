// The operator's commands for media as the processes that they are.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { S3Config } from "../../../archiver/config.ts";

export interface Said {
  code: number | null;
  /** Lines on stdout. */
  out: string[];
  err: string;
}

/** @param name of the file below scripts/ */
export function mediaCommand(name: "media-lifecycle" | "media-sweep", env: Readonly<Record<string, string>>, args: readonly string[] = []): Promise<Said> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(`../../../scripts/${name}.ts`, import.meta.url)), ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  return new Promise((resolve) => {
    child.on("close", (code) => resolve({ code, out: out.split("\n").filter((line) => line !== ""), err }));
  });
}

export function storeEnvironment({ endpoint, region, bucket, accessKeyId, secretAccessKey }: S3Config): Record<string, string> {
  return { MEDIA_ENDPOINT: endpoint, MEDIA_REGION: region, MEDIA_BUCKET: bucket, MEDIA_ACCESS_KEY_ID: accessKeyId, MEDIA_SECRET_ACCESS_KEY: secretAccessKey };
}
