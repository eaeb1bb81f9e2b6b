import Foundation
import InferCore
import Logging

/// Loads and unloads models, one at a time and in the order in which that is asked for, within one budget of memory.
final class ModelChanges: Sendable {
  private let models: [HostedModel]
  private let budget: Int?
  private let unloadLimit: Duration
  private let logger: Logger
  /// The change that was asked for last.
  private let last = Monitor<Task<Void, Never>?>(nil)

  init(_ models: [HostedModel], budget: Int?, unloadLimit: Duration, logger: Logger) {
    self.models = models
    self.budget = budget
    self.unloadLimit = unloadLimit
    self.logger = logger
  }

  /// Loads a model, unless that is under way or done.
  @discardableResult func load(_ model: HostedModel) -> Task<Void, Never> {
    last.withLock { last in
      let begins = model.change { state in
        switch state {
        case .loading, .ready: nil
        case .unloaded, .unloading, .failed: .loading(nil)
        }
      }
      // The last change is this model's loading, or comes after it.
      if !begins, let last { return last }
      return enqueue(in: &last) { await $0.loadNow(model) }
    }
  }

  /// Unloads a model, which is not there for requests from now on.
  @discardableResult func unload(_ model: HostedModel, because reason: String = "asked") -> Task<Void, Never> {
    last.withLock { last in enqueue(in: &last) { await $0.unloadNow(model, because: reason) } }
  }

  private func enqueue(
    in last: inout Task<Void, Never>?, _ change: @escaping @Sendable (ModelChanges) async -> Void
  ) -> Task<Void, Never> {
    let before = last
    let task = Task {
      await before?.value
      await change(self)
    }
    last = task
    return task
  }

  private func loadNow(_ model: HostedModel) async {
    do throws(NoRoom) { try await makeRoom(for: model) } catch { return fail(model, error) }
    let start = ContinuousClock.now
    let metrics = model.metrics
    // Loading reads and converts gigabytes; the cooperative pool has better things to do.
    let result: Result<ServedModel, any Error> = await withCheckedContinuation { continuation in
      let thread = Thread {
        continuation.resume(
          returning: Result {
            try model.definition.load(metrics) { progress in
              model.change { state in if case .loading = state { .loading(progress) } else { nil } }
            }
          })
      }
      thread.name = "infer-load"
      thread.start()
    }
    switch result {
    case .success(let served):
      model.change { _ in .ready(served) }
      logger.info(
        "model loaded",
        metadata: [
          "model": "\(model.name)", "ms": "\(Int((ContinuousClock.now - start) / .milliseconds(1)))",
          "bytes": "\(served.bytes)",
        ])
    case .failure(let error): fail(model, error)
    }
  }

  private func fail(_ model: HostedModel, _ error: any Error) {
    logger.error("model failed", metadata: ["model": "\(model.name)", "error": "\(error.localizedDescription)"])
    model.change { _ in .failed(error, at: .now) }
  }

  private func unloadNow(_ model: HostedModel, because reason: String) async {
    var engine: Engine?
    model.change { state in
      guard case .ready(let served) = state else { return nil }
      engine = served.engine
      return .unloading
    }
    guard let ended = engine else { return }
    engine = nil
    await ended.drain(within: unloadLimit)
    await ended.shutdown()
    ended.metrics.forgetState()
    // Somebody may have asked for it again meanwhile.
    model.change { state in if case .unloading = state { .unloaded } else { nil } }
    logger.info("model unloaded", metadata: ["model": "\(model.name)", "reason": "\(reason)"])
  }

  /// Unloads models that nobody uses until a model's expected bytes are free, those used longest ago first. Where it would
  /// be alone it is loaded though it needs more.
  private func makeRoom(for model: HostedModel) async throws(NoRoom) {
    guard let budget else { return }
    // One that cannot be read needs none: loading it tells why.
    let needed = model.definition.expectedBytes() ?? 0
    while true {
      let others = models.filter { $0 !== model && $0.bytes > 0 }
      let taken = others.reduce(0) { $0 + $1.bytes }
      guard !others.isEmpty, needed > budget - taken else { return }
      guard
        let victim = others.filter({ !$0.definition.isPinned && !$0.isBusy }).min(by: { $0.lastUse < $1.lastUse })
      else {
        let pinned = others.filter(\.definition.isPinned).reduce(0) { $0 + $1.bytes }
        throw NoRoom(
          errorDescription:
            "there is no room for \(model.name): it needs \(Quantity.mebibytes(needed)), and of the budget "
            + "of \(Quantity.mebibytes(budget)) models that are busy or pinned take \(Quantity.mebibytes(taken))",
          isPassing: pinned == 0 || needed <= budget - pinned)
      }
      await unloadNow(victim, because: "room")
    }
  }
}

/// Why a model is not loaded: other models have the memory.
struct NoRoom: LocalizedError {
  let errorDescription: String?
  /// `true` where those that are busy now would make room later.
  let isPassing: Bool
}
