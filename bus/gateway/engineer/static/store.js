// What the phone keeps, in IndexedDB: tickets with their links, and what was recorded on them, in order.
// A record is written to the disk before it is shown as recorded: a tab or a phone may die at any moment.
const NAME = "ticketbus-engineer";
const KEPT_MS = 30 * 24 * 3_600_000; // of what was taken, and of tickets
const LOST = new Set(["InvalidStateError", "UnknownError", "AbortError"]); // what a lost connection fails with
let opened;

function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function database() {
  opened ??= connected().catch((error) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

function connected() {
  return new Promise((resolve, reject) => {
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
}

// Act on the database; where the system dropped its connection, as iOS does to a page put aside, once more on a new one.
async function connectedTo(act) {
  const connection = database();
  const base = await connection;
  try {
    return await act(base);
  } catch (error) {
    if (!LOST.has(error?.name)) throw error;
    if (opened === connection) opened = undefined;
    return act(await database());
  }
}

// All that `act` asks for, or nothing of it.
function writing(name, act) {
  return connectedTo((base) => new Promise((resolve, reject) => {
    const transaction = base.transaction(name, "readwrite", { durability: "strict" });
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new DOMException("aborted", "AbortError"));
    try {
      act(transaction.objectStore(name));
    } catch (error) {
      reject(error);
      transaction.abort();
    }
  }));
}

function reading(name, ask) {
  return connectedTo((base) => asked(ask(base.transaction(name).objectStore(name))));
}

export const ticketOf = (link) => reading("tickets", (tickets) => tickets.get(link));
export const allTickets = () => reading("tickets", (tickets) => tickets.getAll());
export const keepTicket = (ticket) => writing("tickets", (tickets) => tickets.put(ticket));
export const recordsOf = (link) => reading("records", (records) => records.index("link").getAll(link));

// Give records their places behind all others, all or none. Raises QuotaExceededError where the phone has no room.
export const addRecords = (added) => writing("records", (records) => added.forEach((record) => records.add(record)));
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
