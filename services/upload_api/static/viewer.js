/** The window that shows one image large, with links to its renditions. */

import { isOfTheRequest } from "./api.js";
import { lookOfImage, renditionWords } from "./looks.js";

/** Wraps the page's dialog; Escape and its button close it, and focus goes back by itself. */
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
      if (event.target === this.#dialog) this.#dialog.close(); // beside the window
    });
  }

  /**
   * Opens on an image, asked for again because the addresses of renditions soon expire.
   *
   * @param {string} name What the title says until the image is there.
   * @param {function(): Promise<object>} image Asks for the image.
   */
  async open(name, image) {
    this.#clear();
    this.#title.textContent = name;
    this.#dialog.showModal();
    try {
      const found = await image();
      if (this.#dialog.open && this.#title.textContent === name) this.#show(found);
    } catch (error) {
      if (!isOfTheRequest(error)) throw error;
      this.#error.textContent = error.message;
    }
  }

  /** Closes it. */
  close() {
    this.#dialog.close();
  }

  #show(image) {
    const { renditions } = lookOfImage(image);
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
