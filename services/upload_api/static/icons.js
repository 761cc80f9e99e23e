/** The symbols of icons.svg, inserted into the page. */

/**
 * Inserts them. A `use` that refers to another file loads it again each time, and fails while the
 * network is down, which is when the page must show warnings.
 */
export async function loadIcons() {
  const response = await fetch("static/icons.svg");
  const file = new DOMParser().parseFromString(await response.text(), "image/svg+xml");
  const symbols = document.adoptNode(file.documentElement);
  symbols.setAttribute("hidden", "");
  document.body.append(symbols);
}
