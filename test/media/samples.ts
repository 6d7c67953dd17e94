// Small files of every type that media take, made here from the formats' own rules: no player would refuse the PNG, the WAV, the
// Ogg Opus or the PDF; of the others there is what makes them what they are.
import { crc32, deflateRawSync, deflateSync } from "node:zlib";

type Bytes = Uint8Array<ArrayBuffer>;

const text = (content: string): Bytes => new TextEncoder().encode(content);
const hex = (digits: string): Bytes => Uint8Array.from(Buffer.from(digits, "hex"));
const u32 = (value: number): Bytes => hex(value.toString(16).padStart(8, "0"));
const u16le = (value: number): Bytes => new Uint8Array([value & 0xff, value >> 8]);
const u32le = (value: number): Bytes => u32(value).toReversed();

function join(...parts: readonly (Bytes | string)[]): Bytes {
  return Uint8Array.from(Buffer.concat(parts.map((part) => (typeof part === "string" ? text(part) : part))));
}

/** Bytes that say nothing, the same each time. @param seed tells files of one type apart */
function noise(length: number, seed: number): Bytes {
  let state = seed * 2_654_435_761 + 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

function pngChunk(type: string, body: Bytes): Bytes {
  const typed = join(type, body);
  return join(u32(body.length), typed, u32(crc32(typed)));
}

/** A picture of 64 by 64 points. @param comment a chunk that a reader skips */
export function png(seed = 1, comment: string | null = null): Bytes {
  const rows = Array.from({ length: 64 }, (_, y) => join(new Uint8Array(1), noise(64 * 3, seed * 64 + y)));
  return join(
    hex("89504e470d0a1a0a"), pngChunk("IHDR", join(u32(64), u32(64), hex("0802000000"))),
    ...(comment === null ? [] : [pngChunk("tEXt", join("Comment\0", comment))]),
    pngChunk("IDAT", Uint8Array.from(deflateSync(join(...rows)))), pngChunk("IEND", new Uint8Array()),
  );
}

const box = (type: string, ...parts: readonly (Bytes | string)[]): Bytes => {
  const body = join(...parts);
  return join(u32(body.length + 8), type, body);
};

/** ISO base media: its brand, a movie's header and data. */
function isoMedia(brand: string, seed: number): Bytes {
  return join(box("ftyp", brand, u32(0x200), brand, "isom"), box("moov", box("mvhd", new Uint8Array(100))), box("mdat", noise(6_000, seed)));
}

export const mp4 = (seed = 1): Bytes => isoMedia("mp42", seed);

const OGG_CRC = Array.from({ length: 256 }, (_, i) => Array.from({ length: 8 }).reduce<number>((crc) => ((crc << 1) ^ (crc & 0x80000000 ? 0x04c11db7 : 0)) >>> 0, i << 24));

function oggPage(packet: Bytes, flags: number, granule: number, sequence: number): Bytes {
  const lacing = [...Array.from<number>({ length: Math.floor(packet.length / 255) }).fill(255), packet.length % 255];
  const page = join("OggS", new Uint8Array([0, flags]), u32le(granule), u32le(0), u32le(0x1234), u32le(sequence), u32le(0), new Uint8Array([lacing.length, ...lacing]), packet);
  const crc = page.reduce((sum, byte) => ((sum << 8) ^ (OGG_CRC[(sum >>> 24) ^ byte] ?? 0)) >>> 0, 0);
  page.set(u32le(crc), 22);
  return page;
}

/** A second of silence, 50 packets of 20 ms. */
export function opus(seed = 1): Bytes {
  const head = join("OpusHead", new Uint8Array([1, 1]), u16le(312), u32le(48_000), hex("000000"));
  const vendor = `sample ${seed}`;
  const tags = join("OpusTags", u32le(vendor.length), vendor, u32le(0));
  const packets = Array.from({ length: 50 }, (_, i) => oggPage(hex("f8fffe"), i === 49 ? 4 : 0, 960 * (i + 1), i + 2));
  return join(oggPage(head, 2, 0, 0), oggPage(tags, 0, 0, 1), ...packets);
}

/** One empty page. */
export function pdf(seed = 1): Bytes {
  const objects = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${200 + seed} 200] >>`];
  let body = "%PDF-1.4\n";
  const places = objects.map((object, i) => {
    const at = body.length;
    body += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(at).padStart(10, "0")} 00000 n \n`;
  });
  return text(`${body}xref\n0 4\n0000000000 65535 f \n${places.join("")}trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n${body.length}\n%%EOF\n`);
}

