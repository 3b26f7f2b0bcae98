// What the page shows: facts of the ticket, what can be done, what was recorded and what became of it.
import { both, element, time } from "./dom.js";
import { fieldOf, nameOf } from "./forms.js";
import { offered } from "./steps.js";
import { DONE, DROPPED, REFUSED, WAITING } from "./sync.js";

const STATES = {
  [WAITING]: ["待同步", "waiting"],
  [DONE]: ["已送达", "taken"],
  [REFUSED]: ["未被接受", "refused"],
  [DROPPED]: ["已放弃", "given up"],
};
const HIDDEN = new Set(["photo", "uri", "code", "ticks"]);
const pictures = new Map(); // addresses of photos that wait, by record

const wordOf = (words, code) => words.find((one) => one.code === code) ?? { zh: code, en: "" };
const line = (zh, en, ...shown) => [element("dt", {}, ...both(zh, en)), element("dd", {}, ...shown)];

export function facts(ticket, seen, waits) {
  const { state, substate, waiting_for: waiting } = ticket.words;
  const now = wordOf(state, seen.state);
  const more = seen.substate && seen.state === "in_progress" ? wordOf(substate, seen.substate) : null;
  const paused = seen.waiting_for ? wordOf(waiting, seen.waiting_for) : null;
  return [
    element("h1", {}, ticket.title, element("small", {}, ticket.ticket_id)),
    element(
      "p",
      { class: "state" },
      element("b", {}, now.zh, more ? ` · ${more.zh}` : ""),
      paused && element("span", { class: "paused" }, `暂停:${paused.zh}`),
      waits > 0 && element("span", { class: "waiting" }, "待同步"),
      element("small", { lang: "en" }, [now.en, more?.en, paused && `paused: ${paused.en}`].filter(Boolean).join(" · ")),
    ),
    element(
      "dl",
      {},
      ...(ticket.next_step && !waits ? due(ticket.next_step) : []),
      ...(ticket.resolve_by ? line("承诺解决", "promised by", time(ticket.resolve_by)) : []),
      ...customer(ticket.customer),
      ...(ticket.serial ? line("设备序列号", "serial number", ticket.serial) : []),
      ...(ticket.product ? line("产品", "product", ticket.product) : []),
      ...line("类型", "type", wordOf(ticket.words.type ?? [], ticket.type).zh),
      ...line("处理人 / 备份", "handler / backup", [ticket.assignee, ticket.backup].filter(Boolean).join(" / ")),
    ),
  ];
}

function due(step) {
  const late = step.overdue || (step.due_at && Date.parse(step.due_at) < Date.now());
  const until = step.due_at ? `${step.step_zh}(${time(step.due_at)} 前)` : step.step_zh;
  return line("下一步", "next", element("b", { class: late ? "late" : "" }, late ? `${until} 已超时` : until));
}

function customer({ name, phone, address }) {
  const dial = phone && element("a", { class: "dial", href: `tel:${phone.replace(/[^+\d]/g, "")}` }, `拨打 ${phone}`);
  return [
    ...(name || phone ? line("联系人", "contact", name || "—", dial) : []),
    ...(address ? line("地址", "address", address) : []),
  ];
}

export function actions(steps, chosen) {
  if (!steps.length) return [element("p", {}, ...both("现在没有可做的操作", "nothing to be done now"))];
  const button = (step) =>
    element("button", { type: "button", "data-command": step.command, onclick: () => chosen(step) }, ...both(...nameOf(step)));
  return [element("h2", {}, ...both("操作", "actions")), element("div", { class: "grid" }, ...steps.map(button))];
}

// A field of a form, as a person fills it.
export function input(field, ticket) {
  const named = { name: field.name, id: `field-${field.name}`, maxlength: field.max };
  const made = {
    text: () => element("input", { ...named, type: "text", autocomplete: "off" }),
    lines: () => element("textarea", { ...named, rows: 4 }),
    parts: () => element("textarea", { ...named, rows: 3, placeholder: "P-4711 1" }),
    time: () => element("input", { ...named, type: "datetime-local" }),
    photos: () => element("input", { ...named, type: "file", accept: "image/*", multiple: true }),
    tick: () => element("input", { ...named, type: "checkbox" }),
    choice: () => element("select", named, element("option", { value: "" }, "请选择"),
      ...ticket.words[field.name].map((one) => element("option", { value: one.code }, `${one.zh} ${one.en}`))),
  }[field.kind]();
  return element("label", {}, ...both(field.zh + (field.required ? " *" : ""), field.en), made);
}

