/** The port to local copies of what lies elsewhere, for an engine that reads files. */
export interface LocalCopies {
  /**
   * A local file that holds what `id` names; equal ids name equal bytes. `make` writes it, to a path where nothing is, unless a copy
   * is there. The file is the caller's alone, to be removed by him; what `make` raises is raised, and nothing is left.
   */
  get(id: string, make: (path: string) => Promise<void>): Promise<string>
}
