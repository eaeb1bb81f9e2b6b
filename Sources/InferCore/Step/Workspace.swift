/// Memory for activations and the counters of a report, which successive steps reuse.
package final class Workspace {
  let scratch = Scratch()
  let report = StepReport()
  let adapted = AdaptedRows()

  /// An empty workspace; it grows to the largest step it has seen.
  package init() {}

  /// The number of bytes of addresses held for activations.
  package var byteCount: Int { scratch.byteCount }

  /// Reserves addresses for `byteCount` bytes of activations. Steps that need more reserve more.
  ///
  /// - Throws: ``ModelError`` when the system has none.
  func reserve(byteCount: Int) throws(ModelError) { try scratch.reserve(byteCount: byteCount) }
}
