// The engineer's page: shows the ticket, records what is done on it, and lets it be sent.
import { mayClear, sentWhenClosed, startWorker } from "./browser.js";
import { both, element, instant, time } from "./dom.js";
import { FORMS, nameOf, partsOf } from "./forms.js";
import { actions, facts, input, left, records } from "./shown.js";
import { foreseen, offered } from "./steps.js";
import { addRecords, allTickets, changeRecord, forgetOld, recordsOf, ticketOf } from "./store.js";
import { DROPPED, news, REFUSED, synced, WAITING } from "./sync.js";

const AGAIN_S = { first: 5, most: 120 };
const LOOK_MS = 300_000; // no oftener: each read of the customer's data is recorded
const [, LINK = ""] = /^\/e\/([\w-]+(?:\.[\w-]+)*)/.exec(location.pathname) ?? []; // without what a chat put behind it
const VISIT_MS = { before: 3_600_000, after: 7 * 86_400_000 }; // the bus holds to it by the record's own time
const part = (id) => document.getElementById(id);
const dialog = part("form");
let kept; // the ticket as this phone has it
let recorded = [];
let outcome; // of the last round
let syncedAt;
let running;
let wanted = false;
let waitS = AGAIN_S.first;
let timer;
let mayBeCleared = false; // by the browser, as it did not promise to keep what the page stores

// Put elements in place of those of a part, unless they are what it shows: what somebody is about to press stays.
function show(id, signature, children) {
  if (part(id).dataset.shown === signature) return;
  part(id).dataset.shown = signature;
  part(id).replaceChildren(...children());
}

const unstored = ({ name }) => ({
  zh: `此浏览器现在不能保存记录(${name}):请退出无痕模式、重新打开本页,或换一个浏览器`,
  en: "this browser cannot store records now: leave private mode, open the page anew, or use another browser",
});

function showUnstored(error) {
  const { zh, en } = unstored(error);
  part("status").className = "refused";
  part("status").replaceChildren(...both(zh, en));
}

async function render() {
  try {
    [kept, recorded] = [await ticketOf(LINK), await recordsOf(LINK)];
  } catch (error) {
    return showUnstored(error);
  }
  const waits = recorded.filter((one) => one.state === WAITING).length;
  const refused = recorded.filter((one) => one.state === REFUSED).length;
  showStatus(waits, refused);
  const ticket = kept?.ticket;
  const words = ticket?.words ?? kept?.words ?? {};
  const content = JSON.stringify(recorded.map(({ photo, ...rest }) => [rest, Boolean(photo)]));
  const decided = kept?.endedAt ? null : decide;
  show("records", JSON.stringify([content, Boolean(decided), ticket]), () => records(recorded, words, decided, ticket));
  if (!ticket) return showEnded(words);
  const seen = foreseen(ticket, recorded);
  document.title = `${ticket.ticket_id} ${ticket.title}`;
  show("facts", JSON.stringify([ticket, seen, waits, Math.floor(Date.now() / 60_000)]), () => facts(ticket, seen, waits));
  const steps = offered(seen);
  show("actions", JSON.stringify(steps), () => actions(steps, (step) => openForm(step, ticket)));
}

function showEnded(words) {
  show("facts", `none ${kept?.endedAt}`, () => [element("h1", {}, "工单")]);
  const rest = left(recorded, words);
  show("actions", `ended ${kept?.endedAt} ${rest}`, () => {
    if (!kept?.endedAt) return [element("p", {}, ...both("还没有读到工单:请先联网打开一次", "open it once with a network"))];
    const copy = () => navigator.clipboard.writeText(rest).then(() => note("已复制", "copied"), () => part("left").select());
    return [
      element("p", { class: "warning" }, ...both(kept.why.zh, kept.why.en)),
      rest && element("label", {}, ...both("以下内容没有送达,请复制后交给派单员:", "not taken; copy it for the dispatcher:"),
        element("textarea", { id: "left", readonly: true, rows: 6 }, rest)),
      rest && element("button", { type: "button", onclick: copy }, ...both("复制", "copy")),
    ].filter(Boolean);
  });
}

