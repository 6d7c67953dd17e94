// Every method of every object, and why its caller may call it. An object can be called by the deployment's own code alone; this
// table says which of its methods look at who asks, and which rely on a door that stands before them.

/**
 * `member`: names a user, whose membership the conversation checks. `self`: the user's own object, reached by the name in their
 * checked token. `objects`: from one object to another, about what the caller owns. `service`, `archiver`: behind their doors.
 * `worker`: from the routes, which check what they pass on. `runtime`: the platform's own. `own`: no call but a part of the class.
 */
export type Kind = "member" | "self" | "objects" | "service" | "archiver" | "worker" | "runtime" | "own";

export const CALLS: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  Conversation: {
    append: "member", appendAny: "member", appendMedia: "member", mayDownload: "member", putMember: "member", removeMember: "member", rename: "member", describe: "member", history: "member",
    versions: "member", search: "member", resume: "member", receipts: "member", messageReceipts: "member", attach: "member", peek: "member", view: "member", typing: "member",
    configure: "member", invite: "member", invites: "member", revokeInvite: "member", join: "member", ban: "member", unban: "member", bans: "member",
    create: "worker", erase: "service", eraseSender: "archiver", exported: "archiver", stats: "service", archived: "archiver", chain: "archiver", links: "archiver", restore: "archiver", unsealed: "archiver", segmentWrong: "archiver", block: "objects", mediaStands: "objects", holdMedia: "archiver",
    alarm: "runtime",
    changePorts: "own", change: "own",
  },
  UserSession: {
    fetch: "self", admit: "self", send: "self", poll: "self", frames: "self", conversations: "self", changes: "self", searchable: "self", patchInbox: "self", presenceQuery: "self",
    putDevice: "self", deleteDevice: "self", listDevices: "self", readBlocks: "self", setBlock: "self", readAccount: "self", changeProfile: "self", claimCreation: "self",
    startUpload: "self", setUploadId: "self", readUpload: "self", dropUpload: "self",
    deliver: "objects", push: "objects", told: "objects", presenceOf: "objects", unwatch: "objects", presenceChanged: "objects", typingShown: "objects", reachable: "objects", knownHead: "objects",
    registered: "worker", register: "worker", readProfile: "worker", sessions: "service", pushes: "service", setAccess: "service",
    eraseUser: "archiver", scrub: "archiver", exportUser: "archiver", exportInbox: "archiver",
    webSocketMessage: "runtime", webSocketClose: "runtime", webSocketError: "runtime", alarm: "runtime",
    take: "own",
  },
  Directory: { claim: "objects", release: "objects", put: "objects", holder: "worker", find: "worker" },
  Reports: { file: "worker", list: "service", close: "service", eraseUser: "archiver", scrub: "archiver", exportReports: "archiver" },
  Blob: { expect: "objects", claim: "objects", release: "objects", locate: "worker", hold: "archiver", sweep: "archiver", alarm: "runtime" },
  Settings: { read: "worker", change: "service" },
};
