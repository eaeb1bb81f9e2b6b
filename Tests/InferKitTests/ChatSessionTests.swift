import Foundation
import InferKit
import TestSupport
import Testing

/// Conversations with the bundled model.
@Suite(.timeLimit(.minutes(10))) struct ChatSessionTests {
  @Test func aSessionAnswersAndKeepsTheMessages() async throws {
    let session = try ChatSession(
      try await TinyModel.engine(), instructions: "You solve puzzles.", options: TinyModel.greedy)
    let response = try await session.respond(to: "What is 47 + 85?")
    #expect(response.content == "132" && response.reasoning?.isEmpty == false && response.finishReason == .stop)
    #expect(session.messages.map(\.role) == [.system, .user, .assistant])
    #expect(session.messages.last == Message(.assistant, "132", reasoning: response.reasoning))
  }

  @Test func aStreamIsTheAnswerInParts() async throws {
    let engine = try await TinyModel.engine()
    let whole = try await ChatSession(engine, options: TinyModel.greedy).respond(to: "What is 47 + 85?")
    let session = try ChatSession(engine, options: TinyModel.greedy)
    var (reasoning, content, finished, parts) = ("", "", [ChatResponse](), 0)
    for try await event in session.stream("What is 47 + 85?") {
      parts += 1
      switch event {
      case .reasoning(let text): reasoning += text
      case .content(let text): content += text
      case .finished(let response): finished.append(response)
      case .toolCall, .toolResult: Issue.record("\(event)")
      }
    }
    #expect(content == whole.content && reasoning == whole.reasoning && parts > 5)
    #expect(finished.map(\.content) == [whole.content] && finished.map(\.reasoning) == [whole.reasoning])
  }

  @Test func anAdapterThatIsNotThereIsRefused() async throws {
    var options = TinyModel.greedy
    options.adapter = "verse"
    let session = try ChatSession(try await TinyModel.engine(), options: options)
    let error = await #expect(throws: RequestError.self) { try await session.respond(to: "What is 47 + 85?") }
    #expect(error.map { "\($0)".contains("verse") } == true && session.messages.isEmpty)
  }

  /// A stop string ends the text where it stands, and is let pass in the reasoning.
  @Test func stopStringsAreLookedForInTheText() async throws {
    let engine = try await TinyModel.engine()
    let whole = try await ChatSession(engine, options: TinyModel.greedy).respond(to: "What is 47 + 85?")
    #expect(whole.content == "132" && whole.reasoning?.contains("3") == true)
    var options = TinyModel.greedy
    options.stop = try StopConditions(stopStrings: ["3"])
    let session = try ChatSession(engine, options: options)
    let response = try await session.respond(to: "What is 47 + 85?")
    #expect(response.content == "1" && response.reasoning == whole.reasoning && response.finishReason == .stop)
    #expect(response.statistics.generatedTokens < whole.statistics.generatedTokens)
    #expect(session.messages.last == Message(.assistant, "1", reasoning: whole.reasoning))
  }

  /// The second prompt begins as the first, of which all but the reasoning is there.
  @Test func aSecondTurnGoesOnFromTheCache() async throws {
    let session = try ChatSession(
      try await TinyModel.engine(), instructions: String(repeating: "You solve puzzles. ", count: 10),
      options: TinyModel.greedy)
    let first = try await session.respond(to: "What is 47 + 85?")
    #expect(first.statistics.cachedTokens == 0)
    let second = try await session.respond(to: "What is 12 + 30?")
    #expect(session.messages.count == 5)
    let (cached, earlier) = (second.statistics.cachedTokens, first.statistics.promptTokens)
    #expect(cached >= earlier - 2 && cached <= earlier)
  }

  @Test func anAnswerThatIsLeftIsNotKept() async throws {
    let session = try ChatSession(try await TinyModel.engine(), options: TinyModel.greedy)
    for try await case .reasoning in session.stream("What is 47 + 85?") { break }
    #expect(session.messages.isEmpty)
    let task = Task {
      for try await event in session.stream("What is 47 + 85?") {
        if case .reasoning = event { unsafe withUnsafeCurrentTask { task in unsafe task?.cancel() } }
      }
    }
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(session.messages.isEmpty)
    #expect(try await session.respond(to: "What is 47 + 85?").content == "132")
  }

  @Test func onePromptIsAnsweredAtATime() async throws {
    let session = try ChatSession(try await TinyModel.engine(), options: TinyModel.greedy)
    var events = session.stream("What is 47 + 85?").makeAsyncIterator()
    _ = try await events.next()
    await #expect(throws: ChatError.busy) { try await session.respond(to: "And 1 + 1?") }
    while try await events.next() != nil {}
    #expect(session.messages.last?.content == "132")
  }

  @Test func whatCannotBeAnsweredIsSaid() async throws {
    let engine = try await TinyModel.engine()
    let tool = try Tool("none", "Does nothing.") { (_: Person) in "" }
    #expect(throws: ChatError.duplicateTool("none")) { try ChatSession(engine, tools: [tool, tool]) }
    let bare = try Engine(model: try #require(engine.loadedModel).model)
    #expect(throws: ChatError.bareEngine) { try ChatSession(bare) }
    var model = try #require(engine.loadedModel)
    model.chatTemplate = try ChatTemplate(source: "{{ messages[0].content }}")
    let toolless = try TinyModel.engine(model)
    #expect(throws: ChatError.toolsUnsupported(model: "tiny", reason: "its chat template takes no tools")) {
      try ChatSession(toolless, tools: [tool])
    }
    model.chatTemplate = try ChatTemplate(source: "{{ raise_exception('no') }}")
    let session = try ChatSession(try TinyModel.engine(model))
    await #expect(throws: TemplateError.raised("no")) { try await session.respond(to: "a") }
    let long = String(repeating: "12 ", count: 10_000)
    await #expect(throws: RequestError.self) { try await ChatSession(engine).respond(to: long) }
  }

  private struct Person: Codable { let name: String }
}
