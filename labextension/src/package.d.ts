/** The front end's own version; the query keeps the compiler from taking the file for a source. */
declare module '*/package.json?front' {
  export const version: string;
}
