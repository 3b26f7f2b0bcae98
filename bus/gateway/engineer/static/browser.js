// What the page asks of its browser: to keep what it stores, to open it without a network, to send once it is closed.

// Whether the browser may clear what the page stores when room is short.
export async function mayClear() {
  const storage = navigator.storage;
  try {
    return Boolean(storage?.persist) && !(await storage.persisted()) && !(await storage.persist());
  } catch {
    return true; // it promised nothing, and may store all the same
  }
}

export function sentWhenClosed() {
  navigator.serviceWorker?.ready.then((worker) => worker.sync?.register("engineer")).catch(() => {});
}

// Start the service worker; `note` says what does not work without it.
export async function startWorker(note) {
  if (!window.isSecureContext || !navigator.serviceWorker) {
    return note("此地址不是 HTTPS,没有网络时打不开", "not HTTPS: it does not open without a network");
  }
  const policy = window.trustedTypes?.createPolicy("worker", { createScriptURL: (address) => address });
  const address = policy ? policy.createScriptURL("/e/worker.js") : "/e/worker.js";
  try {
    await navigator.serviceWorker.register(address, { type: "module", scope: "/e/" });
  } catch {
    if (navigator.onLine) note("此浏览器不能离线打开本页", "this browser cannot open the page without a network");
  }
}
