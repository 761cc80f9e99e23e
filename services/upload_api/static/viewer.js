/** The dialog that shows a large image, with links to its renditions. */

import { isRequestError } from "./api.js";
import { tileOfImage, renditionWords } from "./tile_content.js";

/** Controls the page's dialog; the browser handles Escape and returns the focus. */
export class Viewer {
  #dialog = document.getElementById("viewer");
  #title = document.getElementById("viewer-title");
  #error = document.getElementById("viewer-error");
  #picture = document.getElementById("viewer-image");
  #renditions = document.getElementById("viewer-renditions");

  constructor() {
    document.getElementById("viewer-close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#clear());
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close(); // outside of the dialog's content
    });
  }

  /**
   * Opens with an image, requested again because the URLs of renditions expire soon.
   *
   * @param {string} name The title.
   * @param {function(): Promise<object>} image Requests the image.
   */
  async open(name, image) {
    this.#clear();
    this.#title.textContent = name;
    this.#dialog.showModal();
    try {
      const found = await image();
      if (this.#dialog.open && this.#title.textContent === name) this.#show(found);
    } catch (error) {
      if (!isRequestError(error)) throw error;
      this.#error.textContent = error.message;
    }
  }

  /** Closes it. */
  close() {
    this.#dialog.close();
  }

  #show(image) {
    const { renditions } = tileOfImage(image);
    const largest = renditions.at(-1);
    this.#renditions.replaceChildren(...renditions.map(linkTo));
    this.#picture.alt = image.filename || "";
    this.#picture.width = largest.width_px;
    this.#picture.height = largest.height_px;
    this.#picture.src = largest.url;
    this.#picture.hidden = false;
  }

  #clear() {
    this.#error.textContent = "";
    this.#picture.removeAttribute("src");
    this.#picture.hidden = true;
    this.#renditions.replaceChildren();
  }
}

function linkTo(rendition) {
  const link = document.createElement("a");
  link.href = rendition.url;
  link.target = "_blank";
  link.rel = "noreferrer";
  link.textContent = renditionWords(rendition);
  const item = document.createElement("li");
  item.append(link);
  return item;
}
