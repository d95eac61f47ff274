/** Milliseconds, the same in the page and in all of its workers. */
export const now = () => performance.timeOrigin + performance.now();
