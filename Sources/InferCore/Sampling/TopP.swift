/// Keeps the shortest list of most likely tokens (lowest ids first on ties) whose probabilities sum to `mass`.
///
/// Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020. Probabilities are those after earlier
/// transforms, so that top-p of top-k is a part of what top-k left. The most likely token is kept whatever the mass.
struct TopP: LogitsTransform {
  let mass: Float

  func apply(to row: inout MutableSpan<Float>, _ workspace: SamplingWorkspace) {
    let total = RowReduction.sum(row.span)
    // All tokens below this weight together do not make up the part that is cut off, so none of them is kept.
    let floor = Float((1 - Double(mass)) * total / Double(row.count))
    workspace.selection.gather(above: min(floor, 0.5), of: row.span)
    let sum = Double(max(mass, .leastNormalMagnitude)) * total
    guard let least = workspace.selection.leastReaching(sum) else { return }
    least.cut(&row)
  }
}
