/** The API key: asked for once, kept in this tab only. */

const KEPT_AS = "darkroom-api-key";
const WHOLE_KEY = /^dr_(?<id>[0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;

/** The key's form and what stands in the header once there is one. */
export class KeyForm {
  #form = document.getElementById("key-form");
  #input = document.getElementById("key");
  #error = document.getElementById("key-error");
  #known = document.getElementById("key-known");
  #name = document.getElementById("key-name");

  /**
   * @param {function(string)} onKey Called with a key that was entered.
   * @param {function()} onForget Called when the person wants it forgotten.
   */
  constructor(onKey, onForget) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const key = this.#input.value.trim();
      if (WHOLE_KEY.test(key)) onKey(key);
      else this.ask("This is not a whole API key. Keys begin with “dr_”; copy yours to its end.");
    });
    document.getElementById("forget").addEventListener("click", onForget);
  }

  /** Returns the key that this tab keeps, or "". */
  static kept() {
    const key = sessionStorage.getItem(KEPT_AS) ?? "";
    return WHOLE_KEY.test(key) ? key : "";
  }

  /** Asks for a key, saying what was wrong with the last one. */
  ask(problem = "") {
    sessionStorage.removeItem(KEPT_AS);
    this.#known.hidden = true;
    this.#form.hidden = false;
    this.#error.textContent = problem;
    this.#input.setAttribute("aria-invalid", String(Boolean(problem)));
    this.#input.focus();
    this.#input.select();
  }

  /** Whether a key is being tried. */
  setBusy(isBusy) {
    this.#form.querySelector("button").disabled = isBusy;
  }

  /** Keeps a key that the server accepted. */
  accept(key) {
    sessionStorage.setItem(KEPT_AS, key);
    this.#input.value = "";
    this.#form.hidden = true;
    this.#known.hidden = false;
    this.#name.textContent = WHOLE_KEY.exec(key).groups.id; // by which people speak of it
  }
}
