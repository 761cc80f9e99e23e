/** The symbols of icons.svg as part of the page. */

/**
 * Puts them in. A `use` of another file loads that file again for each, and finds nothing while the
 * network is gone, which is when the page has something to say.
 */
export async function loadIcons() {
  const response = await fetch("static/icons.svg");
  const file = new DOMParser().parseFromString(await response.text(), "image/svg+xml");
  const symbols = document.adoptNode(file.documentElement);
  symbols.setAttribute("hidden", "");
  document.body.append(symbols);
}
