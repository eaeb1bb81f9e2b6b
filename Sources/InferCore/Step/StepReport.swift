/// A model's report of a step, beside its logits.
package final class StepReport {
  /// The number of rows that each expert of each mixture-of-experts layer computed in this step: `[layer][expert]`.
  package private(set) var expertRows: [[Int]] = []
  /// The memory that the step had to read and the arithmetic that it had to do. Kernels add to it on the calling
  /// thread.
  package var work = StepWork()
  /// What keeps the sums of the inputs of matrices; `nil` for most.
  package var inputs: InputSums?

  func reset() {
    work = StepWork()
    for layer in expertRows.indices {
      for expert in expertRows[layer].indices { expertRows[layer][expert] = 0 }
    }
  }

  /// Adds `rows` rows to an expert's count. Layers are numbered by their position in the model.
  package func addExpertRows(_ rows: Int, layer: Int, expert: Int, expertCount: Int) {
    while expertRows.count <= layer { expertRows.append([]) }
    if expertRows[layer].isEmpty { expertRows[layer] = Array(repeating: 0, count: expertCount) }
    expertRows[layer][expert] += rows
  }
}
