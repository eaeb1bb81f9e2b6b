/// Keeps the `count` most likely tokens (lowest ids first on ties).
///
/// Fan, Lewis and Dauphin, "Hierarchical Neural Story Generation", 2018.
struct TopK: LogitsTransform {
  let count: Int

  func apply(to row: inout MutableSpan<Float>, _ workspace: SamplingWorkspace) {
    guard count < row.count else { return }
    workspace.selection.gatherLargest(count, of: row.span)
    guard let least = workspace.selection.least else { return }
    least.cut(&row)
  }
}
