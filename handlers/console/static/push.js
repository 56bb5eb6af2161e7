// On the account's page: a press asks the browser for leave to show notices, and tells the office where to send them.
"use strict";
(() => {
  const form = document.getElementById("push");
  if (!form) return;
  const say = (id) => { for (const p of form.querySelectorAll("[data-say]")) p.hidden = p.dataset.say !== id; };
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) { say("none"); return; }
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const button = form.querySelector("button");
  say("ready");
  button.hidden = false;
  button.addEventListener("click", async (e) => {
    e.preventDefault();
    button.disabled = true;
    try {
      if (await Notification.requestPermission() !== "granted") { say("denied"); return; }
      await navigator.serviceWorker.register("/console/worker.js", { scope: "/console/" });
      const keeper = await navigator.serviceWorker.ready;
      const mine = await keeper.pushManager.getSubscription();
      if (mine && text(mine.options.applicationServerKey) !== form.dataset.key) await mine.unsubscribe();
      const told = await keeper.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(form.dataset.key) });
      form.elements.endpoint.value = told.endpoint;
      form.elements.p256dh.value = text(told.getKey("p256dh"));
      form.elements.auth.value = text(told.getKey("auth"));
      form.submit();
    } catch { say("failed"); } finally { button.disabled = false; }
  });
})();
