/** An error that the operator can fix, such as a damaged file. Its message is one sentence, printed without a stack. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError'
}
