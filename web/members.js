// Members of the archive in words: who somebody lies nearest to, and how near.

import { percent, say } from "./words.js";

/** A member, such as "Ann Able, Congress of 1987". Who has no name is told by what they are. */
export function label({ name, source, year }) {
  if (source === "fellows") return say("someone_fellows");
  if (source === "parliament") return name ? say("named_parliament", { name }) : say("someone_parliament");
  if (name) return year ? say("named_congress", { name, year }) : say("named_congress_undated", { name });
  return year ? say("someone_congress", { year }) : say("someone_congress_undated");
}

/** How near a member is. */
export const nearness = ({ near, nearness }) => (near ? say("nearest_near") : say("nearest_far", { n: percent(nearness) }));

/** The nearest member, in a line. */
export function nearestOf({ nearest: [first] }) {
  if (!first) return "";
  return say(first.near ? "wall_near" : "wall_far", { who: label(first) });
}
