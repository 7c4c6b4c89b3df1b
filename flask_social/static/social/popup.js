// The last page of a visit in a popup tells the window that opened it how the visit ended, and closes.
(() => {
  "use strict";
  const { code, provider, next } = document.getElementById("social-end").dataset;
  const origin = window.location.origin;

  /** The window that opened this one, if it shows a page of ours; another site's may not be read at all. */
  const opener = () => {
    try {
      return window.opener.location.origin === origin ? window.opener : null;
    } catch {
      return null;
    }
  };

  const listener = opener();
  if (listener === null) {
    window.location.replace(next);
    return;
  }
  // The browser looks at the origin once more, for the opener may have gone elsewhere meanwhile.
  listener.postMessage({ type: "flask-social", code, provider, next }, origin);
  window.close();
})();
