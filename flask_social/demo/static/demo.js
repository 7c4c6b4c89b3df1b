// Keeps the activity list up to date: fetches the rows every second, and shows them when they changed.
"use strict";

const box = document.querySelector("[data-rows]");
const sign = document.querySelector("[data-live]");
let shown = null;

async function refresh() {
  try {
    const answer = await fetch(box.dataset.rows, { cache: "no-store" });
    const rows = answer.ok ? await answer.text() : null;
    if (rows !== null && rows !== shown) {
      if (shown !== null) box.innerHTML = rows; // the server escaped every value
      shown = rows;
    }
    sign.hidden = rows === null;
  } catch {
    sign.hidden = true; // the server has stopped
  }
  setTimeout(refresh, document.hidden ? 5000 : 1000);
}

refresh();
