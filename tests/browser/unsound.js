() => {
  const faults = [];
  const check = (name, elements) => { if (elements.length) faults.push(`${name}: ${elements[0].outerHTML.slice(0, 120)}`); };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const levels = all('h1, h2, h3').map((heading) => Number(heading.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) faults.push('not one h1');
  if (levels.some((level, number) => number && level > levels[number - 1] + 1)) faults.push('a level is skipped');
  for (const landmark of ['main', 'nav', '[role=search]'])
    if (all(landmark).length !== 1) faults.push(`not one ${landmark}`);
  check('heading without text', all('h1, h2, h3').filter((heading) => !heading.textContent.trim()));
  check('table without a caption', all('table').filter((table) => !table.caption || !table.caption.textContent.trim()));
  check('header without scope', all('th').filter((cell) => !['row', 'col'].includes(cell.scope)));
  check('header without text', all('thead th').filter((cell) => !cell.textContent.trim()));
  check('link without text', all('a').filter((link) => !link.textContent.trim()));
  check('field without a label', all('input').filter((field) => !field.labels.length));
  check('scroller out of reach', all('.scroll').filter((part) => part.tabIndex !== 0 || !(part.ariaLabel || part.hasAttribute('aria-labelledby'))));
  const ids = all('[id]').map((element) => element.id);
  if (new Set(ids).size !== ids.length) faults.push('an id is there twice');
  check('link to nowhere', all('a[href^="#"]').filter((link) => !document.getElementById(decodeURIComponent(link.hash.slice(1)))));
  check('label of nothing', all('[aria-labelledby]').filter((part) => !document.getElementById(part.getAttribute('aria-labelledby'))));
  if (document.documentElement.lang !== 'en' || !document.title) faults.push('no language or title');
  return faults;
}