/** An archive with one file of that name. */
function zip(name: string, content: string): Bytes {
  const [plain, packed] = [text(content), Uint8Array.from(deflateRawSync(content))];
  const head = join(hex("1400000008000000210021"), new Uint8Array(0));
  const entry = join(head.subarray(0, 10), u32le(crc32(plain)), u32le(packed.length), u32le(plain.length), u16le(name.length), u16le(0));
  const local = join(hex("504b0304"), entry, name, packed);
  const central = join(hex("504b0102"), hex("1400"), entry, hex("00000000000000000000"), u32le(0), name);
  return join(local, central, hex("504b0506"), hex("00000000"), u16le(1), u16le(1), u32le(central.length), u32le(local.length), u16le(0));
}

const office = (part: string, type: string): Bytes => zip(
  "[Content_Types].xml", `<?xml version="1.0"?><Types><Override PartName="${part}" ContentType="application/vnd.openxmlformats-officedocument.${type}.main+xml"/></Types>`,
);
const OFFICE = "application/vnd.openxmlformats-officedocument.";
const riff = (type: string, ...parts: readonly (Bytes | string)[]): Bytes => {
  const body = join(type, ...parts);
  return join("RIFF", u32le(body.length), body);
};
const wav = riff("WAVE", "fmt ", u32le(16), u16le(1), u16le(1), u32le(8_000), u32le(16_000), u16le(2), u16le(16), "data", u32le(200), new Uint8Array(200));
const webm = join(hex("1a45dfa39f4286810142f7810142f2810442f381084282847765626d42878104428581021853806701ffffffffffffff"), noise(200, 3));

/** Files of each type that is taken. */
export const FILES: Readonly<Record<string, readonly Bytes[]>> = {
  "image/png": [png(1), png(2)],
  "image/jpeg": [join(hex("ffd8ffe000104a46494600010100000100010000"), noise(500, 4), hex("ffd9"))],
  "image/gif": [join("GIF89a", hex("0100010080000000000000ffffff2c00000000010001000002024401003b"))],
  "image/webp": [riff("WEBP", "VP8 ", u32le(40), noise(40, 5))],
  "image/avif": [isoMedia("avif", 6)],
  "image/svg+xml": [text('<svg xmlns="http://www.w3.org/2000/svg"/>'), text('<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')],
  "video/mp4": [mp4(), isoMedia("isom", 7)],
  "video/webm": [webm],
  "video/quicktime": [isoMedia("qt  ", 8)],
  "audio/ogg": [opus()],
  "audio/mpeg": [join("ID3", hex("0300000000000a"), new Uint8Array(10), hex("fffb9064"), noise(400, 9)), join(hex("fffb9064"), new Uint8Array(413), hex("fffb9064"), new Uint8Array(413))],
  "audio/mp4": [isoMedia("M4A ", 10)],
  "audio/webm": [webm],
  "audio/wav": [wav],
  "application/pdf": [pdf()],
  "application/zip": [zip("a.txt", "hello")],
  "text/plain": [text("hello\n"), text("Grüße, 你好\n")],
  "text/csv": [text("a,b\n1,2\n")],
  "text/html": [text("<!doctype html><html><script>alert(1)</script></html>")],
  "application/json": [text('{"a": 1}\n')],
  "application/octet-stream": [noise(300, 11)],
  [`${OFFICE}wordprocessingml.document`]: [office("/word/document.xml", "wordprocessingml.document")],
  [`${OFFICE}spreadsheetml.sheet`]: [office("/xl/workbook.xml", "spreadsheetml.sheet")],
  [`${OFFICE}presentationml.presentation`]: [office("/ppt/presentation.xml", "presentationml.presentation")],
};

/** What somebody might call a picture, a film or a document. */
export const OTHER_FILES: Readonly<Record<string, Bytes>> = {
  program: join("MZ", new Uint8Array(200)),
  script: text("#!/bin/sh\necho hello\n"),
  page: text("<html><body onload=alert(1)></body></html>"),
  "script that begins as GIF does": text("GIF=1;alert(1)"),
  "nothing but zeros": new Uint8Array(64),
  archive: join("Rar!", hex("1a0701"), new Uint8Array(60)),
};

/** Pictures that are pages as well. */
export const POLYGLOTS: Readonly<Record<string, { type: string; bytes: Bytes }>> = {
  "GIF and script": { type: "image/gif", bytes: join("GIF89a/*", hex("0100010080000000"), "*/=1;/*<script>*/alert(1)//</script>") },
  "PNG with a page in a comment": { type: "image/png", bytes: png(3, "<!DOCTYPE html><body onload=alert(1)>") },
  "JPEG with a script in a comment": { type: "image/jpeg", bytes: join(hex("ffd8ffe000104a46494600010100000100010000fffe0030"), "<script>alert(1)</script>", noise(100, 12), hex("ffd9")) },
  "WAV that an HTML reader takes": { type: "audio/wav", bytes: join(wav, "<iframe src=javascript:alert(1)>") },
};
