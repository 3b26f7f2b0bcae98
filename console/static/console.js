// What a page does beside htmx: says when its news stopped, and since when; "/" goes to the search box.
const SILENT_MS = 15_000;
const live = document.querySelector("[data-live]");
const lost = document.getElementById("lost");

if (live && lost) {
  let heard = Date.now();
  let trouble = "";
  const zone = { timeZone: "Asia/Shanghai", hour12: false };
  const show = (why) => {
    if (why && why !== trouble) {
      const [text, again] = lost.children;
      text.textContent = `${lost.dataset[why]} ${new Date(heard).toLocaleTimeString("zh-CN", zone)} +08:00`;
      again.hidden = why !== "ended";
    }
    trouble = why;
    lost.hidden = !why;
  };
  const fresh = () => {
    heard = Date.now();
    show("");
  };
  live.addEventListener("beat", fresh);
  live.addEventListener("htmx:sse:after:message", (event) => {
    if (!event.detail.message.event) fresh();
  });
  for (const why of ["stale", "ended", "full"]) live.addEventListener(why, () => show(why));
  live.addEventListener("htmx:sse:error", (event) => show(event.detail.status === 401 ? "ended" : "lost"));
  addEventListener("offline", () => show("lost"));
  setInterval(() => {
    if (!document.hidden && Date.now() - heard > SILENT_MS) show(trouble || "lost");
  }, 1_000);
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    document.getElementById("find")?.focus();
  }
});

// Going back from a ticket leads to its card, however the board was filtered.
document.addEventListener("click", (event) => {
  const card = event.target.closest("[data-card]");
  if (card) history.replaceState(null, "", `#${card.id}`);
});
const left = document.getElementById(location.hash.slice(1)); // :target is not there yet
if (left?.matches("[data-card]")) left.focus();

// The board: arrows move among its cards, "j" goes to the first.
const MOVES = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] };

const cardBeside = (card, [across, down]) => {
  const columns = [...document.querySelectorAll(".column ol")].filter((one) => one.children.length);
  const cards = (column) => [...column.querySelectorAll("[data-card]")];
  const column = card.closest("ol");
  const at = cards(column).indexOf(card);
  if (!across) return cards(column)[at + down];
  const beside = columns[columns.indexOf(column) + across];
  return beside && (cards(beside)[at] ?? cards(beside).at(-1));
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const card = event.target.closest("[data-card]");
  const next = card && event.key in MOVES ? cardBeside(card, MOVES[event.key]) : null;
  const found = event.key === "j" && !card ? document.querySelector("[data-card]") : next;
  if (found) {
    event.preventDefault();
    found.focus();
  }
});
