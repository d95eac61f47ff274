// What is in force in this house: what is measured of visitors and told, what they may do, when it is open. See show::policy.

import { list, number, say, spoken } from "./words.js";

/** The measurements of a face, in the order in which they are told of. */
const GROUPS = ["shape", "pose", "expression", "age", "gender", "skin", "hair", "background", "likeness"];

/** What is measured, in a sentence. */
export const measured = ({ measures }) =>
  say("measured", { what: list(GROUPS.filter(group => measures[group] !== "off").map(group => say(`measure_${group}`))) });

/** The notice of the house, if it has one of its own: none or one. */
export const own = ({ notice }) => [notice[spoken()]].filter(Boolean);

/** What becomes of pictures; `isFilmed`: what is drawn is recorded. */
export function stored({ sends_numbers: sends }, isFilmed) {
  if (isFilmed) return [say("film_is_stored"), ...(sends ? [say("numbers_are_sent")] : [])].join(" ");
  return say(sends ? "pictures_stay" : "nothing_is_stored");
}

/** The same in short, for the wall; or the house's own words. */
export function onTheWall({ notice, sends_numbers: sends }, isFilmed) {
  if (Object.keys(notice).length) return say("notice_on_the_wall");
  if (isFilmed) return [say("notice_with_film"), ...(sends ? [say("numbers_are_sent")] : [])].join(" ");
  return say(sends ? "notice_with_numbers" : "notice_on_the_wall");
}

/** Whether anything is judged that may be wrong, and told. */
export const judges = ({ measures }) => ["age", "gender"].some(group => measures[group] === "told");

/** When the mirror opens again, from what the desk says of it. */
export function opening({ until }) {
  if (!until) return say("closed");
  const when = new Date(until).toLocaleString(spoken(), { weekday: "long", day: "numeric", month: "long", hour: "numeric", minute: "2-digit" });
  return say("closed_until", { when });
}

/** What is told of the archive. */
const ofArchive = ({ nearest, names }) => [
  say(nearest === "wall" ? "archive_on_wall" : "archive_in_panel"), say(names ? "archive_names" : "archive_no_names"), say("archive_fair"),
];

const visit = minutes =>
  (minutes === 1 ? say("visit_minute") : say("visit_minutes", { n: number(minutes, Number.isInteger(minutes) ? 0 : 1) }));

/** Headings and what stands under each. */
function rules(house, isFilmed) {
  const { measures, visitors, visit_secs: secs, hours, archive } = house;
  const as = how => GROUPS.filter(group => measures[group] === how).map(group => say(`measure_${group}`));
  const kinds = ["told", "hidden", "off"].filter(how => as(how).length);
  return [
    ["house_measures", kinds.map(how => `${say(`measure_${how}`)}: ${list(as(how))}.`)],
    ["house_pictures", [...own(house), stored(house, isFilmed)]],
    ...(archive ? [["house_archive", ofArchive(archive)]] : []),
    ["house_may", visitors.length ? visitors.map(what => say(`may_${what}`)) : [say("may_nothing")]],
    ["house_visit", [secs ? visit(secs / 60) : say("visit_free")]],
    ["house_hours", hours.length ? hours.map(when => (/^\d{4}-/.test(when) ? say("hours_closed", { when }) : when)) : [say("hours_always")]],
  ];
}

/** Writes all of it into a part of a page. */
export function tell(root, house, isFilmed) {
  const element = (tag, textContent) => Object.assign(document.createElement(tag), { textContent });
  root.replaceChildren(...rules(house, isFilmed).flatMap(([heading, lines]) => {
    const all = document.createElement("ul");
    all.append(...lines.map(line => element("li", line)));
    return [element("h2", say(heading)), all];
  }));
}
