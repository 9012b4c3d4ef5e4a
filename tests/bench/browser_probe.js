// Runs in the measured page, before its own scripts: notes when what happened. It changes nothing of what the page does.
window.probe = (() => {
  const marks = [];
  const mark = (name) => marks.push([name, performance.now()]);

  // What the page and the worker of a run say to each other.
  window.Worker = class extends Worker {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', ({ data }) => mark(data.type));
    }
    postMessage(...args) {
      mark('job');
      super.postMessage(...args);
    }
  };

  const when = (found) =>
    new Promise((resolve) => {
      const look = () => {
        const value = found();
        if (value === null) return;
        observer.disconnect();
        resolve(value);
      };
      const observer = new MutationObserver(look);
      observer.observe(document, { childList: true, subtree: true, attributes: true, characterData: true });
      look();
    });
  const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const named = (role, text) => [...document.querySelectorAll(role)].find((one) => one.textContent.trim() === text);
  const resultId = () => document.querySelector('[aria-label=Result]:not(.result-stale) a[href^="/executions/"]')?.pathname ?? null;

  return {
    /** Waits until `found` finds something, which it looks for whenever the page changes. */
    when,

    /** Presses Run; when everything happened, in milliseconds since. `id` is the execution's. */
    async run() {
      const before = resultId();
      performance.clearResourceTimings(); // or the list of them is full one day
      marks.length = 0;
      const began = performance.now();
      named('button', 'Run').click();
      const path = await when(() => {
        const now = resultId();
        return now === before || now === null ? null : now;
      });
      const shown = performance.now();
      await nextFrame();
      await nextFrame();
      const painted = performance.now();
      const begin = performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/browser-runs'));
      const times = { asked: begin.startTime, answered: begin.responseEnd, shown, painted };
      for (const [name, at] of marks) times[name] ??= at;
      for (const name in times) times[name] -= began;
      return { id: path.split('/').pop(), times };
    },

    /** When something that fits was in the page, in milliseconds since the navigation began. */
    async shown(selector) {
      await when(() => document.querySelector(selector));
      return performance.now();
    },

    /** Presses the button until it is gone; how many rows there are then. */
    async loadAll(button, row) {
      const rows = () => document.querySelectorAll(row).length;
      for (let next = document.querySelector(button); next; next = document.querySelector(button)) {
        const before = rows();
        next.click();
        await when(() => (rows() > before ? true : null));
        await nextFrame();
      }
      return rows();
    },

    /** Notes each frame from now on; `stop` gives the gaps between them, in milliseconds. */
    frames() {
      const gaps = [];
      let last = performance.now();
      let going = true;
      const tick = (now) => {
        gaps.push(now - last);
        last = now;
        if (going) requestAnimationFrame(tick);
      };
      requestAnimationFrame(tick);
      return {
        stop() {
          going = false;
          return gaps;
        },
      };
    },
  };
})();
