// The forms of the commands: which fields each asks for, and the fields of what was typed.
const text = (name, zh, en, more = {}) => ({ name, zh, en, kind: "text", ...more });
const REASON = text("reason", "原因", "reason", { required: true, max: 500 });
const NOTE = text("note", "备注", "note", { max: 500 });
const choice = (name, zh, en) => ({ name, zh, en, kind: "choice", required: true });
const tick = (name, zh, en) => ({ name, zh, en, kind: "tick", required: true });
const PHOTOS = { name: "photos", zh: "照片", en: "photos", kind: "photos" };

// What a button says where the table of steps says more than fits on one.
const NAMES = {
  start: ["处理方式", "go on in another way"],
  pause: ["暂停", "pause"],
  resume: ["恢复", "go on"],
  "add-evidence": ["拍照", "photo"],
  resolve: ["解决", "resolve"],
  "confirm-closure": ["凭客户验证码关闭", "close by the customer's code"],
};
export const nameOf = ({ command, zh, en }) => NAMES[command] ?? [zh, en];

export const FORMS = {
  accept: [NOTE],
  depart: [{ name: "expected_at", zh: "预计到达(北京时间)", en: "expected on site, Beijing time", kind: "time" }],
  arrive: [text("place", "到达地点", "place", { max: 500 })],
  start: [choice("substate", "处理方式", "what is done"), text("reason", "说明", "why", { max: 500 })],
  pause: [choice("waiting_for", "等待对象", "whom it waits for"), REASON],
  resume: [REASON],
  "request-parts": [
    { name: "parts", zh: "备件:每行一个料号,空格后写数量", en: "parts: one a line, number and quantity", kind: "parts" },
    REASON,
  ],
  note: [text("text", "备注内容", "remark", { kind: "lines", required: true, max: 10_000 })],
  "add-evidence": [{ ...PHOTOS, required: true }, text("caption", "照片说明", "caption", { max: 500 })],
  resolve: [
    choice("root_cause", "根因", "root cause"),
    text("summary", "处理摘要", "summary", { kind: "lines", required: true, max: 10_000 }),
    PHOTOS,
  ],
  "request-closure": [NOTE],
  "confirm-closure": [
    text("confirmed_by", "客户姓名", "the customer's name", { required: true, max: 500 }),
    tick("fully_solved", "客户确认:问题彻底解决", "the customer says: it is solved for good"),
    tick("no_side_risk", "客户确认:无衍生风险", "the customer says: no risk follows from it"),
    tick("no_follow_up", "客户确认:无需后续支持", "the customer says: no more support is needed"),
    text("code", "客户短信里的六位验证码", "the six digits of the customer's SMS", { required: true, max: 20 }),
  ],
};

export const fieldOf = (command, name) => FORMS[command]?.find((field) => field.name === name);

// Read `料号 数量` lines; a line that is none is a fault in words.
export function partsOf(lines) {
  const parts = [];
  for (const line of lines.split("\n").map((one) => one.trim()).filter(Boolean)) {
    const found = /^(\S+)(?:\s*[\s×xX*,,]\s*(\d{1,6}))?$/.exec(line);
    const quantity = Number(found?.[2] ?? 1);
    if (!found || quantity < 1) return { fault: line };
    parts.push({ part_no: found[1], quantity });
  }
  return parts.length ? { parts } : { fault: "" };
}
