// The page's service worker: gives the page without a network, and sends what waits once there is one. Files: DIGEST
import { allTickets, recordsOf } from "./static/store.js";
import { news, synced, WAITING } from "./static/sync.js";

const FAMILY = "ticketbus-engineer-";
const CACHE = `${FAMILY}DIGEST`;
const PAGE = "/e/";
const STATIC = "/e/static/";
const FILES = [PAGE, ...[/* names */].map((name) => STATIC + name)];
const TAG = "engineer";

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(
    caches.open(CACHE).then((cache) => cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })))),
  );
});

addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => names.filter((name) => name.startsWith(FAMILY) && name !== CACHE))
      .then((old) => Promise.all(old.map((name) => caches.delete(name))))
      .then(() => clients.claim()),
  );
});

addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== location.origin) return;
  const page = event.request.mode === "navigate" && /^\/e\/[^/]*\/?$/.test(pathname);
  if (!page && !pathname.startsWith(STATIC)) return;
  event.respondWith(kept(page ? PAGE : pathname, event.request));
});

async function kept(path, request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? fetch(request);
}

addEventListener("sync", (event) => {
  if (event.tag === TAG) event.waitUntil(sendAll());
});

// Send what waits on every ticket; an error lets the browser come again.
async function sendAll() {
  const tickets = (await allTickets()).filter((one) => !one.endedAt);
  for (const { link } of tickets) {
    if (!(await recordsOf(link)).some((one) => one.state === WAITING)) continue;
    const outcome = await synced(link, () => news.postMessage(link));
    news.postMessage(link);
    if (outcome.kind === "later") throw new Error("later");
  }
}
