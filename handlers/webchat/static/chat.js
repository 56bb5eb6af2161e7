(function () {
  "use strict";
  var $ = function (id) { return document.getElementById(id); };
  var list = $("lines"), main = $("main"), form = $("composer"), box = form.text, state = $("state");
  var words = JSON.parse($("words").textContent);
  var last = +list.dataset.last || 0, queue = [], busy = false, tries = 0;
  // Words not yet taken by the server survive a reload of the page, in this tab only.
  try { queue = JSON.parse(sessionStorage.getItem("baom") || "[]"); } catch (e) { queue = []; }
  function save() { try { sessionStorage.setItem("baom", JSON.stringify(queue.filter(function (m) { return !m.blob; }))); } catch (e) { } }
  function fresh() { return crypto.getRandomValues(new Uint32Array(4)).join("-"); }
  function bottom() { main.scrollTop = main.scrollHeight; }
  function tell(text) { state.textContent = text || ""; state.hidden = !text; }

  function put(line) {
    if (line.id > last) last = line.id;
    var t = document.createElement("template");
    t.innerHTML = line.html;
    var li = t.content.firstElementChild, old = $(li.id);
    if (!old && li.classList.contains("me")) { var own = list.querySelector("[data-key]:not(.failed)"); if (own) own.remove(); }
    if (old) old.replaceWith(li); else {
      var pending = list.querySelector("[data-key]");
      list.insertBefore(li, pending && li.classList.contains("me") ? pending : null);
    }
    bottom();
  }

  function listen() {
    var es = new EventSource("/chat/events?after=" + last);
    es.onmessage = function (e) { tries = 0; tell(""); put(JSON.parse(e.data)); };
    es.addEventListener("open", function () { tell(""); flush(); });
    es.onerror = function () {
      es.close();
      if (queue.length) tell(words.offline);
      setTimeout(listen, Math.min(30000, 1000 << Math.min(tries++, 5)));
    };
  }

  function show(m) {
    var li = document.createElement("li"), b = document.createElement("div"), s = document.createElement("small");
    li.className = "me"; li.dataset.key = m.id; b.className = "bubble"; b.dir = "auto";
    b.textContent = m.label || m.text || words.file; s.textContent = words.sending;
    li.append(b, s); list.append(li); bottom();
  }

  function send(m) { m.id = m.id || fresh(); queue.push(m); save(); show(m); flush(); }

  function flush() {
    if (busy || !queue.length) return;
    busy = true;
    var m = queue[0], data = new FormData();
    data.append("id", m.id);
    if (m.text) data.append("text", m.text);
    if (m.choice) data.append("choice", m.choice);
    if (m.lat !== undefined) { data.append("lat", m.lat); data.append("lon", m.lon); }
    if (m.blob) data.append("file", m.blob, m.name);
    fetch("/chat/send", { method: "POST", body: data, headers: { Accept: "application/json" }, credentials: "same-origin" }).then(function (r) {
      var li = document.querySelector('[data-key="' + CSS.escape(m.id) + '"] small');
      if (r.ok) { queue.shift(); save(); if (li) li.textContent = words.sent; tell(""); busy = false; if (r.headers.get("X-Reload")) { location.reload(); return; } if (!started) start(); flush(); return; }
      if (r.status >= 500 || r.status === 429) throw r.status === 429 ? words.slow : 0;
      return r.text().then(function (t) { queue.shift(); save(); tell(t); if (li) { li.textContent = words.failed; li.parentNode.classList.add("failed"); } busy = false; flush(); });
    }).catch(function (why) { tell(typeof why === "string" ? why : words.offline); busy = false; setTimeout(flush, Math.min(30000, 1500 << Math.min(tries++, 4))); });
  }

  form.addEventListener("submit", function (e) {
    e.preventDefault();
    var text = box.value.trim(), file = form.file.files[0];
    if (file) { if (file.size > 20971520) { tell(words.large); return; } send({ text: text, blob: file, name: file.name, label: text || file.name }); form.file.value = ""; }
    else if (text) send({ text: text });
    box.value = ""; grow(); box.focus();
  });
  form.file.addEventListener("change", function () { if (form.file.files[0]) form.requestSubmit(); });
  list.addEventListener("click", function (e) {
    var b = e.target.closest("button[name=choice]");
    if (!b) return;
    e.preventDefault();
    b.form.hidden = true;
    send({ choice: b.value, label: b.textContent });
  });
  function grow() { box.style.height = "auto"; box.style.height = Math.min(box.scrollHeight + 2, 144) + "px"; }
  box.addEventListener("input", grow);
  box.addEventListener("keydown", function (e) { if (e.key === "Enter" && !e.shiftKey && !e.isComposing && matchMedia("(pointer:fine)").matches) { e.preventDefault(); form.requestSubmit(); } });
  document.querySelector('form[action="/chat/leave"]').addEventListener("submit", function () { try { sessionStorage.clear(); } catch (e) { } });

  var recorder, chunks, timer, drop;
  function record() {
    navigator.mediaDevices.getUserMedia({ audio: true }).then(function (stream) {
      var type = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"].find(function (t) { return MediaRecorder.isTypeSupported(t); });
      chunks = []; drop = false; recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
      recorder.ondataavailable = function (e) { chunks.push(e.data); };
      recorder.onstop = function () {
        clearInterval(timer); stream.getTracks().forEach(function (t) { t.stop(); });
        $("recording").hidden = true; form.hidden = false;
        if (!drop && chunks.length) { var kind = recorder.mimeType.split(";")[0]; send({ blob: new Blob(chunks, { type: kind }), name: "voice." + kind.split("/")[1], label: words.voice }); }
      };
      recorder.start(); form.hidden = true; $("recording").hidden = false;
      var began = Date.now(), out = document.querySelector("#recording output");
      timer = setInterval(function () { var s = Math.floor((Date.now() - began) / 1000); out.textContent = Math.floor(s / 60) + ":" + ("0" + s % 60).slice(-2); if (s >= 180) recorder.stop(); }, 250);
    }).catch(function () { $("voice").hidden = true; });
  }
  if (navigator.mediaDevices && window.MediaRecorder) { $("voice").hidden = false; $("voice").onclick = record; $("keep").onclick = function () { recorder.stop(); }; $("drop").onclick = function () { drop = true; recorder.stop(); }; }
  if (navigator.geolocation) {
    $("place").hidden = false;
    $("place").onclick = function () { navigator.geolocation.getCurrentPosition(function (p) { send({ lat: p.coords.latitude, lon: p.coords.longitude, label: words.place }); }, function () { $("place").hidden = true; }); };
  }

  var started = false;
  function start() { started = true; listen(); }
  queue.forEach(show);
  if (last || queue.length) start();
  flush();
  bottom();
})();
