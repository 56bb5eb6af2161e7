// The console without this script is forms and links. With it: live parts are merged in without losing what somebody
// types, drafts are kept in this tab, and a voice can be recorded.
"use strict";
(() => {
  // Merge. Elements with data-live are replaced when the server's HTML of them changed; children of data-list are
  // matched by id. The server's HTML is remembered, because what the officer did (opened, typed) is not a change.
  const known = new WeakMap();
  const remember = (root) => {
    for (const el of root.querySelectorAll("[data-live], [data-list] > *")) known.set(el, el.outerHTML);
  };
  const parts = (root) => [...root.querySelectorAll("[data-live], [data-list]")];
  const ids = (list) => list.map((el) => el.id).join(" ");
  const playing = (el) => [...el.querySelectorAll("audio, video")].some((m) => !m.paused);

  const replace = (old, fresh) => {
    const open = [...old.querySelectorAll("details")].map((d) => d.open);
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    const place = active && [active.closest("form")?.getAttribute("action"), active.name, active.selectionStart];
    old.replaceWith(fresh);
    [...fresh.querySelectorAll("details")].forEach((d, i) => { if (open[i]) d.open = true; });
    prepare(fresh);
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

  // Drafts stay in this tab until what they were for is done.
  const done = document.querySelector("[data-done]")?.dataset.done;
  const sent = sessionStorage.getItem("sent");
  if (done && sent && sent.startsWith(done + "-")) sessionStorage.removeItem("draft:" + sent);
  sessionStorage.removeItem("sent");

  // Recording: the sound becomes the form's file.
  const record = (form) => {
    const button = form.querySelector(".record"), input = form.querySelector("input[type=file]");
    if (!button || !input || !window.MediaRecorder || !navigator.mediaDevices) return;
    const word = button.querySelector(".word");
    const kind = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"].find((k) => MediaRecorder.isTypeSupported(k));
    if (!kind) return;
    let recorder = null;
    button.hidden = false;
    button.addEventListener("click", async () => {
      if (recorder) { recorder.stop(); return; }
      let stream;
      try {
        stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      } catch {
        word.textContent = button.dataset.denied;
        return;
      }
      const pieces = [], start = Date.now();
      recorder = new MediaRecorder(stream, { mimeType: kind });
      const clock = setInterval(() => {
        const s = Math.round((Date.now() - start) / 1000);
        word.textContent = `${button.dataset.stop} ${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
        if (s >= 180) recorder.stop();
      }, 500);
      recorder.ondataavailable = (e) => pieces.push(e.data);
      recorder.onstop = () => {
        clearInterval(clock);
        stream.getTracks().forEach((t) => t.stop());
        button.classList.remove("on");
        word.textContent = button.dataset.start;
        const plain = kind.split(";")[0];
        const files = new DataTransfer();
        files.items.add(new File(pieces, "voice." + plain.split("/")[1], { type: plain }));
        input.files = files.files;
        form.elements.voice.value = "yes";
        form.elements.seconds.value = Math.max(1, Math.round((Date.now() - start) / 1000));
        recorder = null;
        chosen(form, true);
      };
      recorder.start();
      button.classList.add("on");
      word.textContent = button.dataset.stop;
    });
  };

  // What is attached is shown, and can be taken off again.
  const chosen = (form, voice) => {
    const box = form.querySelector(".chosen"), file = form.querySelector("input[type=file]").files[0];
    box.hidden = !file;
    const audio = box.querySelector("audio");
    audio.hidden = !(file && voice);
    if (audio.src) URL.revokeObjectURL(audio.src);
    if (file && voice) audio.src = URL.createObjectURL(file); else audio.removeAttribute("src");
    box.querySelector(".name").textContent = file && !voice ? file.name : "";
  };

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
      if (form.dataset.form === "reply") {
        record(form);
        form.querySelector("input[type=file]").addEventListener("change", () => {
          form.elements.voice.value = form.elements.seconds.value = "";
          chosen(form, false);
        });
        form.querySelector(".drop").addEventListener("click", () => {
          form.querySelector("input[type=file]").value = "";
          form.elements.voice.value = form.elements.seconds.value = "";
          chosen(form, false);
        });
      }
    }
  };

  document.addEventListener("submit", (e) => {
    const form = e.target, button = e.submitter;
    if (button?.dataset.sure && !confirm(button.dataset.sure)) { e.preventDefault(); return; }
    if (form.dataset.busy) { e.preventDefault(); return; }
    if (form.method === "post") form.dataset.busy = "yes"; // one press, one reply
    if (form.dataset.draft) sessionStorage.setItem("sent", form.dataset.draft);
    if (form.getAttribute("action") === "/console/logout") sessionStorage.clear();
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
