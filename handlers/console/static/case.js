// What the page of a case can do with a script: a voice is recorded, the server keeps the draft, and something ready to be
// said is looked for beside the reply. console.js tells when a form is new ("prepared"), has got its file over to a new
// part ("attached"), or is about to be sent ("leaving").
"use strict";
(() => {
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

  // A reply's draft is kept by the server too, soon after each word; colleagues see that somebody types.
  let keeping = null;
  const keep = (form, area) => {
    let wait = 0, last = area.value;
    const now = () => {
      clearTimeout(wait);
      wait = 0;
      if (area.value === last || !area.isConnected || form.dataset.busy) return;
      last = area.value;
      const sending = fetch(form.dataset.keep, { method: "POST", keepalive: true, body: new URLSearchParams({ text: last }) }).catch(() => { last = null; });
      keeping = sending;
      sending.finally(() => { if (keeping === sending) keeping = null; });
    };
    area.addEventListener("input", () => { wait ||= setTimeout(now, 800); });
    area.addEventListener("blur", now);
    addEventListener("pagehide", now);
  };

  // Something ready to be said is looked for beside the reply and put where one was typing.
  const inserts = (form, area) => {
    const link = form.querySelector("a.insert"), box = document.getElementById("inserts");
    if (!link || !box) return;
    let wait = 0, turn = 0;
    const load = async (q, whole) => {
      const mine = ++turn;
      const answer = await fetch(link.href + "?" + new URLSearchParams({ part: "yes", q })).catch(() => null);
      if (mine !== turn || !answer?.ok || answer.redirected) { if (mine === turn) location.href = link.href; return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (whole) box.replaceChildren(...page.body.children);
      else box.querySelector(".found").replaceWith(page.querySelector(".found"));
    };
    link.addEventListener("click", async (e) => {
      e.preventDefault();
      if (!box.hidden) { box.hidden = true; return; }
      await load("", true);
      box.hidden = false;
      box.querySelector("input")?.focus();
      box.scrollIntoView({ block: "nearest" });
    });
    box.oninput = (e) => { clearTimeout(wait); wait = setTimeout(() => load(e.target.value, false), 250); };
    box.onsubmit = (e) => { e.preventDefault(); load(e.target.elements.q.value, false); };
    box.onkeydown = (e) => { if (e.key === "Escape") { box.hidden = true; area.focus(); } };
    box.onclick = (e) => {
      const chosen = e.target.closest("[data-text]"), reply = document.querySelector("#reply textarea");
      if (!chosen || !reply) return;
      e.preventDefault();
      const before = reply.value.slice(0, reply.selectionStart);
      reply.setRangeText((before && !/\s$/.test(before) ? "\n\n" : "") + chosen.dataset.text, reply.selectionStart, reply.selectionEnd, "end");
      reply.dispatchEvent(new Event("input", { bubbles: true }));
      box.hidden = true;
      reply.focus();
    };
  };

  document.addEventListener("prepared", ({ detail: form }) => {
    if (form.dataset.form !== "reply") return;
    const area = form.querySelector("textarea"), input = form.querySelector("input[type=file]");
    record(form);
    keep(form, area);
    inserts(form, area);
    input.addEventListener("change", () => {
      form.elements.voice.value = form.elements.seconds.value = "";
      chosen(form, false);
    });
    form.querySelector(".drop").addEventListener("click", () => {
      input.value = "";
      form.elements.voice.value = form.elements.seconds.value = "";
      chosen(form, false);
    });
  });
  document.addEventListener("attached", ({ detail: form }) => chosen(form, form.elements.voice.value === "yes"));
  document.addEventListener("leaving", (e) => {
    const [form, button] = e.detail;
    if (!keeping || !form.dataset.keep) return;
    e.preventDefault(); // the draft is not to come after the reply
    keeping.finally(() => form.requestSubmit(button));
  });
})();