function showStatus(waits, refused) {
  part("sync").hidden = !LINK || Boolean(kept?.endedAt);
  part("status").replaceChildren(...both(...statusWords(waits, refused)));
  part("unsafe").hidden = !(mayBeCleared && waits && kept?.ticket);
  part("status").setAttribute("aria-busy", Boolean(running));
  part("status").className = refused ? "refused" : waits ? "waiting" : "";
}

function statusWords(waits, refused) {
  if (kept?.endedAt) return ["链接已失效", "the link has ended"];
  if (refused) return [`有 ${refused} 项未被接受,请在下面处理`, `${refused} refused: decide below`];
  if (running && waits) return [`正在同步,还有 ${waits} 项`, `sending, ${waits} left`];
  const why = outcome?.kind === "later" ? outcome.problem ?? { zh: "没有网络,恢复后自动发送", en: "no network yet" } : null;
  if (waits) return [`${waits} 项待同步。${why?.zh ?? ""}`, `${waits} waiting. ${why?.en ?? ""}`];
  if (why && !kept?.ticket) return [why.zh, why.en];
  if (why) return [`${why.zh}(显示的是上次读到的内容)`, `${why.en}; shown as last read`];
  return syncedAt ? [`已全部同步 ${time(syncedAt)}`, "all is sent"] : ["正在读取…", "reading"];
}

function note(zh, en) {
  part("warning").hidden = !zh;
  part("warning").replaceChildren(...(zh ? both(zh, en) : []));
}

function sync() {
  waitS = AGAIN_S.first;
  return again();
}

// One round after another, never two at once in a tab; what tabs and worker do among each other is locked.
function again() {
  clearTimeout(timer);
  wanted = true;
  running ??= rounds().finally(() => {
    running = undefined;
    return render();
  });
  return running;
}

async function rounds() {
  while (wanted) {
    wanted = false;
    outcome = await synced(LINK, announce).catch((error) => ({ kind: "later", problem: unstored(error) }));
  }
  news.postMessage(LINK);
  if (outcome.kind !== "later") {
    waitS = AGAIN_S.first;
    if (outcome.kind === "done") syncedAt = Date.now() + (kept?.offset ?? 0);
    if (outcome.kind !== "ended") timer = setTimeout(look, LOOK_MS);
    return;
  }
  timer = setTimeout(again, Math.max(waitS, outcome.again ?? 0) * 1_000);
  waitS = Math.min(waitS * 2, AGAIN_S.most);
}

// What others do with the ticket is seen without a press; a page that is not looked at waits until it is.
function look() {
  if (!document.hidden) again();
}

async function announce() {
  news.postMessage(LINK);
  await render();
}

function newRecord(step, fields, photo) {
  const [zh, en] = nameOf(step);
  return {
    link: LINK, id: newId(), command: step.command, zh, en, fields, photo,
    deviceAt: Date.now(), offset: kept?.offset, heardAt: kept?.heardAt, state: WAITING,
  };
}

function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const decide = (chosen, state) => settleRefused(chosen, state).catch(showUnstored);

async function settleRefused(chosen, state) {
  if (state === DROPPED && !(await confirmed(chosen))) return;
  const [latest] = (await recordsOf(LINK)).filter((one) => one.seq === chosen.seq);
  if (latest?.state !== REFUSED) return render(); // another tab decided
  await changeRecord({ ...latest, state, settledAt: state === DROPPED ? Date.now() : undefined });
  await announce();
  await sync();
}

function confirmed(chosen) {
  return new Promise((resolve) => {
    const close = (answer) => () => (dialog.close(), resolve(answer));
    dialog.oncancel = () => resolve(false);
    dialog.replaceChildren(
      element("h2", {}, ...both(`放弃“${chosen.zh}”?`, "give it up?")),
      element("p", {}, ...both("它不会发送,但会留在记录里。", "it is not sent, and stays among the records")),
      element("button", { type: "button", onclick: close(true) }, ...both("放弃", "give up")),
      element("button", { type: "button", class: "plain", onclick: close(false) }, ...both("保留", "keep")),
    );
    dialog.showModal();
  });
}

