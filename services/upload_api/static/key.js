/** The API key: asked for once, kept in this tab only. */

const STORAGE_KEY = "darkroom-api-key";
const KEY = /^dr_(?<id>[0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;

/** The form for the key, and the key's id in the header. */
export class KeyForm {
  #form = document.getElementById("key-form");
  #input = document.getElementById("key");
  #error = document.getElementById("key-error");
  #known = document.getElementById("key-known");
  #name = document.getElementById("key-name");

  /**
   * @param {function(string)} onKey Called with a key that was entered.
   * @param {function()} onForget Called when the person presses “Forget key”.
   */
  constructor(onKey, onForget) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const key = this.#input.value.trim();
      if (KEY.test(key)) onKey(key);
      else this.ask("This is not a complete API key. Keys begin with “dr_”; copy all of yours.");
    });
    document.getElementById("forget").addEventListener("click", onForget);
  }

  /** Returns the stored key, or "". */
  static stored() {
    const key = sessionStorage.getItem(STORAGE_KEY) ?? "";
    return KEY.test(key) ? key : "";
  }

  /** Asks for a key, and shows what was wrong with the last one. */
  ask(problem = "") {
    sessionStorage.removeItem(STORAGE_KEY);
    this.#known.hidden = true;
    this.#form.hidden = false;
    this.#error.textContent = problem;
    this.#input.setAttribute("aria-invalid", String(Boolean(problem)));
    this.#input.focus();
    this.#input.select();
  }

  /** Disables the button while a key is being checked. */
  setBusy(isBusy) {
    this.#form.querySelector("button").disabled = isBusy;
  }

  /** Stores a key that the server accepted. */
  accept(key) {
    sessionStorage.setItem(STORAGE_KEY, key);
    this.#input.value = "";
    this.#form.hidden = true;
    this.#known.hidden = false;
    this.#name.textContent = KEY.exec(key).groups.id;
  }
}
