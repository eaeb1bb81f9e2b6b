import AllocationCounter
import Dispatch
import Foundation
import InferCore
import Synchronization

extension Allocations {
  /// Several sequences that decode in an engine: its loop, scheduling and sampling. Nobody reads the events until
  /// all is counted, because waking a reader is the business of the concurrency runtime.
  static func checkEngine(_ model: any LanguageModel, _ name: String) throws -> Int {
    let watched = WatchedModel(model: model)
    var configuration = EngineConfiguration()
    configuration.threads = 2
    configuration.maxRunning = 4
    configuration.maxContext = 500
    // Nobody reads, and nobody is to be waited for.
    configuration.maxUnreadTokens = 500
    let engine = try Engine(model: watched, configuration: configuration)
    let sampled = try SamplingParameters(temperature: 0.8, topK: 20, topP: 0.9, minP: 0.01, seed: 1)
    let stop = try StopConditions(maxTokens: WatchedModel.lastStep + 10, ignoresEndTokens: true)
    let generations = try engine.submit([
      GenerationRequest(prompt: [1, 2, 3], sampling: .greedy, stop: stop),
      GenerationRequest(prompt: [4, 5], sampling: sampled, stop: stop),
      GenerationRequest(prompt: [6], sampling: .greedy, stop: stop),
    ])
    // A generation that is dropped is cancelled.
    withExtendedLifetime(generations) {
      while watched.count.load(ordering: .acquiring) < 0 { usleep(1000) }
    }
    shutDown(engine)
    let steps = WatchedModel.lastStep - WatchedModel.firstStep
    return report(watched.count.load(ordering: .relaxed), "\(name), \(steps) steps of an engine with 3 sequences")
  }
}

/// What an engine does at its end must not be counted with the next one.
private func shutDown(_ engine: Engine) {
  let done = DispatchSemaphore(value: 0)
  Task {
    await engine.shutdown()
    done.signal()
  }
  done.wait()
}

/// A model that counts allocations from one of its steps to another.
final class WatchedModel: LanguageModel {
  /// Steps between which none of a sequence's lists — tokens, pages, unread events — grows: each does now and then,
  /// by a factor.
  static let firstStep = 330
  static let lastStep = 380

  let model: any LanguageModel
  /// Negative until all steps are counted.
  let count = Atomic<Int>(-1)
  private let step = Atomic<Int>(0)

  init(model: any LanguageModel) { self.model = model }

  var vocabularySize: Int { model.vocabularySize }
  var contextLength: Int { model.contextLength }
  var stateLayout: StateLayout { model.stateLayout }

  func forward(_ step: borrowing Step, logits: inout MutableRows) {
    let number = self.step.add(1, ordering: .relaxed).newValue
    if number == Self.lastStep { count.store(allocation_counter_stop(), ordering: .releasing) }
    model.forward(step, logits: &logits)
    if number == Self.firstStep { allocation_counter_start() }
  }
}
