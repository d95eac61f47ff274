// Keeps the files of a mirror without a server, so that it works without a network; see offline.js. `narcissus site` writes down what there
// is: with any change of a file this file changes, and the browser takes all of them anew.

const SITE = { version: "", page: [], large: [] };
const PAGE = `narcissus-${SITE.version}`, LARGE = "narcissus-large";

// Nobody else may look into the page: then it may share memory among threads.
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

addEventListener("install", event => event.waitUntil(
  caches.open(PAGE).then(cache => cache.addAll(SITE.page.map(url => new Request(url, { cache: "reload" })))),
));

addEventListener("activate", event => event.waitUntil(tidy().then(() => clients.claim())));

addEventListener("message", ({ data }) => data === "take over" && skipWaiting());

addEventListener("fetch", event => {
  const { method, url } = event.request;
  if (method === "GET" && new URL(url).origin === location.origin) event.respondWith(answer(event));
});

async function tidy() {
  const old = (await caches.keys()).filter(name => name.startsWith("narcissus-") && ![PAGE, LARGE].includes(name));
  await Promise.all(old.map(name => caches.delete(name)));
  const large = await caches.open(LARGE), wanted = new Set(SITE.large.map(url => new URL(url, location).href));
  const gone = (await large.keys()).filter(request => !wanted.has(request.url));
  await Promise.all(gone.map(request => large.delete(request)));
}

async function answer(event) {
  const { request } = event;
  const kept = await (await caches.open(PAGE)).match(request, { ignoreSearch: true }) ?? await (await caches.open(LARGE)).match(request);
  if (kept) return own(kept);
  const response = await fetch(request);
  // Module and pack are kept once somebody needs them; their addresses change with their bytes. Where there is no room for them they are fetched
  // each time.
  const isLarge = SITE.large.some(url => new URL(url, location).href === request.url);
  if (isLarge && response.ok) {
    const copy = response.clone();
    event.waitUntil(caches.open(LARGE).then(cache => cache.put(request, copy)).catch(() => {}));
  }
  return own(response);
}

function own(response) {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
