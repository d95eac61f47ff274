// The page at /policy: what is in force in this house.

import { tell } from "./house.js";
import { offerLanguages, preferred, speak, whenSpoken } from "./words.js";

const { house, look } = await (await fetch("settings.json")).json();
whenSpoken(() => tell(document.getElementById("house"), house, look?.recording));
await speak(preferred());
await offerLanguages(() => {});
