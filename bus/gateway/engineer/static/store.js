// What the phone keeps, in IndexedDB: tickets with their links, and what was recorded on them, in order.
// A record is written to the disk before it is shown as recorded: a tab or a phone may die at any moment.
const NAME = "ticketbus-engineer";
const KEPT_MS = 30 * 24 * 3_600_000; // of what was taken, and of tickets
let opened;

function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("tickets", { keyPath: "link" });
      const records = request.result.createObjectStore("records", { keyPath: "seq", autoIncrement: true });
      records.createIndex("link", "link");
    };
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function writing(name, act) {
  const base = await database();
  return new Promise((resolve, reject) => {
    const transaction = base.transaction(name, "readwrite", { durability: "strict" });
    let result;
    transaction.oncomplete = () => resolve(result);
    transaction.onabort = () => reject(transaction.error);
    asked(act(transaction.objectStore(name))).then((value) => (result = value), () => {});
  });
}

async function reading(name, ask) {
  return asked(ask((await database()).transaction(name).objectStore(name)));
}

export const ticketOf = (link) => reading("tickets", (tickets) => tickets.get(link));
export const allTickets = () => reading("tickets", (tickets) => tickets.getAll());
export const keepTicket = (ticket) => writing("tickets", (tickets) => tickets.put(ticket));
export const recordsOf = (link) => reading("records", (records) => records.index("link").getAll(link));

// Give a record its place behind all others. Raises QuotaExceededError where the phone has no room.
export const addRecord = (record) => writing("records", (records) => records.add(record));
export const changeRecord = (record) => writing("records", (records) => records.put(record));

// Forget what was taken or given up long ago, and tickets that nobody has looked at since; what waits stays.
export async function forgetOld(now) {
  for (const { link, heardAt, endedAt } of await allTickets()) {
    const records = await recordsOf(link);
    const old = records.filter((one) => one.settledAt && now - one.settledAt > KEPT_MS);
    for (const { seq } of old) await writing("records", (all) => all.delete(seq));
    const unseen = now - Math.max(heardAt ?? 0, endedAt ?? 0) > KEPT_MS;
    if (unseen && old.length === records.length) await writing("tickets", (all) => all.delete(link));
  }
}
