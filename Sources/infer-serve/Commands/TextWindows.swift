import InferCore

/// A text, cut into windows that a model reads one by one.
///
/// Windows of `context` tokens stand side by side, and the predictions in the second half of each are scored: those
/// before lack context. (So does llama-perplexity, with which figures can be compared.) With a stride, windows begin
/// that many tokens apart and overlap, and as many predictions are scored at the end of each, so that every scored
/// token has at least `context` − `stride` tokens before it. What is left at the end and fills no window is not read.
struct TextWindows {
  let tokens: [Int32]
  let context: Int
  let stride: Int?
  /// Stands in place of each window's first token.
  let begin: Int32?

  /// Number of windows.
  var count: Int { tokens.count < context ? 0 : (tokens.count - context) / (stride ?? context) + 1 }

  /// Tokens of a window.
  func window(_ index: Int) -> [Int32] {
    precondition(index >= 0 && index < count, "window \(index) of \(count)")
    let first = index * (stride ?? context)
    var window = Array(tokens[first..<first + context])
    if let begin { window[0] = begin }
    return window
  }

  /// Positions in a window after which the prediction is scored: the token scored is the next.
  var scored: Range<Int> {
    // A window's first token has nothing before it and its last nothing to be compared with.
    let first = stride.map { max(0, context - 1 - $0) } ?? context / 2
    return first..<context - 1
  }
}
