/// What successive steps reuse: memory for activations and the report's counters.
public final class Workspace {
  let scratch = Scratch()
  let report = StepReport()

  /// An empty workspace; it grows to the largest step it has seen.
  public init() {}

  /// Bytes held for activations.
  public var byteCount: Int { scratch.byteCount }

  /// Reserves addresses for as many bytes of activations; steps that need more take it when they do.
  ///
  /// - Throws: ``ModelError`` when the system has none.
  func reserve(byteCount: Int) throws(ModelError) { try scratch.reserve(byteCount: byteCount) }
}