function openForm(step, ticket) {
  const fault = element("p", { class: "problem", role: "alert", hidden: true });
  const button = element("button", {}, ...both("记录", "record"));
  const form = element(
    "form",
    { novalidate: true },
    element("h2", {}, ...both(...nameOf(step))),
    ...FORMS[step.command].map((field) => input(field, ticket)),
    fault,
    button,
    element("button", { type: "button", class: "plain", onclick: () => dialog.close() }, ...both("取消", "cancel")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const words = await submitted(step, form, ticket).catch(notRecorded);
    button.disabled = false;
    fault.hidden = !words;
    fault.replaceChildren(...(words ? both(...words) : []));
    if (!words) dialog.close();
  });
  dialog.oncancel = null;
  dialog.replaceChildren(form);
  dialog.showModal();
}

// Record what a form has; gives words for what is to be put right.
async function submitted(step, form, ticket) {
  const fields = {};
  let photos = [];
  for (const field of FORMS[step.command]) {
    const { value, files, checked } = form.elements[field.name];
    if (field.kind === "tick" && !checked) return [`请勾选:${field.zh}`, `not ticked: ${field.en}`];
    if (field.kind === "tick") (fields.ticks ??= []).push(field.name);
    if (field.kind === "tick") continue;
    if (field.kind === "photos") photos = [...files];
    if (field.required && !(files ? files.length : value.trim())) return [`请填写:${field.zh}`, `missing: ${field.en}`];
    if (field.kind === "photos" || !value.trim()) continue;
    fields[field.name] = value.trim();
    if (field.kind === "time") {
      const at = instant(fields[field.name]);
      if (Number.isNaN(at.getTime())) return [`看不懂这个时间:${value}`, `not a time: ${value}`];
      const ahead = at - Date.now() - (kept?.offset ?? 0);
      if (ahead < -VISIT_MS.before || ahead > VISIT_MS.after) return ["请核对日期和时间:应在今后 7 天内", "a time within 7 days"];
      fields[field.name] = at.toISOString();
    }
    if (field.kind === "parts") {
      const { parts, fault } = partsOf(value);
      if (!parts) return [`看不懂这一行备件:${fault}`, `not a line of a part: ${fault}`];
      fields.parts = parts;
    }
  }
  const large = photos.find((one) => one.size > ticket.file_bytes_max);
  if (large) return [`照片 ${large.name} 超过 ${Math.floor(ticket.file_bytes_max / 2 ** 20)} MiB`, "the photo is too large"];
  if (step.command === "resolve" && !photos.length && !foreseen(ticket, recorded).photos) {
    return ["解决需要至少一张照片,请先拍照", "a photo is needed"];
  }
  return stored(step, fields, photos, ticket);
}

async function stored(step, fields, photos, ticket) {
  const adding = step.command === "add-evidence" ? step : ticket.steps.in_progress.find((one) => one.command === "add-evidence");
  const copied = async (photo) => new Blob([await photo.arrayBuffer()], { type: photo.type }); // the gallery may lose its own
  const added = [];
  for (const photo of photos) added.push(newRecord(adding, { kind: "photo", caption: fields.caption }, await copied(photo)));
  if (step.command !== "add-evidence") added.push(newRecord(step, fields));
  await addRecords(added);
  await announce();
  mayClear().then((may) => (mayBeCleared = may)).then(render);
  sentWhenClosed();
  sync();
  return null;
}

function notRecorded(error) {
  if (error.name === "QuotaExceededError") {
    return ["手机存储空间已满,这一次一项也没有记下:请先同步或清理空间", "no room left on the phone: nothing of it is recorded"];
  }
  return [`没有记下,请再按一次“记录”。${unstored(error).zh}`, `not recorded: press again. ${error.message}`];
}

async function list() {
  const tickets = await allTickets();
  part("status").replaceChildren(...both("这部手机上的工单", "tickets on this phone"));
  const shown = tickets.filter((one) => one.ticket).map(({ link, ticket }) =>
    element("li", {}, element("a", { href: `/e/${link}` }, ticket.title, element("small", {}, ticket.ticket_id))));
  part("facts").replaceChildren(shown.length ? element("ul", {}, ...shown) : element("p", {}, ...both("没有工单", "none")));
}

async function begin() {
  await forgetOld(Date.now()).catch(() => {}); // whoever reads next says why
  if (!LINK) return list().catch(showUnstored);
  news.addEventListener("message", (event) => event.data === LINK && render());
  addEventListener("online", sync);
  document.addEventListener("visibilitychange", () => document.hidden || sync());
  part("sync").addEventListener("click", sync);
  await render();
  await sync();
}

startWorker(note);
begin();
