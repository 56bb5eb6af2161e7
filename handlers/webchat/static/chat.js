(function () {
  "use strict";
  var d = document, $ = function (id) { return d.getElementById(id); };
  var list = $("lines"), main = $("main"), form = $("composer"), box = form.elements.text, picker = form.elements.file, words = JSON.parse($("words").textContent);
  var embedded = d.body.className === "embedded", query = embedded ? "embedded=1&" : "", home = embedded ? "/?embedded=1" : "/";
  var last = +list.dataset.last || 0, begun = last > 0, title = d.title, unseen = 0;
  // What the server has not taken yet, in order. Words survive a reload, in this tab only.
  var queue = [], flying = false, held = [], tries = 0, again = 0;
  function kept(key, value) { try { if (value === undefined) return sessionStorage.getItem(key); sessionStorage.setItem(key, value); } catch (e) { } return null; }
  function save() { kept("queue", JSON.stringify(queue.filter(function (m) { return !m.blob; }))); }
  function fresh() { return [].map.call(crypto.getRandomValues(new Uint32Array(4)), function (n) { return n.toString(16); }).join("-"); }
  function tell(text) { var s = $("state"); if (s.textContent !== (text || "")) s.textContent = text || ""; s.hidden = !text; }

  // The lines: each once, in the order of the ids. What is not sent yet comes last.
  function atEnd() { return main.scrollHeight - main.scrollTop - main.clientHeight < 120; }
  function bottom() { main.scrollTop = main.scrollHeight; $("below").hidden = true; }
  function follow(li) { bottom(); if (li && main.scrollTop > li.offsetTop - 12) main.scrollTop = li.offsetTop - 12; }
  function put(lines) {
    var near = atEnd(), first = null;
    lines.forEach(function (line) {
      last = Math.max(last, line.id);
      if ($("l" + line.id)) return;
      var t = d.createElement("template"), next = list.firstElementChild, li = list.lastElementChild;
      t.innerHTML = line.html;
      for (; li; li = li.previousElementSibling) if (+li.dataset.id < line.id) { next = li.nextElementSibling; break; }
      li = list.insertBefore(t.content.firstElementChild, next);
      if (!line.me) first = first || li;
    });
    if (!lines.length) return;
    begun = true;
    d.querySelectorAll(".begin,.notice").forEach(function (e) { e.remove(); });
    open();
    if (near) follow(first); else if (first) $("below").hidden = false;
    if (first && d.hidden) d.title = "(" + ++unseen + ") " + title;
  }
  // The choices still to be made are those of the newest line that has some, until something of one's own follows.
  function open() {
    var done = false;
    for (var li = list.lastElementChild; li; li = li.previousElementSibling) {
      if (li.classList.contains("me") && !li.classList.contains("failed")) done = true;
      var has = !!li.querySelector(".choices");
      li.classList.toggle("open", has && !done);
      done = done || has;
    }
  }
  // While a message is on its way its own line waits for the answer, which takes the place of what is shown meanwhile.
  function hear(lines) {
    if (flying) { held = held.concat(lines.filter(function (l) { return l.me; })); lines = lines.filter(function (l) { return !l.me; }); }
    put(lines);
  }
  function gone() { queue = []; save(); list.textContent = ""; location.replace(home); }

  function request(method, url, body, time, done, progress) {
    var x = new XMLHttpRequest();
    x.open(method, url);
    x.timeout = time;
    x.setRequestHeader("Accept", "application/json");
    x.onloadend = function () { done(x.status, x.responseText); };
    if (progress) x.upload.onprogress = progress;
    x.send(body);
    return x;
  }

  // News of lines: by events; where these do not get through, by requests that wait.
  var source = null, timer = 0, asking = null;
  function online() { tries = 0; if (!queue.length) tell(""); }
  function later(what) { clearTimeout(timer); timer = setTimeout(what, Math.min(30000, 1000 << Math.min(tries++, 5))); }
  function close() { if (source) source.close(); source = null; }
  function listen() {
    clearTimeout(timer);
    if (!begun || source || asking) return;
    if (!window.EventSource || tries % 4 === 3) return ask();
    var heard = false;
    source = new EventSource("/chat/events?" + query + "after=" + last);
    source.onopen = function () { heard = true; online(); flush(); };
    source.onmessage = function (e) { hear([JSON.parse(e.data)]); };
    source.addEventListener("gone", gone);
    source.addEventListener("elsewhere", function () { close(); ask(); });
    source.onerror = function () { close(); if (heard) tries = 0; if (tries || navigator.onLine === false) tell(words.offline); later(listen); };
  }
  function ask() {
    clearTimeout(timer);
    if (asking) return;
    asking = request("GET", "/chat/lines?" + query + "wait=1&after=" + last, null, 40000, function (status, text) {
      asking = null;
      if (status === 410) return gone();
      if (status !== 200) { tell(words.offline); return later(listen); }
      online(); hear(JSON.parse(text)); flush();
      timer = setTimeout(ask, 2000);
    });
  }
  function wake() { if (source && source.readyState !== 1) close(); tries = 0; listen(); flush(); }
  addEventListener("online", wake);
  addEventListener("offline", function () { tell(words.offline); });
  addEventListener("pageshow", function (e) { if (e.persisted) location.reload(); });
  d.addEventListener("visibilitychange", function () { if (!d.hidden) { unseen = 0; d.title = title; wake(); } });

  // What a person sends is shown at once, with a word of how far it has come.
  function show(m) {
    var li = d.createElement("li"), b = d.createElement("div"), s = d.createElement("small"), w = d.createElement("span");
    li.className = "me waiting"; li.dataset.key = m.id; b.className = "bubble"; b.dir = "auto";
    if (m.image) { var i = d.createElement("img"); i.alt = ""; i.src = m.image; b.append(i); }
    (m.label || m.text || "").split("\n").forEach(function (t, n) { if (n) b.append(d.createElement("br")); b.append(t); });
    w.className = "said"; w.textContent = words.waiting;
    s.append(w); li.append(b, s); list.append(li);
    open(); bottom();
  }
  function pending(m) { return list.querySelector('[data-key="' + m.id + '"]'); }
  function word(m, text) { var li = pending(m); if (li) li.querySelector(".said").textContent = text; }
  function send(m) {
    m.id = fresh();
    queue.push(m); save();
    d.querySelectorAll(".begin,.notice").forEach(function (e) { e.hidden = true; });
    show(m); flush();
  }
  function flush() {
    if (flying || !queue.length) return;
    clearTimeout(again);
    flying = true;
    var m = queue[0], data = new FormData();
    ["id", "text", "choice", "lat", "lon", "seconds"].forEach(function (k) { if (m[k] !== undefined) data.append(k, m[k]); });
    data.append("invite", form.elements.invite.value);
    data.append("after", last);
    if (m.blob) data.append("file", m.blob, m.name);
    word(m, words.sending);
    request("POST", "/chat/send" + (embedded ? "?embedded=1" : ""), data, m.blob ? 1200000 : 45000, function (status, text) { flying = false; landed(m, status, text); },
      m.blob && function (e) { if (e.lengthComputable && e.total > 100000) word(m, words.sending + " " + Math.round(100 * e.loaded / e.total) + " %"); });
  }
  function landed(m, status, text) {
    var own = held, li = pending(m);
    held = [];
    if (status === 200) {
      var answer = JSON.parse(text), near = atEnd();
      queue.shift(); save(); online();
      if (answer.reload) return location.reload();
      if (answer.lines && li) li.remove(); else word(m, words.sent);
      if (near) bottom();
      put(own.concat(answer.lines || []));
      begun = true; listen();
      return flush();
    }
    put(own);
    if (status >= 400 && status < 500 && status !== 429 && status !== 408) {
      queue.shift(); save(); tell(text.length < 300 ? text : words.failed); word(m, words.failed);
      if (li) li.className = "me failed";
      if (m.text && !box.value) { box.value = m.text; grow(); }
      open();
      return flush();
    }
    word(m, words.waiting);
    tell(status === 429 ? words.slow : words.offline);
    again = setTimeout(flush, status === 429 ? 10000 : Math.min(30000, 1500 << Math.min(tries++, 4)));
  }

  // The composer.
  function grow() { box.style.height = "48px"; box.style.height = Math.min(box.scrollHeight + 3, 144) + "px"; kept("draft", box.value); }
  function submit() {
    var text = box.value.trim(), m = chosen;
    if (Array.from(text).length > words.long) return tell(words.tooLong);
    if (!text && !m) return box.focus();
    tell("");
    if (m) { m.text = text; m.label = text || (m.image ? "" : m.name); choose(null); send(m); } else send({ text: text });
    box.value = ""; grow(); box.focus();
  }
  box.addEventListener("input", grow);
  box.addEventListener("keydown", function (e) { if (e.key === "Enter" && !e.shiftKey && !e.isComposing && matchMedia("(pointer:fine)").matches) { e.preventDefault(); submit(); } });
  form.addEventListener("submit", function (e) { e.preventDefault(); submit(); });
  d.addEventListener("click", function (e) {
    var b = e.target.closest("button[name=choice]");
    if (!e.target.closest("#menu")) $("menu").open = false;
    if (b) { e.preventDefault(); send({ choice: b.value, label: b.textContent }); }
  });
  d.addEventListener("keydown", function (e) { if (e.key === "Escape") $("menu").open = false; });
  $("below").onclick = bottom;
  main.addEventListener("scroll", function () { if (atEnd()) $("below").hidden = true; }, { passive: true });

  // A file is shown before it is sent. A photograph is made smaller, which also leaves out where it was taken.
  var chosen = null;
  function choose(m) {
    var row = $("chosen"), img = row.querySelector("img");
    chosen = m; picker.value = ""; row.hidden = !m;
    if (!m) return;
    row.querySelector("span").textContent = m.name + " · " + (m.blob.size > 1e6 ? (m.blob.size / 1e6).toFixed(1) + " " + words.mb : Math.ceil(m.blob.size / 1e3) + " " + words.kb);
    img.hidden = !m.image;
    if (m.image) img.src = m.image;
    box.focus();
  }
  $("chosen").querySelector("button").onclick = function () { choose(null); };
  picker.addEventListener("change", function () {
    var f = picker.files[0];
    if (!f) return;
    tell("");
    smaller(f, function (blob, name) {
      if (blob.size > words.max) { choose(null); return tell(words.large); }
      choose({ blob: blob, name: name, image: /^image\/(jpeg|png|gif|webp)/.test(blob.type) ? URL.createObjectURL(blob) : null });
    });
  });
  function smaller(f, done) {
    if (!/^image\/(jpeg|webp|heic|heif|avif)/.test(f.type) || !window.createImageBitmap) return done(f, f.name);
    createImageBitmap(f, { imageOrientation: "from-image" }).then(function (i) {
      var k = Math.min(1, 2000 / Math.max(i.width, i.height)), c = d.createElement("canvas");
      c.width = Math.round(i.width * k); c.height = Math.round(i.height * k);
      c.getContext("2d").drawImage(i, 0, 0, c.width, c.height);
      c.toBlob(function (b) { if (b) done(b, f.name.replace(/\.[^.]*$/, "") + ".jpg"); else done(f, f.name); }, "image/jpeg", 0.82);
    }).catch(function () { done(f, f.name); });
  }
  addEventListener("beforeunload", function (e) { if (queue.some(function (m) { return m.blob; })) e.preventDefault(); });

  // The voice: three minutes at most, sent or dropped.
  function record() {
    navigator.mediaDevices.getUserMedia({ audio: true }).then(function (stream) {
      var type = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"].filter(function (t) { return MediaRecorder.isTypeSupported(t); })[0];
      var recorder = new MediaRecorder(stream, type ? { mimeType: type, audioBitsPerSecond: 24000 } : {}), chunks = [], drop = false, began = Date.now(), out = d.querySelector("#recording output");
      function seconds() { return Math.floor((Date.now() - began) / 1000); }
      var clock = setInterval(function () {
        var s = seconds();
        out.textContent = Math.floor(s / 60) + ":" + ("0" + s % 60).slice(-2);
        if (s >= 180) recorder.stop();
      }, 250);
      recorder.ondataavailable = function (e) { if (e.data.size) chunks.push(e.data); };
      recorder.onstop = function () {
        clearInterval(clock);
        stream.getTracks().forEach(function (t) { t.stop(); });
        $("recording").hidden = true; form.hidden = false; $("voice").focus();
        var kind = (recorder.mimeType || "audio/webm").split(";")[0];
        if (!drop && chunks.length) send({ blob: new Blob(chunks, { type: kind }), name: "voice." + kind.split("/")[1], seconds: Math.max(1, seconds()), label: words.voice });
      };
      $("keep").onclick = function () { recorder.stop(); };
      $("drop").onclick = function () { drop = true; recorder.stop(); };
      out.textContent = "0:00"; tell("");
      form.hidden = true; $("recording").hidden = false; $("keep").focus();
      recorder.start(1000);
    }).catch(function () { tell(words.noMic); });
  }
  if (window.isSecureContext && navigator.mediaDevices && window.MediaRecorder) { $("voice").hidden = false; $("voice").onclick = record; }
  if (window.isSecureContext && navigator.geolocation) {
    $("place").hidden = false;
    $("place").onclick = function () {
      navigator.geolocation.getCurrentPosition(function (p) { tell(""); send({ lat: p.coords.latitude.toFixed(4), lon: p.coords.longitude.toFixed(4), label: words.place }); },
        function () { tell(words.noPlace); }, { timeout: 15000, maximumAge: 300000 });
    };
  }

  // Leaving: nothing stays on this device, nor in another of its tabs.
  var tabs = window.BroadcastChannel ? new BroadcastChannel("baom") : { postMessage: function () { } };
  tabs.onmessage = function () { location.replace(home); };
  function forget() { queue = []; try { sessionStorage.clear(); } catch (e) { } close(); }
  $("leave").addEventListener("submit", function () { forget(); setTimeout(function () { tabs.postMessage(""); }, 0); });
  if ($("exit")) $("exit").addEventListener("submit", function (e) {
    var data = new FormData();
    data.append("away", "1");
    forget();
    d.documentElement.style.display = "none";
    tabs.postMessage("");
    if (navigator.sendBeacon && navigator.sendBeacon("/chat/leave", data)) { e.preventDefault(); location.replace(this.dataset.to); }
  });

  try { queue = JSON.parse(kept("queue") || "[]"); } catch (e) { queue = []; }
  if (!box.value) box.value = kept("draft") || "";
  if (box.value) grow();
  if (/[?&](left|all|lang)=/.test(location.search)) history.replaceState(null, "", home);
  queue.forEach(show);
  var lead = null;
  for (var li = list.lastElementChild; li && !li.classList.contains("me"); li = li.previousElementSibling) lead = li;
  if (list.lastElementChild) follow(lead);
  listen(); flush();
})();
