import Foundation
import InferMetrics
import TestSupport
import Testing

@testable import InferCore

@Suite(.timeLimit(.minutes(10))) struct SavedStateTests {
  private func engine(_ model: HashModel, _ change: (inout EngineConfiguration) -> Void = { _ in }) throws -> Engine {
    try Engine(model: model, configuration: smallConfiguration(change))
  }

  private let text = (0..<150).map { Int32($0 * 31 % 97) }

  private func answer(
    _ engine: Engine, _ prompt: [Int32], scope: CacheScope = .shared, session: SessionName? = nil
  ) async throws -> (tokens: [Int32], cached: Int) {
    var request = GenerationRequest(
      prompt: prompt, sampling: .greedy, stop: try StopConditions(maxTokens: 8), cacheScope: scope)
    request.session = session
    let collected = await Collected(try engine.submit(request))
    return (collected.tokens, collected.statistics.cachedTokens)
  }

  private func fault(_ body: () async throws(StateFileError) -> Void) async -> StateFileError? {
    do throws(StateFileError) { try await body() } catch { return error }
    return nil
  }

  /// A conversation goes on in another engine as if it were the same.
  @Test(arguments: [
    HashModel.Memory.paged, .recurrent, [.paged, .recurrent], .windowed, [.paged, .windowed], [.recurrent, .windowed],
  ])
  func aConversationGoesOnElsewhere(memory: HashModel.Memory) async throws {
    let folder = try TemporaryFolder()
    let model = HashModel(memory: memory)
    let file = folder.url.appending(path: "s")
    let session = SessionName("s")
    let first = try engine(model)
    let (tokens, _) = try await answer(first, text, session: session)
    let known = try #require(first.tokens(of: session))
    // The last token was chosen, and not computed.
    #expect(known == text + tokens.dropLast())
    let saved = try await first.save(known, to: file)
    let size = try folder.read("s").count
    #expect(saved.tokens == known && saved.byteCount == size)

    let second = try engine(model)
    #expect(try await second.restore(from: file) == saved)
    let prompt = text + tokens + [3, 1, 4]
    let (answer, cached) = try await answer(second, prompt)
    #expect(answer == model.greedy(after: prompt, count: 8) && cached == saved.tokens.count)
    // The same question again computes its last token.
    let again = try await self.answer(second, text)
    #expect(again.tokens == tokens && again.cached == 149)
    // Again, over what is there.
    #expect(try await second.restore(from: file).tokens == saved.tokens)
    await second.resetPrefixCache()
    #expect(second.metrics.kvCacheUsage.value == 0 && second.metrics.stateCacheUsage.value == 0)
  }

  @Test func whatDoesNotFitIsRefused() async throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "s")
    let first = try engine(HashModel())
    _ = try await answer(first, text)
    let saved = try await first.save(text, to: file)
    #expect(saved.tokens.count == 149)
    #expect(
      await fault { () throws(StateFileError) in _ = try await first.save([96, 1, 2], to: file) }
        == .nothingKept)
    #expect(
      await fault { () throws(StateFileError) in _ = try await first.restore(from: folder.url.appending(path: "sx")) }
        == .missing(at: folder.url.appending(path: "sx")))
    let salted = CacheScope(salt: [1])
    #expect(
      await fault { () throws(StateFileError) in _ = try await first.restore(from: file, in: salted) }
        == .otherScope(at: file))
    #expect(
      await fault { () throws(StateFileError) in _ = try await first.save(text, in: salted, to: file) }
        == .nothingKept)
    for other in [
      try engine(HashModel(name: "other")), try engine(HashModel()) { $0.kvType = .f32 },
      try engine(HashModel()) { $0.pageTokens = 8 },
    ] {
      guard
        case .foreign = await fault({ () throws(StateFileError) in
          _ = try await other.restore(from: file)
        })
      else {
        Issue.record("another's state is taken")
        continue
      }
      #expect(try await answer(other, text).cached == 0)
    }
    var bytes = try folder.read("s")
    bytes[bytes.count / 2] ^= 4
    try folder.write("s", bytes)
    let second = try engine(HashModel())
    guard
      case .damaged = await fault({ () throws(StateFileError) in _ = try await second.restore(from: file)
      })
    else {
      Issue.record("a damaged file is taken")
      return
    }
    await second.resetPrefixCache()
    #expect(second.metrics.kvCacheUsage.value == 0)
    guard
      case .unwritable = await fault({ () throws(StateFileError) in
        _ = try await first.save(text, to: URL(filePath: "/dev/null/s"))
      })
    else {
      Issue.record("a file is written where none can be")
      return
    }
    let off = try engine(HashModel()) { $0.keepsPrefixes = false }
    guard
      case .unsupported = await fault({ () throws(StateFileError) in
        _ = try await off.save(text, to: file)
      })
    else {
      Issue.record("nothing is kept, and is saved")
      return
    }
    let small = try engine(HashModel()) { $0.pageLimit = 10 }
    _ = try await first.save(text, to: file)
    #expect(await fault { () throws(StateFileError) in _ = try await small.restore(from: file) } != nil)
    await small.shutdown()
    #expect(
      await fault { () throws(StateFileError) in _ = try await small.save(text, to: file) } == .shutdown)
  }

  @Test func filesAreOfThisMachine() async throws {
    let engine = try engine(HashModel())
    let url = try #require(URL(string: "https://example.org/s"))
    let reason = "it is not on this machine, expected a file's URL"
    #expect(
      await fault { () throws(StateFileError) in _ = try await engine.save(text, to: url) }
        == .unwritable(WriteError(at: url, reason: reason)))
    #expect(
      await fault { () throws(StateFileError) in _ = try await engine.restore(from: url) }
        == .unreadable(at: url, reason: reason))
  }

  /// Sessions are bounded by number and by tokens, and apart by scope.
  @Test func theOldestSessionsAreForgotten() {
    let sessions = EngineSessions(maxCount: 3, maxTokens: 100)
    for index in 0..<4 { sessions.note(SessionName("\(index)"), Array(repeating: 1, count: index + 1)) }
    #expect(sessions.all(in: .shared).map(\.name.name) == ["1", "2", "3"])
    sessions.note(SessionName("1"), Array(repeating: 2, count: 97))
    #expect(sessions.all(in: .shared).map(\.tokens) == [97] || sessions.tokens(of: SessionName("2")) == nil)
    #expect(sessions.tokens(of: SessionName("1"))?.count == 97)
    let salted = SessionName("1", in: CacheScope(salt: [1]))
    #expect(sessions.tokens(of: salted) == nil)
    sessions.note(salted, [5])
    #expect(sessions.tokens(of: salted) == [5] && sessions.tokens(of: SessionName("1"))?.count == 97)
    #expect(sessions.forget(salted) && !sessions.forget(salted))
  }
}
