// How machines are called where many of them are meant.

import { plural } from "./dom.js";

// The first names, and how many more there are; with their clouds, where several clouds are meant.
export function named(machines, isOnSeveral, most = 10) {
  const names = machines.slice(0, most).map((each) => (isOnSeveral ? `${each.name} (${each.cloud})` : each.name));
  return andMore(names, machines.length);
}

// What the machines of a job were called; a job of this page has their ids in place of names.
export function jobNames(model, job, most = 3) {
  if (!job.names.includes(":id=")) return job.names;
  const keys = job.names.split(",").map((word) => word.replace(":id=", " "));
  const known = keys.filter((key) => model.names.has(key)).slice(0, most).map((key) => model.names.get(key));
  return known.length ? andMore(known, job.machines) : plural(job.machines);
}

function andMore(names, count) {
  const more = count - names.length;
  return more > 0 ? `${names.join(", ")} and ${more.toLocaleString("en")} more` : names.join(", ");
}
