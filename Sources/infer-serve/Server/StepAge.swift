import InferCore

/// The time for which a step of an engine has been under way, as far as somebody looked.
///
/// Time counts from look to look, and no more than a little of it each time: a machine that slept, a process that was stopped
/// and a clock that jumped make no step old.
struct StepAge {
  /// News of a step.
  enum Event: Equatable {
    /// The step is under way for longer than steps should be. Told once.
    case slow
    /// A step that was slow has ended, or another has begun.
    case ended
    /// The step is under way for so long that nobody waits for its end.
    case stuck
  }

  /// The time after which a step is slow, and that after which it is stuck; `nil` for never.
  let limits: (slow: Duration?, stuck: Duration?)
  /// The step that was last seen.
  private(set) var step: StepUnderWay?
  /// The time for which it was seen.
  private(set) var age = Duration.zero
  private var isTold = false

  init(slow: Duration?, stuck: Duration?) { limits = (slow, stuck) }

  /// Notes the step that is under way, some time after the last look.
  mutating func see(_ current: StepUnderWay?, after elapsed: Duration) -> Event? {
    guard let current, current.number == step?.number, current.start == step?.start else {
      defer { (step, age, isTold) = (current, .zero, false) }
      return isTold ? .ended : nil
    }
    step = current
    age += elapsed
    if let stuck = limits.stuck, age >= stuck { return .stuck }
    if let slow = limits.slow, age >= slow, !isTold {
      isTold = true
      return .slow
    }
    return nil
  }
}