// The records, the newest first; of a refused one a person decides, as long as the link holds.
export function records(all, words, decided, ticket) {
  if (!all.length) return [];
  const shown = all.map((record) => recorded(record, words, decided, ticket)).reverse();
  return [element("h2", {}, ...both("记录", "records")), element("ol", { class: "records" }, ...shown)];
}

// When it was recorded, by the bus's clock as far as it is known.
const timeOfRecord = (record) => record.at ?? record.deviceAt + (record.offset ?? 0);

// The bus names a step that a state does not take, and those that it takes, as commands: here they are buttons.
function why({ command, zh, en, problem }, ticket) {
  if (problem.code !== "not_now") return both(problem.zh, problem.en);
  if (!ticket) return both(`现在不能“${zh}”`, `no ${en} now`);
  if (ticket.steps[ticket.state].some((step) => step.command === command)) return both(`现在可以“${zh}”了,请再试一次`, "try again");
  const now = wordOf(ticket.words.state, ticket.state);
  const [first, second] = [0, 1].map((at) => offered(ticket).map((step) => nameOf(step)[at]).join(at ? ", " : "、"));
  return both(`工单现在是“${now.zh}”,不能“${zh}”;现在可以:${first || "无"}`, `it is ${now.en}; it takes ${second || "nothing"}`);
}

function recorded(record, words, decided, ticket) {
  const open = record.state === WAITING || record.state === REFUSED;
  const [zh, en] = open && !decided ? ["未送达", "not taken"] : STATES[record.state];
  const at = timeOfRecord(record);
  const off = Math.round((at - record.deviceAt) / 60_000);
  return element(
    "li",
    { class: record.state, "data-command": record.command },
    element("p", {}, element("b", {}, record.zh), element("time", {}, time(at)), element("span", { class: "mark" }, zh)),
    element("p", { class: "what" }, summary(record, words)),
    element("small", { lang: "en" }, `${record.en} · ${en}`),
    off !== 0 && element("small", {}, `手机时钟显示 ${time(record.deviceAt)},已按服务器时间校正`),
    record.photo && picture(record),
    record.problem && record.state !== DROPPED && element("p", { class: "problem" }, ...why(record, ticket)),
    record.state === REFUSED && decided && decision(record, decided),
  );
}

function decision(record, decided) {
  return element(
    "div",
    { class: "decide" },
    element("p", {}, ...both("后面的记录在等您决定:", "what follows waits for your decision:")),
    element("button", { type: "button", onclick: () => decided(record, WAITING) }, ...both("再试一次", "try again")),
    element("button", { type: "button", class: "plain", onclick: () => decided(record, DROPPED) }, ...both("放弃这一项", "give it up")),
  );
}

function picture(record) {
  if (!pictures.has(record.seq)) pictures.set(record.seq, URL.createObjectURL(record.photo));
  const address = pictures.get(record.seq);
  const named = `${record.fields.caption || "照片"}-${record.seq}`;
  return element("a", { href: address, download: named }, element("img", { src: address, alt: named, width: 96, height: 96 }));
}

export function summary({ command, fields }, words = {}) {
  const shown = ([name, value]) => {
    const field = fieldOf(command, name);
    if (field?.kind === "time") return `${field.zh} ${time(value)}`;
    if (name === "parts") return value.map((one) => `${one.part_no} × ${one.quantity}`).join("、");
    return words[name] ? wordOf(words[name], value).zh : String(value);
  };
  return Object.entries(fields).filter(([name, value]) => value && !HIDDEN.has(name) && name !== "kind").map(shown).join(";");
}

// What a link that ended leaves to its person: what was not taken, as a text to copy.
export function left(all, words) {
  const open = all.filter((one) => one.state === WAITING || one.state === REFUSED);
  const lines = open.map((one) => `${time(timeOfRecord(one))} ${one.zh} ${summary(one, words)}`.trim());
  return open.length ? lines.join("\n") : "";
}
