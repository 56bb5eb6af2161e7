// The console without this script is forms and links. With it: live parts are merged in without losing what somebody
// types, and drafts are kept in this tab. A case's page has more in case.js.
"use strict";
(() => {
  // Merge. Elements with data-live are replaced when the server's HTML of them changed; children of data-list are
  // matched by id. The server's HTML is remembered, because what the officer did (opened, typed) is not a change.
  const known = new WeakMap();
  const plain = (el) => {
    if (!el.querySelector("textarea")) return el.outerHTML;
    const copy = el.cloneNode(true); // a draft that the server kept is no change either
    for (const area of copy.querySelectorAll("textarea")) area.textContent = "";
    return copy.outerHTML;
  };
  const remember = (root) => {
    for (const el of root.querySelectorAll("[data-live], [data-list] > *")) known.set(el, plain(el));
  };
  const parts = (root) => [...root.querySelectorAll("[data-live], [data-list]")];
  const ids = (list) => list.map((el) => el.id).join(" ");
  const playing = (el) => [...el.querySelectorAll("audio, video")].some((m) => !m.paused);

  // What was typed, chosen or attached goes over to the new part. Forms with a file are returned, to show it again.
  const carry = (old, fresh) => {
    const action = (el) => el.form?.getAttribute("action"), files = new Set();
    for (const el of old.querySelectorAll("textarea, input, select")) {
      const box = el.type === "radio" || el.type === "checkbox";
      const again = [...fresh.querySelectorAll(el.localName)].find((f) => f.name === el.name && f.type === el.type &&
        f.form?.getAttribute("action") === action(el) && (!box || f.value === el.value));
      if (!again) continue;
      if (box) { if (el.checked !== el.defaultChecked) again.checked = el.checked; }
      else if (el.type === "file") { if (el.files.length) { again.files = el.files; files.add(again.form); } }
      else if (el.type === "hidden") { if (el.name === "voice" || el.name === "seconds") again.value = el.value; }
      else if (el.localName === "select") again.value = el.value;
      else if (el.value !== el.defaultValue || el.localName === "textarea") again.value = el.value;
    }
    return files;
  };

  const replace = (old, fresh) => {
    const open = [...old.querySelectorAll("details")].map((d) => d.open);
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    const place = active && [active.closest("form")?.getAttribute("action"), active.name, active.selectionStart];
    const typed = carry(old, fresh);
    old.replaceWith(fresh);
    [...fresh.querySelectorAll("details")].forEach((d, i) => { if (open[i]) d.open = true; });
    prepare(fresh);
    typed.forEach((form) => document.dispatchEvent(new CustomEvent("attached", { detail: form })));
    if (place) {
      const again = [...fresh.querySelectorAll("textarea, input, select, button")].find((el) =>
        el.name === place[1] && el.closest("form")?.getAttribute("action") === place[0]);
      again?.focus({ preventScroll: true });
      if (again?.setSelectionRange && place[2] != null) again.setSelectionRange(place[2], place[2]);
    }
  };

  // On a narrow screen the page itself scrolls: it opens at the newest line, and follows if one was reading there.
  const narrow = matchMedia("(max-width: 56rem)");
  const newest = () => document.querySelector("#lines > :last-child");
  const atEnd = () => {
    const last = newest();
    return narrow.matches && last && last.getBoundingClientRect().top < innerHeight;
  };
  const toEnd = () => {
    const compose = document.getElementById("compose");
    if (!newest() || !compose) return;
    scrollTo({ top: scrollY + compose.parentElement.getBoundingClientRect().bottom - innerHeight, behavior: "instant" });
  };

  const mergeList = (old, fresh) => {
    const keep = new Set([...fresh.children].map((el) => el.id));
    for (const el of [...old.children]) if (!keep.has(el.id)) el.remove();
    let at = old.firstElementChild;
    for (const el of [...fresh.children]) {
      const html = el.outerHTML;
      const mine = el.id && [...old.children].find((o) => o.id === el.id);
      if (!mine) {
        el.classList.add("arrived");
        old.insertBefore(el, at);
        known.set(el, html);
        continue;
      }
      if (mine !== at) old.insertBefore(mine, at);
      let now = mine;
      if (known.get(mine) !== html && !playing(mine)) {
        mine.replaceWith(el);
        known.set(el, html);
        now = el;
      }
      at = now.nextElementSibling;
    }
  };

  htmx.defineExtension("merge", {
    isInlineSwap: (style) => style === "merge",
    handleSwap: (style, target, fragment) => {
      if (style !== "merge") return false;
      remember(fragment);
      const before = parts(target), after = parts(fragment), follow = atEnd();
      if (ids(before) !== ids(after)) {
        target.replaceChildren(fragment);
        prepare(target);
        return [target];
      }
      before.forEach((old, i) => {
        const fresh = after[i];
        if (old.hasAttribute("data-list")) mergeList(old, fresh);
        else if (known.get(old) !== known.get(fresh)) replace(old, fresh);
      });
      if (follow) toEnd();
      return [target];
    },
  });

  // Drafts stay in this tab until what they were for is done, or until somebody else sits down at it.
  const who = document.body.dataset.who;
  if (who && sessionStorage.getItem("who") !== who) {
    sessionStorage.clear();
    sessionStorage.setItem("who", who);
  }
  const done = document.querySelector("[data-done]")?.dataset.done;
  const sent = sessionStorage.getItem("sent");
  if (done && sent && sent.startsWith((done === "later" || done === "soon" ? "reply" : done) + "-")) sessionStorage.removeItem("draft:" + sent);
  sessionStorage.removeItem("sent");

  const prepare = (root) => {
    for (const form of root.querySelectorAll("form[data-draft]")) {
      const area = form.querySelector("textarea"), key = "draft:" + form.dataset.draft;
      const kept = sessionStorage.getItem(key);
      if (kept && !area.value) {
        area.value = kept;
        const fold = form.closest("details");
        if (fold) fold.open = true;
      }
      area.addEventListener("input", () => {
        if (area.value) sessionStorage.setItem(key, area.value); else sessionStorage.removeItem(key);
      });
      area.addEventListener("keydown", (e) => {
        if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); form.requestSubmit(); }
      });
      document.dispatchEvent(new CustomEvent("prepared", { detail: form }));
    }
  };

  document.addEventListener("submit", (e) => {
    const form = e.target, button = e.submitter;
    if (button?.dataset.sure && !confirm(button.dataset.sure)) { e.preventDefault(); return; }
    if (form.dataset.unsent && Object.keys(localStorage).some((k) => k.startsWith("walkin-out:") && localStorage[k] !== "[]") && !confirm(form.dataset.unsent)) { e.preventDefault(); return; }
    if (form.dataset.busy) { e.preventDefault(); return; }
    if (!document.dispatchEvent(new CustomEvent("leaving", { detail: [form, button], cancelable: true }))) { e.preventDefault(); return; }
    if (form.method === "post") form.dataset.busy = "yes"; // one press, one reply
    if (form.dataset.draft) sessionStorage.setItem("sent", form.dataset.draft);
    if (form.getAttribute("action") === "/console/logout") { sessionStorage.clear(); localStorage.clear(); }
  });
  addEventListener("pageshow", () => document.querySelectorAll("[data-busy]").forEach((f) => delete f.dataset.busy));
  document.addEventListener("change", (e) => { if (e.target.matches("[data-submit]")) e.target.form.submit(); });
  document.addEventListener("click", (e) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(e.target)) menu.open = false;
  });

  // A tab that nobody sees needs no stream: browsers allow only a few to one host. Seen again, it connects again, and is
  // told to look anew.
  let sources = [];
  htmx.createEventSource = (url) => {
    const source = new EventSource(url);
    sources = sources.filter((s) => s.readyState !== EventSource.CLOSED).concat(source);
    return source;
  };
  document.addEventListener("visibilitychange", () => {
    for (const source of sources) {
      if (document.hidden) source.close();
      else if (source.readyState === EventSource.CLOSED) source.onerror?.(new Event("error"));
    }
  });

  // Losing the connection is said, once it has lasted.
  const offline = document.querySelector(".offline");
  let lost = 0;
  document.addEventListener("htmx:sseError", () => { lost ||= setTimeout(() => { offline.hidden = false; }, 4000); });
  document.addEventListener("htmx:sseOpen", () => { clearTimeout(lost); lost = 0; offline.hidden = true; });

  document.documentElement.classList.add("script");
  remember(document);
  prepare(document);
  if (narrow.matches) {
    for (const d of document.querySelectorAll("details.facts")) d.open = false;
    toEnd();
  }
})();
