import InferCore
import InferMetrics

/// The cost of one request: tokens are counted for its key and model as they come, and the whole is in the ledger at its end.
/// The request is under way from the beginning to the end of this object, or to ``finish(_:)``.
final class UsageTally: Sendable {
  /// The metrics of a key and a model.
  private struct Metrics: Sendable {
    let running: Gauge
    let prompt: Counter
    let generated: Counter
  }

  private struct State {
    var generatedTokens = 0
    var isOver = false
  }

  private let payer: UsageLedger.Payer
  /// `nil` for a request without a key.
  private let metrics: Metrics?
  private let ledger: UsageLedger?
  private let state = Monitor(State())

  /// Begins to count.
  ///
  /// - Parameters:
  ///   - key: The name of the request's key; `nil` for none.
  ///   - model: The name of the model that answers.
  ///   - ledger: Keeps the cost; `nil` where nobody does.
  init(key: String?, model: String, _ metrics: ServerMetrics, _ ledger: UsageLedger?) {
    payer = UsageLedger.Payer(key: key ?? "", model: model)
    self.metrics = key.map { key in
      Metrics(
        running: metrics.keyRunning(key, model), prompt: metrics.keyTokens(key, model, "prompt"),
        generated: metrics.keyTokens(key, model, "generated"))
    }
    self.ledger = ledger
    self.metrics?.running.add(1)
  }

  deinit { end() }

  /// Counts generated tokens.
  func add(_ generatedTokens: Int) {
    guard let metrics else { return }
    state.withLock { $0.generatedTokens += generatedTokens }
    metrics.generated.increment(by: generatedTokens)
  }

  /// Counts what is not counted yet of all that the request has cost, and keeps it, before a client can know that the answer
  /// is over. A request of whose prompt nothing was read costs nothing.
  func finish(_ generation: RequestRecord.Generation) {
    if generation.promptTokens > 0 {
      let counted = state.withLock { $0.generatedTokens }
      metrics?.prompt.increment(by: generation.promptTokens)
      metrics?.generated.increment(by: max(0, generation.generatedTokens - counted))
      ledger?.add(UsageCounts(generation), of: payer)
    }
    end()
  }

  private func end() {
    let wasOver = state.withLock { state in
      defer { state.isOver = true }
      return state.isOver
    }
    if !wasOver { metrics?.running.add(-1) }
  }
}
