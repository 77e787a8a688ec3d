/** Numbers for people. */

/** A whole number in groups: `1,234,567`. Not by the runtime's locales: loading them takes longer than many a command. */
export const grouped = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',')
