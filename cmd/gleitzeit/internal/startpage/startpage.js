(() => {
	"use strict";
	const sign = document.getElementById("live");
	let source = null;
	const say = (text, lost) => {
		sign.textContent = text;
		sign.classList.toggle("lost", lost);
	};
	const close = () => {
		source?.close();
		source = null;
	};
	const open = () => {
		if (source !== null) return;
		source = new EventSource(sign.dataset.address);
		source.addEventListener("open", () => say("live", false));
		source.addEventListener("error", () => {
			if (source?.readyState === EventSource.CLOSED) say("not live: reload the page to see what has changed", true);
			else say("connection lost, trying again", true);
		});
		source.addEventListener("state", event => {
			for (const [id, html] of Object.entries(JSON.parse(event.data))) {
				const section = document.getElementById(id);
				if (section === null || section.dataset.shown === html) continue;
				section.dataset.shown = html;
				const focused = section.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") ?? document.activeElement.getAttribute("href") : null;
				section.innerHTML = html;
				if (focused === null) continue;
				for (const link of section.querySelectorAll("a")) {
					if (focused === (link.getAttribute("aria-label") ?? link.getAttribute("href"))) {
						link.focus({preventScroll: true});
						break;
					}
				}
			}
		});
	};
	// A browser has few connections to a host: a page that nobody sees keeps none.
	document.addEventListener("visibilitychange", () => document.hidden ? close() : open());
	addEventListener("pagehide", close);
	addEventListener("pageshow", () => { if (!document.hidden) open(); });
	if (!document.hidden) open();
})();
