/** A pause before the next try, longer each time: of those who met one another not all come back at once. @param failed how often, from 1 on */
export const standAside = (failed: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, Math.random() * 50 * failed))
