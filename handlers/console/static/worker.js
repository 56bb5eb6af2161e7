// What a browser keeps for the console: it shows a notice that arrives, and opens the console when it is pressed. It reads
// and keeps no page.
"use strict";
self.addEventListener("push", (e) => {
  let told = {};
  try { told = e.data.json(); } catch { /* a notice without words is a notice */ }
  e.waitUntil(self.registration.showNotification(told.title || "BAOM", { body: told.body || "", tag: "baom", renotify: true, lang: told.lang || "fr", dir: told.dir || "auto" }));
});
self.addEventListener("notificationclick", (e) => {
  e.notification.close();
  e.waitUntil((async () => {
    const open = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const mine = open.find((w) => w.url.startsWith(self.registration.scope));
    return mine ? mine.focus() : self.clients.openWindow(self.registration.scope);
  })());
});
