(() => {
	"use strict";
	const perPage = 200;
	const element = (name, properties, ...children) => {
		const made = Object.assign(document.createElement(name), properties);
		made.append(...children);
		return made;
	};
	for (const section of document.querySelectorAll(".items")) {
		const parts = [...section.querySelectorAll(":scope > .part")];
		const rows = parts.flatMap(part => [...part.querySelectorAll(":scope > table > tbody > tr")]);
		if (rows.length < 2) continue;
		const columns = [...parts[0].querySelectorAll("thead th")].map(head => head.textContent);
		// The columns of parts may differ: tokens are there only where some were used.
		const headOf = new Map();
		for (const part of parts) headOf.set(part, [...part.querySelectorAll("thead th")].map(head => head.textContent));
		const cellOf = (row, column) => {
			const at = headOf.get(row.closest(".part")).indexOf(column);
			return at < 0 ? null : row.cells[at];
		};
		const valueOf = (row, column) => {
			const cell = cellOf(row, column);
			if (!cell) return "";
			if (column === "Index") return Number(cell.textContent);
			if (cell.dataset.v !== undefined) return cell.dataset.v === "" ? -1 : Number(cell.dataset.v);
			return cell.textContent.trim();
		};
		let order = null, descending = false, at = 0, found = rows, timer = 0;

		const search = element("input", {type: "search", autocomplete: "off"});
		const states = [...new Set(rows.map(row => row.className))].sort();
		const state = element("select", {}, element("option", {value: ""}, "all"), ...states.map(name => element("option", {value: name}, name)));
		const count = element("p", {className: "count"});
		count.setAttribute("role", "status");
		const back = element("button", {type: "button", hidden: true}, "Previous");
		const next = element("button", {type: "button", hidden: true}, "Next");
		const tools = element("div", {className: "tools"}, element("label", {}, "Search", search), element("label", {}, "Status", state), back, next, count);
		const head = element("tr", {});
		const body = element("tbody", {});
		const result = element("div", {hidden: true}, element("table", {}, element("thead", {}, head), body));

		const sortBy = column => {
			descending = order === column && !descending;
			order = column;
			at = 0;
			show();
		};
		const buttons = (cells, names) => names.forEach((name, i) => {
			const button = element("button", {type: "button"}, name);
			button.addEventListener("click", () => { sortBy(name); head.querySelectorAll("button")[columns.indexOf(name)]?.focus(); });
			cells[i].replaceChildren(button);
		});
		for (const part of parts) buttons([...part.querySelectorAll("thead th")], headOf.get(part));
		const cells = [...parts[0].querySelectorAll("thead th")].map(original => element("th", {scope: "col", className: original.className}));
		buttons(cells, columns);
		head.append(...cells);

		const show = () => {
			const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
			const active = order !== null || words.length > 0 || state.value !== "";
			found = rows;
			if (state.value !== "") found = found.filter(row => row.className === state.value);
			if (words.length > 0) found = found.filter(row => { const text = row.textContent.toLowerCase(); return words.every(word => text.includes(word)); });
			if (order !== null) {
				const keys = new Map(found.map(row => [row, valueOf(row, order)]));
				const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, {numeric: true});
				found = [...found].sort((a, b) => (descending ? -1 : 1) * compare(keys.get(a), keys.get(b)));
			}
			at = Math.min(at, Math.max(0, Math.ceil(found.length / perPage) - 1));
			cells.forEach((cell, i) => columns[i] === order ? cell.setAttribute("aria-sort", descending ? "descending" : "ascending") : cell.removeAttribute("aria-sort"));
			const shown = found.slice(at * perPage, (at + 1) * perPage);
			// Copies, because the rows stay where they are without a search.
			body.replaceChildren(...(active ? shown.map(row => {
				const copy = row.cloneNode(false);
				copy.append(...columns.map(column => cellOf(row, column)?.cloneNode(true) ?? element("td", {})));
				return copy;
			}) : []));
			result.hidden = !active;
			for (const part of parts) part.hidden = active;
			back.hidden = next.hidden = !active || found.length <= perPage;
			back.disabled = at === 0;
			next.disabled = (at + 1) * perPage >= found.length;
			const number = n => n.toLocaleString("en");
			count.textContent = !active ? "" : found.length === 0 ? "No item matches." : found.length > perPage
				? `${number(at * perPage + 1)} to ${number(at * perPage + shown.length)} of ${number(found.length)} items` : `${number(found.length)} of ${number(rows.length)} items`;
		};
		search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => { at = 0; show(); }, 150); });
		state.addEventListener("change", () => { at = 0; show(); });
		back.addEventListener("click", () => { at--; show(); });
		next.addEventListener("click", () => { at++; show(); });
		parts[0].before(tools, result);
	}
})();
