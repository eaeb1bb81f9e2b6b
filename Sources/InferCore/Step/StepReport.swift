/// A model's report of a step, beside its logits.
package final class StepReport {
  /// The number of rows that each expert of each mixture-of-experts layer computed in this step: `[layer][expert]`.
  package private(set) var expertRows: [[Int]] = []
  /// The memory that the step had to read and the arithmetic that it had to do. Kernels add to it on the calling
  /// thread.
  package var work = StepWork()
  /// The sums that products add their inputs to; `nil` where nobody asks for them.
  package var inputs: InputSums?

  func reset() {
    work = StepWork()
    for layer in expertRows.indices { expertRows[layer].clear() }
  }

  /// Adds to the row counts of all experts of a layer. Layers are numbered by their position in the model.
  package func addExpertRows(layer: Int, expertCount: Int, _ rows: (_ expert: Int) -> Int) {
    while expertRows.count <= layer { expertRows.append([]) }
    if expertRows[layer].isEmpty { expertRows[layer] = Array(repeating: 0, count: expertCount) }
    precondition(expertRows[layer].count == expertCount, "\(expertCount) of \(expertRows[layer].count) experts")
    // The layer is read and written as a whole: each access to a property of an object is checked at run time.
    expertRows[layer].add(rows)
  }
}

extension [Int] {
  fileprivate mutating func add(_ amount: (_ index: Int) -> Int) {
    for index in indices { self[index] += amount(index) }
  }

  fileprivate mutating func clear() {
    for index in indices { self[index] = 0 }
  }
}
