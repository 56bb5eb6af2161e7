// The chat's button for other sites: <script src="https://…/embed.js" async></script>. The words follow the site's own
// language, or data-lang on the script.
(function () {
  "use strict";
  var d = document, me = d.currentScript || d.querySelector('script[src*="/embed.js"]'), base = new URL(me.src).origin, words = "WORDS";
  var lang = (me.dataset.lang || d.documentElement.lang || "fr").toLowerCase().split("-")[0], said = words[lang] || words.fr;
  var button = d.createElement("button"), frame = null, shown = false, chat = "M4 5h16v11h-8l-5 4v-4H4z", cross = "M6 6l12 12M18 6L6 18";
  button.type = "button";
  button.style.cssText = "all:initial;box-sizing:border-box;position:fixed;inset-block-end:16px;inset-inline-end:16px;z-index:2147483001;width:60px;height:60px;border:3px solid #fff;border-radius:50%;background:#0a5f53;cursor:pointer;display:flex;align-items:center;justify-content:center;box-shadow:0 2px 10px #0005";
  function draw(name, attributes) {
    var e = d.createElementNS("http://www.w3.org/2000/svg", name);
    for (var k in attributes) e.setAttribute(k, attributes[k]);
    return e;
  }
  var svg = draw("svg", { viewBox: "0 0 24 24", width: 30, height: 30, fill: "none", stroke: "#fff", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" }), path = draw("path", {});
  svg.appendChild(path);
  button.appendChild(svg);
  function place() {
    frame.style.cssText = "position:fixed;z-index:2147483000;border:0;background:#fff;color-scheme:light dark;" + (innerWidth < 480 ? "inset:0;width:100%;height:calc(100% - 92px);border-bottom:1px solid #999" : "inset-block-end:92px;inset-inline-end:16px;width:400px;height:min(640px,calc(100vh - 116px));border-radius:16px;box-shadow:0 4px 24px #0005") + (shown ? "" : ";display:none");
  }
  function set(open) {
    shown = open;
    if (open && !frame) {
      frame = d.createElement("iframe");
      frame.src = base + "/?embedded=1" + (words[lang] ? "&lang=" + lang : "");
      frame.title = said[0];
      frame.allow = "microphone; geolocation";
      d.body.appendChild(frame);
      addEventListener("resize", place);
    }
    if (frame) place();
    path.setAttribute("d", open ? cross : chat);
    button.title = open ? said[1] : said[0];
    button.setAttribute("aria-label", button.title);
    button.setAttribute("aria-expanded", String(open));
  }
  button.onclick = function () { set(!shown); if (shown) frame.focus(); };
  button.onfocus = function () { button.style.outline = button.matches(":focus-visible") ? "3px solid #0a5f53" : "none"; button.style.outlineOffset = "3px"; };
  button.onblur = function () { button.style.outline = "none"; };
  d.addEventListener("keydown", function (e) { if (e.key === "Escape" && shown) { set(false); button.focus(); } });
  set(false);
  (function mount() { if (d.body) d.body.appendChild(button); else d.addEventListener("DOMContentLoaded", mount); })();
})();
