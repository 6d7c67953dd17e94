// Files as a person has them and uses them: chosen, dropped, pasted, looked at, kept.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";
import type { Person } from "./people.ts";

export interface OwnFile {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Where pages write files to and read them from, under `npm start`. */
export const STORE = "**/cdn-cgi/local/r2/s3/**";

/** A landscape, as large as asked for, and another each time. */
export async function photo(page: Page, name: string, width = 1_200, height = 800): Promise<OwnFile> {
  const base64 = await page.evaluate(async ({ w, h, hue }) => {
    const canvas = new OffscreenCanvas(w, h);
    const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
    const sky = context.createLinearGradient(0, 0, 0, h);
    sky.addColorStop(0, `hsl(${hue} 60% 30%)`);
    sky.addColorStop(1, `hsl(${hue + 140} 70% 65%)`);
    context.fillStyle = sky;
    context.fillRect(0, 0, w, h);
    context.fillStyle = "#14202a";
    context.fillRect(0, h * 0.7, w, h * 0.3);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
    return btoa(Array.from(new Uint8Array(await blob.arrayBuffer()), (byte) => String.fromCharCode(byte)).join(""));
  }, { w: width, h: height, hue: Math.floor(Math.random() * 360) });
  return { name, mimeType: "image/jpeg", buffer: Buffer.from(base64, "base64") };
}

/** Two seconds of an MP4 with a moving dot. */
export async function film(page: Page, name: string): Promise<OwnFile> {
  const base64 = await page.evaluate(async () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [320, 240];
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: "video/mp4" });
    const pieces: Blob[] = [];
    recorder.addEventListener("dataavailable", ({ data }) => pieces.push(data));
    recorder.start();
    const begun = performance.now();
    await new Promise<void>((resolve) => {
      const draw = (now: number): void => {
        context.fillStyle = `hsl(${(now / 10) % 360} 70% 60%)`;
        context.fillRect(((now - begun) / 2_000) * 300, 100, 20, 20);
        if (now - begun < 2_000) requestAnimationFrame(draw);
        else resolve();
      };
      requestAnimationFrame(draw);
    });
    await new Promise((resolve) => {
      recorder.addEventListener("stop", resolve, { once: true });
      recorder.stop();
    });
    return btoa(Array.from(new Uint8Array(await new Blob(pieces).arrayBuffer()), (byte) => String.fromCharCode(byte)).join(""));
  });
  return { name, mimeType: "video/mp4", buffer: Buffer.from(base64, "base64") };
}

/** By the file button. */
export async function choose(person: Person, ...files: OwnFile[]): Promise<void> {
  const chooser = person.page.waitForEvent("filechooser");
  await person.page.getByRole("button", { name: "Send files" }).click();
  await (await chooser).setFiles(files);
  for (const { name } of files) await person.page.getByRole("button", { name: `Take out ${name}` }).waitFor();
}

export async function sendFiles(person: Person, text: string, ...files: OwnFile[]): Promise<void> {
  await choose(person, ...files);
  await person.say(text);
}

/** As the browser gives them when they are dragged from outside, or pasted. */
export async function give(person: Person, how: "drop" | "paste", { name, mimeType, buffer }: OwnFile): Promise<void> {
  await person.page.evaluate(({ how: event, name: title, type, base64 }) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(base64), (unit) => unit.charCodeAt(0))], title, { type }));
    const common = { bubbles: true, cancelable: true };
    if (event === "paste") document.querySelector("#message")?.dispatchEvent(new ClipboardEvent("paste", { ...common, clipboardData: data }));
    else for (const kind of ["dragenter", "dragover", "drop"]) document.querySelector(".timeline")?.dispatchEvent(new DragEvent(kind, { ...common, dataTransfer: data }));
  }, { how, name, type: mimeType, base64: buffer.toString("base64") });
  await person.page.getByRole("button", { name: `Take out ${name}` }).waitFor();
}

/** A picture that has come to be itself. */
export function picture(person: Person, name: string): Locator {
  return person.page.getByRole("button", { name: `Open ${name}`, exact: true }).and(person.page.locator(".loaded"));
}

/** SHA-256 of what is at the address that an element shows. */
export async function shownBytes(element: Locator): Promise<string> {
  const address = (await element.getAttribute("src")) ?? "";
  expect(address).toMatch(/^http/);
  return sha256(new Uint8Array(await (await fetch(address)).arrayBuffer()));
}

/** Presses it, and answers what the browser kept. */
export async function kept(person: Person, press: Locator): Promise<{ name: string; sha256: string }> {
  const download = person.page.waitForEvent("download");
  await press.click();
  const one = await download;
  return { name: one.suggestedFilename(), sha256: sha256(readFileSync(await one.path())) };
}
