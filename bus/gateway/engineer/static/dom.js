// Elements, made without markup: what people wrote stays text.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((one) => one !== null && one !== undefined && one !== false));
  return made;
}

// Chinese first, English second.
export const both = (zh, en) => [element("span", {}, zh), ...(en ? [element("small", { lang: "en" }, en)] : [])];

const ZONE = { timeZone: "Asia/Shanghai", hour12: false, month: "2-digit", day: "2-digit" };
const CLOCK = new Intl.DateTimeFormat("zh-CN", { ...ZONE, hour: "2-digit", minute: "2-digit" });
export const time = (at) => CLOCK.format(new Date(at));

// What was typed as a date and a time of day, wherever the phone thinks it is: the page has one zone for all times.
export const instant = (typed) => new Date(`${typed}+08:00`);
