(function () {
  "use strict";
  var me = document.currentScript, base = new URL(me.src).origin;
  var button = document.createElement("button"), frame = null;
  button.type = "button";
  button.textContent = me.dataset.label || "BAOM";
  button.setAttribute("aria-expanded", "false");
  button.style.cssText = "position:fixed;inset-block-end:16px;inset-inline-end:16px;z-index:2147483000;min-height:56px;min-width:56px;padding:0 20px;border:0;border-radius:28px;background:#0b6b5d;color:#fff;font:600 16px system-ui,sans-serif;cursor:pointer";
  button.onclick = function () {
    if (!frame) {
      frame = document.createElement("iframe");
      frame.src = base + "/?embedded=1";
      frame.title = button.textContent;
      frame.allow = "microphone; geolocation";
      frame.style.cssText = "position:fixed;inset-block-end:84px;inset-inline-end:16px;z-index:2147483000;width:min(400px,calc(100vw - 32px));height:min(640px,calc(100vh - 110px));border:1px solid #bbb;border-radius:16px;background:#fff";
      document.body.appendChild(frame);
    } else { frame.hidden = !frame.hidden; frame.style.display = frame.hidden ? "none" : ""; }
    button.setAttribute("aria-expanded", String(!frame.hidden));
  };
  document.body.appendChild(button);
})();
