import Foundation
import InferCore
import InferMetrics
import Logging
import NIOCore
import NIOPosix

/// Watches that steps end, that the engines' threads live and that the server's own threads answer; and ends the process where
/// it cannot go on, so that a service manager starts it anew.
///
/// It looks from a thread of its own, which waits for nothing that it watches.
final class Watchdog: Sendable {
  /// The time after which something is told, and that after which the process ends; `nil` for never.
  struct Limits: Sendable {
    var slow: Duration?
    var stuck: Duration?
  }

  /// The exit code of a process that cannot go on: EX_SOFTWARE of sysexits.h.
  static let exitCode: Int32 = 70

  private let models: [HostedModel]
  private let limits: Limits
  private let metrics: ServerMetrics
  private let logger: Logger
  private let manager = ServiceManager()
  /// The time between two looks.
  private let interval: Duration
  private let isStopped = Monitor(false)
  /// The number of questions to the server's threads that were asked and that were answered.
  private let pulse = Monitor((asked: 0, answered: 0))
  private let end: @Sendable (Int32) -> Void

  /// - Parameters:
  ///   - end: Ends the process with an exit code.
  init(
    _ models: [HostedModel], _ limits: Limits, _ metrics: ServerMetrics, _ logger: Logger,
    end: @escaping @Sendable (Int32) -> Void = { _exit($0) }
  ) {
    self.models = models
    self.limits = limits
    self.metrics = metrics
    self.logger = logger
    self.end = end
    let quarter = [limits.slow, limits.stuck].compactMap { $0 }.min().map { $0 / 4 } ?? .seconds(1)
    interval = max(.milliseconds(10), min(.seconds(1), quarter, manager?.pulseInterval ?? .seconds(1)))
  }

  /// Begins to watch.
  func start() {
    let thread = Thread { [self] in run() }
    thread.name = "infer-watchdog"
    thread.start()
  }

  /// Ends watching.
  func stop() { isStopped.change { $0 = true } }

  private func run() {
    var ages = models.map { _ in StepAge(slow: limits.slow, stuck: limits.stuck) }
    var silence = Duration.zero
    var last = ContinuousClock.now
    while !isStopped.withLock({ $0 }) {
      isStopped.wait(until: last + interval) { $0 }
      let now = ContinuousClock.now
      let elapsed = min(now - last, interval * 2)
      last = now
      for index in models.indices { look(at: models[index], &ages[index], after: elapsed) }
      lookAtThreads()
      silence = lookAtServer(silence, after: elapsed)
    }
  }

  private func look(at model: HostedModel, _ age: inout StepAge, after elapsed: Duration) {
    let engine: Engine? = if case .ready(let served) = model.state { served.engine } else { nil }
    let before = age
    switch age.see(engine?.stepUnderWay, after: elapsed) {
    case .slow:
      model.metrics.slowSteps.increment()
      logger.warning("a step takes long", metadata: metadata(model, age))
    case .ended: logger.notice("a step that took long has ended", metadata: metadata(model, before))
    case .stuck: giveUp("a step does not end", metadata(model, age))
    case nil: break
    }
  }

  private func metadata(_ model: HostedModel, _ age: StepAge) -> Logger.Metadata {
    var metadata: Logger.Metadata = ["model": "\(model.name)", "s": "\(age.age.components.seconds)"]
    if let step = age.step {
      metadata["step"] = "\(step.number)"
      metadata["rows"] = "\(step.rows)"
      metadata["prompt_rows"] = "\(step.promptRows)"
      metadata["sequences"] = "\(step.sequences)"
      metadata["longest_sequence"] = "\(step.longestSequence)"
    }
    return metadata
  }

  private func lookAtThreads() {
    let lost = ThreadRoster.shared.lost
    if !lost.isEmpty { giveUp("threads have died", ["threads": "\(lost.joined(separator: ", "))"]) }
  }

  /// Has the event loop and the tasks' threads answer, and the service manager know of it when they do. Returns the time for
  /// which they have not.
  private func lookAtServer(_ silence: Duration, after elapsed: Duration) -> Duration {
    let isAnswered = pulse.withLock { pulse in
      guard pulse.asked == pulse.answered else { return false }
      pulse.asked += 1
      return true
    }
    guard isAnswered else {
      let silence = silence + elapsed
      if let slow = limits.slow, silence >= slow, silence - elapsed < slow {
        metrics.stalls().increment()
        logger.warning("the server's threads do not answer", metadata: ["s": "\(silence.components.seconds)"])
      }
      if let stuck = limits.stuck, silence >= stuck {
        giveUp("the server's threads do not answer", ["s": "\(silence.components.seconds)"])
      }
      return silence
    }
    manager?.tellAlive()
    Task { [pulse] in
      try? await MultiThreadedEventLoopGroup.singleton.any().submit {}.get()
      pulse.withLock { $0.answered = $0.asked }
    }
    return .zero
  }

  private func giveUp(_ reason: String, _ metadata: Logger.Metadata) {
    logger.critical("\(reason): the process ends", metadata: metadata)
    LineWriter.standardError.flush(patience: .seconds(1))
    end(Self.exitCode)
  }
}
