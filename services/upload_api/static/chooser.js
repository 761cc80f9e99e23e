/** How files come in: dropped anywhere on the page, or chosen with the button. */

/** Wires the drop zone; `onFiles` is called with one file or more. */
export class Chooser {
  #zone = document.getElementById("drop");
  #input = document.getElementById("files");
  #button = document.getElementById("choose");
  #error = document.getElementById("drop-error");
  #isOpen;
  #onFiles;
  #depth = 0;

  /**
   * @param {function(): boolean} isOpen Whether files are taken now.
   * @param {function(File[])} onFiles Called with what was chosen or dropped.
   */
  constructor(isOpen, onFiles) {
    this.#isOpen = isOpen;
    this.#onFiles = onFiles;
    this.#button.addEventListener("click", () => this.#input.click());
    this.#input.addEventListener("change", () => {
      const files = [...this.#input.files];
      this.#input.value = ""; // so that the same file can be chosen again
      this.#take(files);
    });
    // Everywhere: a file dropped beside the zone would otherwise replace the page.
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("dragenter", () => this.#hover(1));
    document.addEventListener("dragleave", () => this.#hover(-1));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      this.#hover(-this.#depth);
      this.#take([...event.dataTransfer.files]);
    });
  }

  /** Puts the keyboard's focus on the button. */
  focus() {
    this.#button.focus();
  }

  #take(files) {
    if (!this.#isOpen()) return;
    this.#error.textContent = files.length ? "" : "There is no file in what you dropped. "
      + "Drop image files, or choose them with the button.";
    if (files.length) this.#onFiles(files);
  }

  /** Elements are entered and left in turn: only the last leaving ends the hovering. */
  #hover(step) {
    this.#depth = Math.max(0, this.#depth + step);
    this.#zone.classList.toggle("is-over", this.#depth > 0 && this.#isOpen());
  }
}
