// Keeps the page of one job up to date until the job has ended. Text goes in as text, never as HTML.
(function () {
  "use strict";
  const address = document.getElementById("job").dataset.status;
  const show = (id, text) => { document.getElementById(id).textContent = text || "–"; };

  function render(job) {
    const state = document.getElementById("state");
    state.textContent = job.state;
    state.className = "state " + job.state.toLowerCase();
    document.getElementById("progress").value = job.percent;
    if (job.total) show("message", job.done + " of " + job.total + ": " + job.message);
    show("result", job.result);
    show("error", job.error);
  }

  async function refresh() {
    let finished = false;
    try {
      const job = await (await fetch(address)).json();
      render(job);
      finished = job.finished;
    } catch (error) {
      show("message", "The site does not answer; trying again.");
    }
    if (!finished) setTimeout(refresh, 250);
  }

  refresh();
})();
