import InferCore
import InferMetrics
import NIOCore

/// Tells a client of an answer's events as they come: whenever the engine has some, it is called on the connection's thread,
/// and writes at once. Its task waits until something takes longer: a token's event is written in less time than it takes to
/// go on with a task.
final class EventPump<Builder: ResponseBuilder>: @unchecked Sendable {
  // Safe because one thread at a time uses it: its task, or from the call of run() to its return those that `schedule` calls,
  // one behind the other.

  /// What the task has to do before the pump goes on.
  enum Errand {
    /// Tell the client of the end, or of what ended the answer before it was complete. The pump does not go on.
    case end(APIError?)
    /// Write bytes for which the connection has no room.
    case write(ByteBuffer)
    /// Keep the answer, a choice of which has finished, and then write the bytes that tell of that.
    case keep(ByteBuffer?)
  }

  /// Turns events into JSON.
  private(set) var builder: Builder
  private let answer: Answer
  private var events: Answer.AsyncIterator
  private let supervisor: AnswerSupervisor
  private let keepsAnswer: Bool
  private let keepAlive: KeepAlive
  private let delivery: Histogram
  private let channel: any Channel
  /// Whether there is so much to tell at once that other connections of the thread would wait.
  private let isHeavy: Bool
  /// Where bytes are written; `nil` on other threads than the connection's.
  private lazy var outlet = StreamOutlet(channel)
  /// The end of the step whose event was told last.
  private var time: ContinuousClock.Instant?
  private var waiter: CheckedContinuation<Errand, Never>?

  /// A pump for a job's answer, which nobody else reads.
  init(
    _ answer: Answer, _ job: GenerationJob<Builder>, _ supervisor: AnswerSupervisor, _ keepAlive: KeepAlive,
    delivery: Histogram, channel: any Channel
  ) {
    self.answer = answer
    self.supervisor = supervisor
    self.keepAlive = keepAlive
    self.delivery = delivery
    self.channel = channel
    builder = job.builder
    keepsAnswer = job.keep != nil
    isHeavy = job.tellsPromptScores
    events = answer.makeAsyncIterator()
  }

  /// Tells of events until there is something for the task to do.
  func run() async -> Errand {
    await withCheckedContinuation { waiter in
      self.waiter = waiter
      schedule()
    }
  }

  /// Notes that what tells of the last event is written.
  func noteDelivery() {
    if let time { delivery.observe(.now - time) }
  }

  private func schedule() {
    if isHeavy { Task { self.advance() } } else { channel.eventLoop.execute { self.advance() } }
  }

  private func advance() {
    while true {
      switch events.poll() {
      case .pending: return events.whenThereMayBeMore { self.schedule() }
      case .ended: return leave(.end(nil))
      case .element(let element):
        if let errand = tell(element) { return leave(errand) }
      }
    }
  }

  private func leave(_ errand: Errand) { waiter.take()?.resume(returning: errand) }

  /// Tells of an event. Returns what is left to do.
  private func tell(_ element: Answer.Element) -> Errand? {
    let (events, failure) = answer.take(element.event, of: element.choice, into: &builder, supervisor)
    if let failure {
      // Ends the other choices.
      answer.cancel()
      return .end(failure)
    }
    time = element.time
    let bytes = events.isEmpty ? nil : Builder.framing.bytes(events)
    if keepsAnswer, case .finished = element.event { return .keep(bytes) }
    guard let bytes else { return nil }
    guard let outlet, outlet.write(bytes) else { return .write(bytes) }
    keepAlive.noteWrite()
    noteDelivery()
    return nil
  }
}
