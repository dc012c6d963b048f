// The page of claims: show only the rows with a verdict, or with a word in them.
(() => {
  "use strict";

  const rowsOf = (tables) => tables.flatMap((table) => [...table.querySelectorAll("tbody tr")]);

  const verdictOf = (row) => {
    const cell = row.querySelector("td.verdict");
    return cell ? cell.textContent.trim() : "";
  };

  const option = (value, text) => {
    const element = document.createElement("option");
    element.value = value;
    element.textContent = text;
    return element;
  };

  const labelled = (text, control) => {
    const label = document.createElement("label");
    label.append(`${text} `, control);
    return label;
  };

  const start = () => {
    const tables = [...document.querySelectorAll("table.claims")];
    if (tables.length === 0) return;
    const rows = rowsOf(tables);
    const verdicts = [...new Set(rows.map(verdictOf))].filter(Boolean).sort();

    const verdict = document.createElement("select");
    verdict.append(option("", "all verdicts"), ...verdicts.map((name) => option(name, name)));
    const word = document.createElement("input");
    word.type = "search";
    word.placeholder = "SIREN, Table 3, 16 bits";
    const count = document.createElement("output");

    const show = () => {
      const wanted = word.value.trim().toLowerCase();
      let shown = 0;
      for (const row of rows) {
        const section = row.closest("section");
        const title = section ? section.querySelector("h2, h3").textContent : "";
        const text = `${title} ${row.textContent}`.toLowerCase();
        const fits = (!verdict.value || verdictOf(row) === verdict.value) && text.includes(wanted);
        row.hidden = !fits;
        shown += fits ? 1 : 0;
      }
      for (const table of tables) {
        const section = table.closest("section");
        const none = rowsOf([table]).every((row) => row.hidden);
        if (section) section.hidden = none;
      }
      count.textContent = `${shown} of ${rows.length} rows`;
    };

    const form = document.createElement("form");
    form.className = "claims-filter";
    form.setAttribute("role", "search");
    form.append(labelled("Verdict", verdict), labelled("Words", word), count);
    form.addEventListener("submit", (event) => event.preventDefault());
    verdict.addEventListener("change", show);
    word.addEventListener("input", show);
    const first = tables[0].closest("section");
    first.before(form);
    show();
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
