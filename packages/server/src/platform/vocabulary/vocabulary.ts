// The words that the compiler checks. The platform and each feature add theirs to these interfaces by declaration merging;
// an undeclared word does not compile.

/** Every problem code with its row. */
export interface ProblemCatalogue {}
