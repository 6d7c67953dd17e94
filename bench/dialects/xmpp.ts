// What an XMPP client says on a WebSocket (RFC 7395), without the client's own work: a unit is one stanza. What acknowledges a direct message is
// stream management's answer (XEP-0198): ejabberd works a client's stanzas off one after the other, and has this one in both archives by
// then. In a room it is one's own message coming back, which the room sends once it is in its archive.
import { once } from "node:events";
import WebSocket from "ws";
import { now } from "../generator/clock.ts";
import type { Address, Cursor, Device, Dialect, Seen } from "./dialect.ts";
import { archived, attribute } from "./xmpp-archive.ts";

export interface XmppOptions {
  url: string;
  password: string;
}

const HOST = "localhost";
const ROOMS = `muc.${HOST}`;
const WITHIN_MS = 20_000;
const FRAMING = "urn:ietf:params:xml:ns:xmpp-framing";
const SM = "urn:xmpp:sm:3";
const ASK = `<r xmlns='${SM}'/>`;
const MUC = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>";
/** It ends what a room says to who comes in. */
const SUBJECT = "<subject/>";
/** Those that the other side counts. */
const STANZA = /^<(?:message|presence|iq)[ >]/;
const MESSAGE = /^<message [^>]*>/;
const ANSWER = /^<a [^>]*\bh='(\d+)'/;

export function xmpp(options: XmppOptions): Dialect {
  /** The place of the first message of each archive: what a device has that was there for it. */
  const firsts = new Map<string, string>();
  return {
    // Each stanza names its recipient.
    alike: false,
    async connect(user) {
      const device = new XmppDevice(user, await dial(options, user, "bench"));
      await device.answer("<presence xmlns='jabber:client'/>", (unit) => unit.startsWith("<presence"));
      return device;
    },
    async createGroup(creator) {
      const room = `${crypto.randomUUID()}@${ROOMS}`;
      const device = new XmppDevice(creator, await dial(options, creator, "creator"));
      await device.join(room);
      await device.answer(`<iq xmlns='jabber:client' type='set' id='room' to='${room}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`, isResult);
      await device.close();
      return room;
    },
    enter: (device, room) => (device as XmppDevice).join(room),
    async catchUp(user, { missed }: Cursor) {
      const device = new XmppDevice(user, await dial(options, user, "bench"));
      const first = firsts.get(user) ?? (await archived(device, null, 1)).at(-1)?.place ?? null;
      if (first === null) throw new Error(`the archive of ${user} is empty`);
      firsts.set(user, first);
      const messages = await archived(device, first, missed);
      const at = now();
      await device.close();
      return { keys: messages.map(({ key }) => key), at };
    },
  };
}

function isResult(unit: string): boolean {
  return unit.startsWith("<iq") && unit.includes("type='result'");
}

/** Signed in, with a resource. */
async function dial({ url, password }: XmppOptions, user: string, resource: string): Promise<WebSocket> {
  const socket = new WebSocket(url, "xmpp", { perMessageDeflate: false, skipUTF8Validation: true });
  await once(socket, "open");
  const open = `<open xmlns='${FRAMING}' to='${HOST}' version='1.0'/>`;
  const secret = Buffer.from(`\0${user}\0${password}`).toString("base64");
  // Each is answered by that many units.
  await said(socket, open, 2);
  const [success = ""] = await said(socket, `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${secret}</auth>`, 1);
  if (!success.startsWith("<success")) throw new Error(`${user} was refused: ${success}`);
  await said(socket, open, 2);
  const [bound = ""] = await said(socket, `<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`, 1);
  if (!isResult(bound)) throw new Error(`${user} has no resource: ${bound}`);
  return socket;
}

function said(socket: WebSocket, text: string, answers: number): Promise<string[]> {
  const heard: string[] = [];
  return new Promise((resolve, reject) => {
    const closed = (code: number): void => reject(new Error(`the socket was closed with ${code}`));
    const take = (data: WebSocket.RawData): void => {
      heard.push((data as Buffer).toString());
      if (heard.length < answers) return;
      socket.off("message", take).off("close", closed);
      resolve(heard);
    };
    socket.on("message", take).once("close", closed);
    socket.send(text);
  });
}

