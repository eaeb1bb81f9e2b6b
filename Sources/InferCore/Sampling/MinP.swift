/// Keeps tokens that are at least `fraction` as likely as the most likely one, whose weight is 1.
///
/// Nguyen et al., "Turning Up the Heat: Min-p Sampling for Creative and Coherent LLM Outputs", 2024.
struct MinP: LogitsTransform {
  let fraction: Float

  func apply(to row: inout MutableSpan<Float>, _ workspace: SamplingWorkspace) {
    for token in row.indices { row[token] = row[token] < fraction ? 0 : row[token] }
  }
}
