// The button that prints; without this script the browser's own menu does.
"use strict";
for (const button of document.querySelectorAll(".print")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
