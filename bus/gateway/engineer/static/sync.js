// Sends what was recorded: one after the other, each once in effect, by one tab or the worker at a time.
import { offsetOf, timeOf } from "./clock.js";
import { changeRecord, keepTicket, recordsOf, ticketOf } from "./store.js";

const ACTION_MS_MAX = 30_000;
const PHOTO_MS_MAX = 600_000;
const AGAIN_S = 5;
const PROBLEM = "urn:ticketbus:problem:"; // how the type of each refusal of the bus begins
const RETRIED = new Set([408, 425, 429]);

export const DONE = "done";
export const WAITING = "waiting";
export const REFUSED = "refused";
export const DROPPED = "dropped";
export const news = new BroadcastChannel("ticketbus-engineer");

// What a whole round came to: "done"; "refused", which waits for a person; "ended" link; or "later", in `again` seconds.
export function synced(link, changed = () => {}) {
  const round = () => sendAll(link, changed);
  return navigator.locks ? navigator.locks.request(`ticketbus-engineer ${link}`, round) : round();
}

async function sendAll(link, changed) {
  const contact = await refreshed(link);
  if (contact.kind !== DONE) return contact;
  await changed();
  let sent = 0;
  for (let next; (next = await head(link)); sent += 1) {
    if (next.record.state === REFUSED) return { kind: REFUSED };
    const outcome = await sendOne(link, next, contact);
    await changed();
    if (outcome.kind !== DONE) {
      if (sent || outcome.kind === "ended") await refreshed(link);
      return outcome;
    }
  }
  return sent ? refreshed(link) : { kind: DONE };
}

// The first record that is not settled, and when the one before it was.
async function head(link) {
  const records = await recordsOf(link);
  const record = records.find((one) => one.state === WAITING || one.state === REFUSED);
  return record && { record, before: Math.max(0, ...records.filter((one) => one.seq < record.seq).map((one) => one.at ?? 0)) };
}

// Read the ticket anew, and how far the bus's clock is ahead.
async function refreshed(link) {
  const outcome = await called(`/e/${link}/ticket`, {}, ACTION_MS_MAX, isTicket);
  const known = (await ticketOf(link)) ?? { link };
  if (outcome.kind === "ended") await keepTicket(ended(known, outcome.problem));
  if (outcome.kind !== DONE) return outcome;
  const busNow = Date.now() + outcome.offset;
  const number = outcome.answer.ticket_id;
  await keepTicket({ link, number, ticket: outcome.answer, offset: outcome.offset, heardAt: busNow });
  return { ...outcome, busNow };
}

// Of a link that opens nothing any more the customer's data goes; what was recorded stays for its person.
function ended(known, why) {
  return { ...known, ticket: null, words: known.ticket?.words ?? known.words, endedAt: known.endedAt ?? Date.now(), why };
}

async function sendOne(link, { record, before }, { answer, offset }) {
  if (record.at === undefined) {
    record.at = timeOf(record, offset, Date.now() + offset, before); // for good: a repeat has the very same content
    await changeRecord(record);
  }
  let fields = record.fields;
  if (record.photo) {
    const headers = { "Content-Type": record.photo.type || "application/octet-stream" };
    const upload = { method: "POST", body: record.photo, headers };
    const taken = await called(`/e/${link}/photos`, upload, PHOTO_MS_MAX, isFile);
    if (taken.kind !== DONE) return settled(record, taken);
    fields = { ...fields, uri: taken.answer.uri };
  }
  const body = JSON.stringify({
    command: record.command,
    at: new Date(record.at).toISOString(),
    device_at: new Date(record.deviceAt).toISOString(),
    fields,
  });
  const headers = { "Content-Type": "application/json", "Idempotency-Key": record.id };
  const isTaken = (given) => given.ticket_id === answer.ticket_id && Number.isInteger(given.version);
  return settled(record, await called(`/e/${link}/actions`, { method: "POST", body, headers }, ACTION_MS_MAX, isTaken));
}

async function settled(record, outcome) {
  if (outcome.kind === DONE) {
    delete record.photo;
    const { version } = outcome.answer;
    await changeRecord({ ...record, state: DONE, version, problem: null, settledAt: Date.now() });
  } else if (outcome.kind === REFUSED) {
    await changeRecord({ ...record, state: REFUSED, problem: outcome.problem });
  } else if (outcome.kind === "later" && outcome.problem && outcome.problem.zh !== record.problem?.zh) {
    await changeRecord({ ...record, problem: outcome.problem });
  }
  return outcome;
}

const isTicket = ({ ticket_id: number, state, steps }) => Boolean(number && steps?.[state]);
const isFile = ({ uri }) => Boolean(uri);

// Make a request, and say what its answer means. An answer that is none of the bus's, as `fits` knows its success and
// its type a refusal, comes from a network that wants a sign-in or from a proxy: it takes, refuses and ends nothing.
async function called(address, options, msMax, fits) {
  const sent = Date.now();
  let response;
  let text;
  try {
    response = await fetch(address, { ...options, cache: "no-store", signal: AbortSignal.timeout(msMax) });
    text = await response.text();
  } catch {
    return { kind: "later", again: AGAIN_S }; // no network, or no whole answer: whether it was taken tells the next try
  }
  const answer = parsed(text);
  if (!(response.ok ? fits(answer) : String(answer.type).startsWith(PROBLEM))) return strange(response);
  const offset = offsetOf(response.headers.get("date"), sent, Date.now());
  if (response.ok) return { kind: DONE, answer, offset };
  const { detail: zh = "", detail_en: en = "", field = "", code } = answer;
  const problem = { zh, en, field, code };
  if (response.status === 410) return { kind: "ended", problem };
  const again = Number(response.headers.get("retry-after")) || AGAIN_S;
  if (response.status >= 500 || RETRIED.has(response.status) || code === "in_flight") {
    return { kind: "later", again, problem };
  }
  return { kind: REFUSED, problem };
}

function strange({ ok, status }) {
  const kind = status === 413 ? REFUSED : "later"; // a proxy with little room for photos has it the next time, too
  const problem = ok
    ? { zh: "此网络没有把请求送到总线,可能要先登录无线网", en: "the network did not let it through: it may want a sign-in" }
    : { zh: `网络返回 HTTP ${status}`, en: `HTTP ${status}` };
  return { kind, again: AGAIN_S, problem };
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
