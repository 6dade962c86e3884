/**
 * Shows a page of ours instead of the browser's own when the server cannot be reached. Keeps that page and its style
 * sheets and nothing else: what people read and write stays on the server.
 */

const KEPT = "hearth-offline";
const PAGE = "/offline/";

addEventListener("install", (event) => {
  event.waitUntil(keep().then(() => self.skipWaiting()));
});

addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate" && request.method === "GET") event.respondWith(fetch(request).catch(() => kept(PAGE)));
  else if (request.destination === "style") event.respondWith(fetch(request).catch(() => kept(request)));
});

async function keep() {
  const page = await fetch(PAGE, { credentials: "omit", cache: "reload" });
  if (!page.ok) throw new Error(`The page without a connection was answered with ${page.status}.`);
  const styles = [...(await page.clone().text()).matchAll(/href="([^"]+\.css)"/gu)].map(([, address]) => address);
  const cache = await caches.open(KEPT);
  await cache.put(PAGE, page);
  await cache.addAll(styles);
}

/** @param {RequestInfo} request */
async function kept(request) {
  const cache = await caches.open(KEPT);
  return (await cache.match(request)) ?? Response.error();
}
