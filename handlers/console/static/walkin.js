// The walk-in page without a connection: what is typed stays in this browser until it has been sent, once. It is under the
// officer's own id, is cleared at log-out, and nobody else's is left.
"use strict";
(() => {
  const form = document.getElementById("walkin"), kept = document.querySelector(".kept");
  const mine = "walkin:" + form.dataset.officer, waiting = "walkin-out:" + form.dataset.officer;
  for (const key of Object.keys(localStorage)) if (key.startsWith("walkin") && key !== mine && key !== waiting) localStorage.removeItem(key);

  const read = (key) => { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } };
  const fields = () => [...new FormData(form)].filter(([, v]) => typeof v === "string");
  const fresh = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  const keep = () => localStorage.setItem(mine, JSON.stringify(fields()));
  const fill = (list) => {
    for (const el of form.elements) if (el.type === "checkbox") el.checked = list.some(([n, v]) => n === el.name && v === el.value);
    for (const [name, value] of list) {
      const el = form.elements[name];
      if (el && el.type !== "checkbox") el.value = value;
    }
  };
  const typed = read(mine);
  if (typed && !document.querySelector(".fault[role=alert]")) fill(typed);
  form.addEventListener("input", keep);
  form.addEventListener("change", keep);

  const out = () => read(waiting) ?? [];
  const show = (lost) => {
    const n = out().length;
    kept.hidden = n === 0;
    if (n) kept.textContent = (lost ? kept.dataset.login : kept.dataset.one) + " (" + n + ")";
  };
  // One form. Sent again it is the same visit: the server knows its key.
  const send = async (list) => {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(list) });
    const at = new URL(answer.url).pathname;
    if (at.startsWith("/console/cases/")) return at;
    if (at.startsWith("/console/login")) return "login";
    if (answer.status === 422) return "wrong";
    throw new Error("not taken");
  };
  const drop = (key) => localStorage.setItem(waiting, JSON.stringify(out().filter((l) => new Map(l).get("key") !== key)));
  let sending = false;
  const flush = async () => {
    if (sending) return;
    sending = true;
    let lost = false;
    try {
      for (const list of out()) {
        const at = await send(list);
        if (at === "login") { lost = true; break; }
        drop(new Map(list).get("key"));
        if (at === "wrong") { fill(list); keep(); form.submit(); return; } // the server says what is to be corrected
      }
    } catch { /* still without a connection */ }
    sending = false;
    show(lost);
  };
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    e.stopImmediatePropagation();
    if (!form.reportValidity()) return;
    const list = fields();
    localStorage.setItem(waiting, JSON.stringify([...out(), list]));
    localStorage.removeItem(mine);
    sending = true;
    try {
      const at = await send(list);
      if (at !== "login") {
        drop(new Map(list).get("key"));
        if (at === "wrong") { form.submit(); return; }
        location.assign(at);
        return;
      }
      show(true);
    } catch { // the next person can be received meanwhile
      form.reset();
      form.elements.key.value = fresh();
      show(false);
      kept.scrollIntoView({ block: "nearest" });
    }
    sending = false;
  });
  addEventListener("online", flush);
  setInterval(() => { if (out().length) flush(); }, 15000);
  show(false);
  flush();
})();
