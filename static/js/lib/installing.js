/** Lets the site be installed as an app. Browsers allow that over https and on this machine alone. */

if ("serviceWorker" in navigator) {
  addEventListener("load", async () => {
    try {
      await navigator.serviceWorker.register("/service-worker.js");
    } catch (error) {
      // Everything else works without; the reason is for whoever looks for it.
      console.warn("The service worker could not be registered.", error);
    }
  });
}
