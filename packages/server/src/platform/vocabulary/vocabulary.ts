// The words that the compiler checks. The platform and each feature add theirs to these interfaces by declaration
// merging; an undeclared word does not compile.

/** Every problem code with its row. */
export interface ProblemCatalogue {}

/** Every prefix of a public id with what the id names. */
export interface IdPrefixes {}

/** Every topic of wake-ups with what has happened. */
export interface WakeTopics {}

/** Every environment variable that the server reads, with its parser. */
export interface ConfigVariables {}

/** Words with their meanings. */
export type Meanings = Readonly<Record<string, string>>
