/** File selection: files dropped anywhere on the page, or chosen with the button. */

/** The drop zone; `onFiles` is called with one or more files. */
export class Chooser {
  #zone = document.getElementById("drop");
  #input = document.getElementById("files");
  #button = document.getElementById("choose");
  #error = document.getElementById("drop-error");
  #isOpen;
  #onFiles;
  #depth = 0;

  /**
   * @param {function(): boolean} isOpen Whether files are accepted now.
   * @param {function(File[])} onFiles Called with the chosen or dropped files.
   */
  constructor(isOpen, onFiles) {
    this.#isOpen = isOpen;
    this.#onFiles = onFiles;
    this.#button.addEventListener("click", () => this.#input.click());
    this.#input.addEventListener("change", () => {
      const files = [...this.#input.files];
      this.#input.value = ""; // so that the same file can be chosen again
      this.#accept(files);
    });
    // On the whole document: a file dropped outside the zone would otherwise replace the page.
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("dragenter", () => this.#hover(1));
    document.addEventListener("dragleave", () => this.#hover(-1));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      this.#hover(-this.#depth);
      this.#accept([...event.dataTransfer.files]);
    });
  }

  /** Moves the keyboard focus to the button. */
  focus() {
    this.#button.focus();
  }

  #accept(files) {
    if (!this.#isOpen()) return;
    this.#error.textContent = files.length ? "" : "What you dropped contains no file. "
      + "Drop image files, or choose them with the button.";
    if (files.length) this.#onFiles(files);
  }

  /** Nested elements fire their own events: hovering ends when all of them are left. */
  #hover(step) {
    this.#depth = Math.max(0, this.#depth + step);
    this.#zone.classList.toggle("is-over", this.#depth > 0 && this.#isOpen());
  }
}
