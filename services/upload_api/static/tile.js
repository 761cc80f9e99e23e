/** One item of a list, as elements: shows its content and reports which button was pressed. */

import { renditionWords } from "./tile_content.js";
import { moment } from "./words.js";

const MAX_RENEWALS = 2;
const PICTURE_PX = { width: 240, height: 180 };

/** A list item created from the page's template; `element` is inserted into the list. */
export class Tile {
  #part;
  #buttons;
  #on;
  #renewals = 0;

  /**
   * @param {object} on What to call: `open`, `cancel`, `retry` and `remove` for the buttons,
   *   `renew` when the URL of a rendition has expired, `shown` when a rendition is visible.
   */
  constructor(on) {
    const template = document.getElementById("tile");
    this.element = template.content.cloneNode(true).firstElementChild;
    this.#part = (selector) => this.element.querySelector(selector);
    this.#buttons = [...this.element.querySelectorAll("button")];
    this.#on = on;
    for (const button of this.#buttons) {
      button.addEventListener("click", () => on[button.dataset.act]?.());
    }
    this.#watchPicture();
  }

  /** Shows the content of a tile; see `TileContent`. */
  show(content) {
    this.element.dataset.state = content.state;
    this.#part("h3").textContent = content.name;
    this.#part(".facts").textContent = content.facts;
    this.#part(".state use").setAttribute("href", `#${content.icon}`);
    this.#part(".state span").textContent = content.words;
    this.#part(".message").textContent = content.message;
    this.#part(".message").hidden = !content.message;
    this.#showProgress(content);
    this.#showRenditions(content.renditions);
    this.#showEnd(content.endsAt);
    this.#showButtons(content);
    this.#showPicture(content);
  }

  /** Moves the keyboard focus to the first visible button, or to the tile itself. */
  focus() {
    (this.#buttons.find((button) => !button.hidden) ?? this.element).focus();
  }

  #showProgress({ name, progress }) {
    const bar = this.#part("progress");
    bar.hidden = progress === null;
    bar.value = progress ?? 0;
    bar.setAttribute("aria-label", `Sending ${name}`);
  }

  #showRenditions(renditions) {
    const items = renditions.map((rendition) => {
      const item = document.createElement("li");
      item.textContent = renditionWords(rendition);
      return item;
    });
    this.#part(".renditions").replaceChildren(...items);
    this.#part(".renditions").hidden = items.length === 0;
  }

  #showEnd(endsAt) {
    this.#part(".end").hidden = !endsAt;
    if (!endsAt) return;
    this.#part("time").dateTime = endsAt;
    this.#part("time").textContent = moment(endsAt);
  }

  #showButtons({ name, acts }) {
    const focused = document.activeElement;
    for (const button of this.#buttons) {
      button.hidden = !acts.includes(button.dataset.act);
      const verb = button.textContent.trim() || "Show";
      button.setAttribute("aria-label", `${verb} ${name}`);
    }
    if (focused.hidden && this.#buttons.includes(focused)) this.focus();
  }

  #showPicture({ preview, renditions }) {
    const picture = this.#part(".picture img");
    const address = renditions[0]?.url ?? preview;
    if (picture.getAttribute("src") === address) return;
    picture.hidden = !address;
    if (!address) return;
    picture.sizes = `${shownWidthPx(renditions[0])}px`;
    picture.srcset = renditions.map(({ url, width_px: width }) => `${url} ${width}w`).join(", ");
    picture.src = address;
  }

  #watchPicture() {
    const picture = this.#part(".picture img");
    picture.addEventListener("load", () => {
      if (picture.src.startsWith("blob:")) return;
      this.#renewals = 0;
      this.#on.shown?.();
    });
    picture.addEventListener("error", () => {
      const isRendition = !picture.src.startsWith("blob:");
      picture.hidden = true;
      picture.removeAttribute("srcset");
      picture.removeAttribute("src"); // so that even the same URL is loaded again
      if (!isRendition || this.#renewals === MAX_RENEWALS) return;
      this.#renewals += 1;
      this.#on.renew?.();
    });
  }
}

/** Returns the width of an image in its tile, from which the browser chooses a rendition. */
function shownWidthPx(rendition) {
  if (!rendition) return PICTURE_PX.width;
  const { width_px: width, height_px: height } = rendition;
  return Math.ceil(Math.min(PICTURE_PX.width, (PICTURE_PX.height * width) / height));
}
