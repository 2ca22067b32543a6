// Draws the two drawings of a report, and makes its tables sortable and all of it searchable.
// The layouts are d3-hierarchy's (treemap, partition); the elements are made by d3-selection. Every text is set as text.
"use strict";
(() => {
  const { name, owners, contents, frames } = JSON.parse(document.getElementById("data").textContent);
  const DEEPEST = 24; // folders below an owner; deeper ones are shown as one
  const LEVELS = 5; // of folders that are drawn at once
  const MOST_ROWS = 40;
  const ROW = 22; // pixels of a row in the flame chart
  const byId = (id) => document.getElementById(id);
  const lower = (text) => text.toLowerCase();
  const number = (value) => value.toLocaleString("en");
  const bytes = (size) => (size >= 1e5 ? `${(size / 1e6).toFixed(1)} MB` : `${(size / 1e3).toFixed(1)} kB`);
  const milliseconds = (time) => `${time < 1e5 ? (time / 1e3).toFixed(1) : number(Math.round(time / 1e3))} ms`;
  const share = (part, whole) => `${((100 * part) / (whole || 1)).toFixed(1)} %`;
  let wanted = "";

  // Contents --------------------------------------------------------------------------------------------------------

  const folder = (title, above, role) => ({ title, above, role, inside: new Map() });
  const within = (above, title) => {
    if (!above.inside.has(title)) above.inside.set(title, folder(title, above, above.role));
    return above.inside.get(title);
  };

  const root = folder(name, null, "onebin");
  const leaves = [];
  for (const [owner, path, isModule, count, unpacked, file] of contents) {
    const [title, role] = owners[owner];
    let place = within(root, title);
    place.role = role;
    const parts = path.split(isModule ? "." : "/").filter((part) => part !== "");
    if (isModule) place = within(place, "compiled modules");
    if (count > 1) parts.push(`${number(count)} small files`);
    const last = parts.length ? parts.pop() : "(no name)";
    for (const part of parts.slice(0, DEEPEST)) place = within(place, part);
    const label = isModule && count === 1 ? `${last} (module)` : last;
    const leaf = { title: label, above: place, role, count, unpacked, file, text: lower(`${title}/${path}`), path };
    place.inside.set(`${place.inside.size}:${label}`, leaf);
    leaves.push(leaf);
  }

  // A folder with nothing but a folder in it is shown as one with it; an owner keeps its name.
  const merge = (place) => {
    for (const [key, first] of [...place.inside].filter(([, child]) => child.inside)) {
      let child = first;
      while (place !== root && child.inside.size === 1 && [...child.inside.values()][0].inside) {
        const [next] = child.inside.values();
        next.title = `${child.title}/${next.title}`;
        next.above = place;
        place.inside.set(key, next);
        child = next;
      }
      merge(child);
    }
  };
  merge(root);

  const sums = (place) => {
    if (!place.inside) return;
    Object.assign(place, { count: 0, unpacked: 0, file: 0 });
    for (const child of place.inside.values()) {
      sums(child);
      if (!child.inside && !child.isWanted) continue;
      for (const key of ["count", "unpacked", "file"]) place[key] += child[key];
    }
  };
  const shown = (place) => [...place.inside.values()].filter((child) => (child.inside ? child.count > 0 : child.isWanted));
  const titles = (place) => (place.above ? [...titles(place.above), place.title] : []);

  // Keys and focus --------------------------------------------------------------------------------------------------

  // One area of a drawing is in the order of Tab; the arrow keys move between areas.
  const walkable = (element, { open, leave, tell }) => {
    const areas = d3.select(element);
    const focus = (area) => {
      areas.selectAll(".area").attr("tabindex", -1);
      d3.select(area).attr("tabindex", 0);
      area.focus();
    };
    const beside = (node, step) => {
      const nodes = (node.parent ? node.parent.children : [node]).filter((each) => each.area);
      return nodes[nodes.indexOf(node) + step];
    };
    const target = (node, key) => {
      if (key === "ArrowDown") return (node.children || []).find((each) => each.area);
      if (key === "ArrowUp") return node.parent && node.parent.area ? node.parent : undefined;
      if (key === "ArrowRight") return beside(node, 1);
      if (key === "ArrowLeft") return beside(node, -1);
      return undefined;
    };
    element.addEventListener("keydown", (event) => {
      const area = event.target.closest(".area");
      if (!area || event.ctrlKey || event.altKey || event.metaKey) return;
      const node = d3.select(area).datum();
      const next = target(node, event.key);
      if (next) focus(next.area);
      else if (event.key === "Enter" || event.key === " ") open(node);
      else if (event.key === "Escape" || event.key === "Backspace") leave();
      else if (!event.key.startsWith("Arrow")) return;
      event.preventDefault();
    });
    element.addEventListener("click", (event) => {
      const area = event.target.closest(".area");
      if (area) open(d3.select(area).datum());
    });
    const showDetail = (event) => {
      const area = event.target.closest(".area");
      if (area) tell(d3.select(area).datum());
    };
    element.addEventListener("focusin", showDetail);
    element.addEventListener("mouseover", showDetail);
    return {
      // After a drawing is made anew, the focus is on the area that was opened, or on the one that was left.
      settle(hadFocus, find) {
        const all = areas.selectAll(".area").nodes();
        const area = all.find((each) => find(d3.select(each).datum())) || all[0];
        if (!area) return;
        d3.select(area).attr("tabindex", 0);
        if (hadFocus) area.focus({ preventScroll: true });
      },
    };
  };

  const place = (selection, { left, top, width, height }) =>
    selection
      .style("left", (node) => `${left(node)}px`)
      .style("top", (node) => `${top(node)}px`)
      .style("width", (node) => `${width(node)}px`)
      .style("height", (node) => `${height(node)}px`);

  const crumbs = (nav, steps, open) => {
    const list = d3.select(nav);
    list.selectAll("*").remove();
    steps.forEach((step, index) => {
      if (index === steps.length - 1) list.append("span").attr("aria-current", "location").text(step.title);
      else list.append("button").attr("type", "button").text(step.title).on("click", () => open(step));
    });
  };

  // Tables ----------------------------------------------------------------------------------------------------------

  const sortBy = (table, column, isDescending) => {
    const cell = (row) => row.cells[column];
    const value = (row) => (cell(row).dataset.value === undefined ? lower(cell(row).textContent) : Number(cell(row).dataset.value));
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [value(row), row]);
    const order = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));
    rows.sort(([a], [b]) => (isDescending ? order(b, a) : order(a, b)));
    body.append(...rows.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) =>
      head.querySelector("button").addEventListener("click", () => {
        const isDescending = head.classList.contains("number") ? head.ariaSort !== "descending" : head.ariaSort === "ascending";
        for (const each of heads) each.ariaSort = "none";
        head.ariaSort = isDescending ? "descending" : "ascending";
        sortBy(table, column, isDescending);
      }),
    );
  }
  const sortAgain = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const column = heads.findIndex((head) => head.ariaSort !== "none");
    if (column >= 0) sortBy(table, column, heads[column].ariaSort === "descending");
  };

  // Rows are lists of cells: {text}, or {text, value} for numbers; `open` makes the first one a button.
  const fill = (table, rows, more, what) => {
    const lines = d3.select(table.tBodies[0]).selectAll("tr").data(rows.slice(0, MOST_ROWS)).join("tr").attr("role", "row");
    lines.each(function (row) {
      d3.select(this).selectAll("*").remove();
      row.cells.forEach((cell, index) => {
        const made = d3.select(this).append(index ? "td" : "th").attr("role", index ? "cell" : "rowheader");
        if (!index) made.attr("scope", "row");
        if (cell.value !== undefined) made.attr("class", "number").attr("data-value", cell.value);
        if (index || !row.open) made.text(cell.text);
        else made.append("button").attr("type", "button").text(cell.text).on("click", row.open);
      });
    });
    const left = rows.length - MOST_ROWS;
    more.textContent = left > 0 ? `And ${number(left)} smaller ${what}; the filter finds them.` : "";
    sortAgain(table);
  };
  const sized = (text, count, item) => [
    { text },
    { text: number(count), value: count },
    { text: bytes(item.unpacked), value: item.unpacked },
    { text: bytes(item.file), value: item.file },
  ];

  // The treemap -----------------------------------------------------------------------------------------------------

  const treemap = byId("treemap");
  let here = root;
  const unit = () => document.querySelector('input[name="unit"]:checked').value;
  const isInside = (item, above) => item === above || (item.above !== null && isInside(item.above, above));

  const drawn = (item, levels, key) => ({
    item,
    children: item.inside && levels ? shown(item).sort((a, b) => b[key] - a[key]).map((child) => drawn(child, levels - 1, key)) : undefined,
  });
  const drawTreemap = (came) => {
    const key = unit();
    const hadFocus = treemap.contains(document.activeElement);
    const { clientWidth: width, clientHeight: height } = treemap;
    const top = d3.hierarchy(drawn(here, LEVELS, key));
    top.each((node) => {
      node.value = node.data.item[key];
    });
    d3
      .treemap()
      .size([width, height])
      .paddingInner(1)
      .paddingOuter((node) => (node.depth ? 2 : 0))
      .paddingTop((node) => (node.depth ? 19 : 0))
      .round(true)(top);
    const isDrawn = (node) => node.depth > 0 && node.x1 - node.x0 >= 3 && node.y1 - node.y0 >= 3 && (node.depth === 1 || node.parent.x1 - node.parent.x0 > 24);
    const areas = d3
      .select(treemap)
      .selectAll(".area")
      .data(top.descendants().filter(isDrawn))
      .join("div")
      .attr("class", (node) => `area ${node.data.item.role}${node.children ? " whole" : ""}${node.x1 - node.x0 < 12 ? " tiny" : ""}`)
      .attr("role", "treeitem")
      .attr("tabindex", -1)
      .attr("aria-level", (node) => node.depth)
      .attr("aria-expanded", (node) => (node.children ? "true" : node.data.item.inside ? "false" : null))
      .attr("aria-label", (node) => `${node.data.item.title}, ${bytes(node.data.item[key])}, ${share(node.data.item[key], here[key])}`)
      .text((node) => (node.x1 - node.x0 > 28 && node.y1 - node.y0 > 16 ? node.data.item.title : ""))
      .each(function (node) {
        node.area = this;
      });
    place(areas, { left: (n) => n.x0, top: (n) => n.y0, width: (n) => n.x1 - n.x0, height: (n) => n.y1 - n.y0 });
    const steps = [];
    for (let each = here; each; each = each.above) steps.unshift(each);
    crumbs(byId("path"), steps, showFolder);
    walkTreemap.settle(hadFocus, (node) => node.data.item === came);
    byId("treemap-detail").textContent = `${here.title}: ${bytes(here[key])}, ${number(here.count)} files and modules`;
    listContents(key);
  };
  const listContents = (key) => {
    const items = wanted ? leaves.filter((leaf) => leaf.isWanted && isInside(leaf, here)) : shown(here);
    const rows = items
      .sort((a, b) => b[key] - a[key])
      .map((item) => ({
        cells: sized(wanted ? [...titles(item)].slice(titles(here).length).join("/") : item.title, item.count, item),
        open: item.inside ? () => showFolder(item) : null,
      }));
    fill(byId("contents-table"), rows, byId("contents-more"), "ones");
  };
  const showFolder = (item, came = null) => {
    here = item;
    drawTreemap(came);
  };
  const walkTreemap = walkable(treemap, {
    open: (node) => {
      if (node.data.item.inside) showFolder(node.data.item);
    },
    leave: () => {
      if (here.above) showFolder(here.above, here);
    },
    tell: ({ data: { item } }) => {
      const key = unit();
      byId("treemap-detail").textContent = `${titles(item).join("/")}: ${bytes(item.unpacked)} unpacked, ${bytes(item.file)} in the file, ${share(item[key], root[key])} of all`;
    },
  });

  // The flame chart -------------------------------------------------------------------------------------------------

  const flame = byId("flame");
  const imports = frames.map(([title, above, owner, own, all]) => ({
    title,
    above,
    owner: owner < 0 ? "" : owners[owner][0],
    role: owner < 0 ? (title.startsWith("plugin ") ? "plugin" : title.startsWith("host ") ? "host" : "python") : owners[owner][1],
    own,
    all,
    isPhase: above < 0,
    inside: [],
  }));
  const begin = { title: "start", owner: "", role: "onebin", own: 0, all: 0, inside: imports.filter((each) => each.isPhase) };
  for (const each of imports) {
    if (!each.isPhase) imports[each.above].inside.push(each);
    else begin.all += each.all;
    each.text = lower(`${each.title} ${each.owner}`);
  }
  const chart = d3.hierarchy(begin, (each) => each.inside);
  // A sum of rounded times may be more than their whole.
  chart.eachAfter((node) => {
    node.value = Math.max(node.data.all, (node.children || []).reduce((sum, child) => sum + child.value, 0));
  });
  d3.partition()(chart);
  let focused = chart;

  const drawFlame = (came) => {
    if (!flame) return;
    const hadFocus = flame.contains(document.activeElement);
    const scale = flame.clientWidth / (focused.x1 - focused.x0 || 1);
    const left = (node) => Math.max(0, (node.x0 - focused.x0) * scale);
    const width = (node) => Math.max(2, Math.min(flame.clientWidth, (node.x1 - focused.x0) * scale) - left(node));
    // What was looked for is drawn, however short it is.
    const isDrawn = (node) =>
      node.x1 > focused.x0 && node.x0 < focused.x1 && ((node.x1 - node.x0) * scale >= 2 || (wanted !== "" && node.data.isWanted));
    chart.each((node) => {
      node.area = undefined;
    });
    const nodes = chart.descendants().filter(isDrawn);
    const areas = d3
      .select(flame)
      .selectAll(".area")
      .data(nodes)
      .join("div")
      .attr("class", (node) => `area ${node.data.role}${wanted && !node.data.isWanted ? " other" : ""}${width(node) < 12 ? " tiny" : ""}${node.depth < 2 ? " whole" : ""}`)
      .attr("role", "treeitem")
      .attr("tabindex", -1)
      .attr("aria-level", (node) => node.depth + 1)
      .attr("aria-expanded", (node) => (node.children ? "true" : null))
      .attr("aria-label", (node) => `${node.data.title}, ${milliseconds(node.data.all)}, ${share(node.data.all, begin.all)}`)
      .text((node) => (width(node) > 28 ? node.data.title : ""))
      .each(function (node) {
        node.area = this;
      });
    place(areas, { left, top: (node) => node.depth * ROW, width, height: () => ROW });
    const deepest = nodes.reduce((depth, node) => Math.max(depth, node.depth), 0);
    d3.select(flame).style("height", `${(deepest + 1) * ROW + 2}px`);
    crumbs(byId("frame-path"), focused.ancestors().reverse().map((node) => ({ title: node.data.title, node })), (step) => showImport(step.node));
    walkFlame.settle(hadFocus, (node) => node === (came || focused));
    byId("flame-detail").textContent = describe(focused);
  };
  const describe = ({ data }) =>
    `${data.title}${data.owner ? ` (${data.owner})` : ""}: ${milliseconds(data.all)} with its imports, ${share(data.all, begin.all)} of the start${data.isPhase || data === begin ? "" : `; ${milliseconds(data.own)} by itself`}`;
  const showImport = (node, came = null) => {
    focused = node;
    drawFlame(came);
  };
  const walkFlame =
    flame &&
    walkable(flame, {
      open: (node) => showImport(node),
      leave: () => {
        if (focused.parent) showImport(focused.parent, focused);
      },
      tell: (node) => {
        byId("flame-detail").textContent = describe(node);
      },
    });
  const listImports = () => {
    if (!flame) return;
    const rows = imports
      .filter((each) => !each.isPhase && (!wanted || each.isWanted))
      .sort((a, b) => b.own - a.own)
      .map((each) => ({
        cells: [
          { text: each.title },
          { text: each.owner },
          { text: milliseconds(each.own), value: each.own },
          { text: milliseconds(each.all), value: each.all },
        ],
      }));
    fill(byId("imports-table"), rows, byId("imports-more"), "ones");
  };

  // The filter ------------------------------------------------------------------------------------------------------

  const apply = () => {
    wanted = lower(byId("filter").value.trim());
    for (const each of leaves) each.isWanted = each.text.includes(wanted);
    for (const each of imports) each.isWanted = each.text.includes(wanted);
    sums(root);
    if (wanted && here.count === 0) here = root;
    let rows = 0;
    for (const row of document.querySelectorAll("table.filtered tbody tr")) {
      row.hidden = !lower(row.textContent).includes(wanted);
      rows += row.hidden ? 0 : 1;
      if (wanted && !row.hidden && row.closest("details")) row.closest("details").open = true;
    }
    const modules = imports.filter((each) => each.isWanted && !each.isPhase).length;
    byId("found").textContent = wanted
      ? `${number(root.count)} files and modules (${bytes(root.file)} in the file, ${bytes(root.unpacked)} unpacked), ${flame ? `${number(modules)} imports, ` : ""}${number(rows)} rows of the other tables`
      : "";
    drawTreemap(null);
    drawFlame(null);
    listImports();
  };
  let waiting;
  byId("filter").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 100);
  });
  for (const each of document.querySelectorAll('input[name="unit"]')) each.addEventListener("change", () => drawTreemap(null));
  let width = treemap.clientWidth;
  new ResizeObserver(() => {
    if (treemap.clientWidth === width) return;
    width = treemap.clientWidth;
    drawTreemap(null);
    drawFlame(null);
  }).observe(treemap);
  apply();
})();