export class XmppDevice implements Device {
  readonly user: string;
  private readonly socket: WebSocket;
  /** Direct messages that are not acknowledged, in their order, and how many are. */
  private readonly waiting: string[] = [];
  private acknowledged = 0;
  /** Since stream management is on; null: it is off. Only who waits for an acknowledgement asks for it. */
  private received: number | null = null;

  constructor(user: string, socket: WebSocket) {
    this.user = user;
    this.socket = socket;
    this.listen(() => undefined, () => undefined);
  }

  post(address: Address, keys: readonly string[], content: string): number {
    const direct = "to" in address;
    const head = direct ? `<message xmlns='jabber:client' type='chat' to='${address.to}@${HOST}' id='` : `<message xmlns='jabber:client' type='groupchat' to='${address.conversation_id}' id='`;
    const units = keys.map((key) => `${head}${key}'><body>${content}</body></message>`);
    if (direct) {
      if (this.received === null) units.unshift(`<enable xmlns='${SM}'/>`);
      this.received ??= 0;
      this.waiting.push(...keys);
      units.push(ASK);
    }
    for (const unit of units) this.socket.send(unit);
    return units.reduce((sum, unit) => sum + unit.length, 0);
  }

  read(unit: Buffer): Seen[] {
    const text = unit.toString();
    const answer = ANSWER.exec(text);
    if (answer !== null) return this.acks(Number(answer[1]));
    const [head] = MESSAGE.exec(text) ?? [];
    if (head === undefined) return [];
    const key = attribute(head, "id");
    if (attribute(head, "type") === "error") throw new Error(`the server says ${text}`);
    // A room's subject has none.
    if (key === null) return [];
    const [room, nick] = (attribute(head, "from") ?? "").split("/");
    const group = attribute(head, "type") === "groupchat";
    // Its place in the archive, which all of a room are told alike.
    return [{ key, ack: group && nick === this.user, conversation_id: room ?? "", seq: Number(/<stanza-id [^>]*\bid='(\d+)'/.exec(text)?.[1] ?? 0) }];
  }

  listen(heard: (unit: Buffer) => void, closed: (error: Error) => void): void {
    this.socket.removeAllListeners("message").on("message", (data) => {
      const unit = data as Buffer;
      const text = unit.length > ASK.length ? unit.toString("latin1", 0, ASK.length) : unit.toString();
      if (text.startsWith("<r ")) this.socket.send(`<a xmlns='${SM}' h='${this.received ?? 0}'/>`);
      else if (text.startsWith("<failed") || text.startsWith("<close")) closed(new Error(`${this.user} was told ${unit.toString()}`));
      else if (!text.startsWith("<enabled")) {
        if (this.received !== null && STANZA.test(text)) this.received += 1;
        heard(unit);
      }
    });
    this.socket.removeAllListeners("close").on("close", (code: number) => closed(new Error(`the socket of ${this.user} was closed with ${code}`)));
  }

  /** Everything that comes until one is the last. */
  answer(text: string, last: (unit: string) => boolean): Promise<string[]> {
    const units: string[] = [];
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${this.user} got no answer to ${text}`)), WITHIN_MS);
      this.listen((data) => {
        const unit = data.toString();
        units.push(unit);
        if (!last(unit)) return;
        clearTimeout(late);
        resolve(units);
      }, (error) => {
        clearTimeout(late);
        reject(error);
      });
      this.socket.send(text);
    });
  }

  async join(room: string): Promise<void> {
    await this.answer(`<presence xmlns='jabber:client' to='${room}/${this.user}'>${MUC}</presence>`, (unit) => unit.startsWith("<message") && unit.includes(SUBJECT));
  }

  async close(): Promise<void> {
    this.socket.removeAllListeners("message").removeAllListeners("close");
    this.socket.close(1000);
    if (this.socket.readyState !== WebSocket.CLOSED) await once(this.socket, "close");
  }

  private acks(upTo: number): Seen[] {
    const keys = this.waiting.splice(0, upTo - this.acknowledged);
    this.acknowledged = upTo;
    return keys.map((key) => ({ key, ack: true, conversation_id: "", seq: 0 }));
  }
}
