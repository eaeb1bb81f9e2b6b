import InferCore
import InferText

/// Responses that are made without their clients, until they are stored.
final class BackgroundResponses: Sendable {
  private struct Entry {
    var response: JSONValue
    let supervisor: AnswerSupervisor
    let task: Task<Void, Never>
  }

  private let entries = Monitor<TextDictionary<Entry>>([:])
  private let service: GenerationService

  init(_ service: GenerationService) { self.service = service }

  /// A response under way as far as it has come; `nil` for none.
  func response(_ id: String) -> JSONValue? { entries.withLock { $0[id]?.response } }

  /// Ends a response, and returns when it is stored.
  func cancel(_ id: String) async {
    guard let entry = entries.withLock({ $0[id] }) else { return }
    entry.supervisor.end(.cancelled)
    await entry.task.value
  }

  /// Takes over an answer, which goes on until it is over or until the deadline. Returns the response as it is now.
  func start(
    _ id: ResponseID, _ answer: Answer, _ builder: ResponsesResponse, until deadline: Deadline,
    keep: @escaping @Sendable (ResponsesResponse) async -> Void
  ) async -> JSONValue {
    let queued = builder.queued
    let supervisor = await AnswerSupervisor(answer, channel: nil, until: deadline)
    entries.withLock { entries in
      let task = Task { [self, ticket = service.state.responses.open()] in
        await complete(id.text, answer, builder, supervisor, keep)
        self.entries.withLock { $0[id.text] = nil }
        withExtendedLifetime(ticket) {}
      }
      entries[id.text] = Entry(response: queued, supervisor: supervisor, task: task)
    }
    return queued
  }

  private func complete(
    _ id: String, _ answer: Answer, _ builder: ResponsesResponse, _ supervisor: AnswerSupervisor,
    _ keep: @Sendable (ResponsesResponse) async -> Void
  ) async {
    defer { supervisor.stop() }
    var builder = builder
    let running = builder.completion
    let failure = await service.gather(answer, &builder, supervisor) {
      self.entries.withLock { $0[id]?.response = running }
    }
    if let failure { _ = builder.fail(failure) }
    await keep(builder)
  }
}
