// Sends every form with a field "display" of value "popup" in a window of its own, and goes on when that tells its end.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const display = form.elements.namedItem("display");
  if (display === null || display.value !== "popup") return;
  if (window.open("", "social", "popup,width=520,height=640") === null) {
    display.disabled = true; // the browser blocks popups: this window will do
  } else {
    form.target = "social";
  }
});

window.addEventListener("message", (event) => {
  if (event.origin !== window.location.origin || event.data?.type !== "flask-social") return;
  window.location.assign(event.data.next); // or look at event.data.code and event.data.provider first
});
