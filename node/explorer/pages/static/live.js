// Follows the explorer's events and puts new rows on top of the page's live tables. Without it the page is complete,
// and as old as when it was asked for. Events carry markup that the server has escaped; it is taken from this origin only.
'use strict';
(() => {
  const main = document.getElementById('main');
  const stream = main && main.dataset.live;
  if (!stream || !window.EventSource) return;
  const source = new EventSource(stream);
  source.addEventListener('rows', (event) => {
    for (const [name, rows] of Object.entries(JSON.parse(event.data))) {
      const body = document.querySelector(`#${name} tbody`);
      if (!body) continue;
      const most = Math.max(body.rows.length, 10);
      const holder = document.createElement('tbody');
      holder.innerHTML = rows;
      for (const row of Array.from(holder.rows).reverse()) {
        row.classList.add('fresh');
        body.prepend(row);
        setTimeout(() => row.classList.remove('fresh'), 1500);
      }
      while (body.rows.length > most) body.deleteRow(-1);
    }
  });
  source.addEventListener('numbers', (event) => {
    for (const [name, text] of Object.entries(JSON.parse(event.data))) {
      const place = document.getElementById(name);
      if (place) place.textContent = text;
    }
  });
})();
