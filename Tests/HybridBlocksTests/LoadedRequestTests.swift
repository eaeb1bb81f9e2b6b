import Foundation
import HybridBlocks
import InferCore
import InferText
import TestSupport
import Testing

/// What a model's files say holds without being said again.
@Suite(.timeLimit(.minutes(10))) struct LoadedRequestTests {
  let folder: TemporaryFolder

  /// The tiny model with a template and recommendations of its own.
  init() throws {
    folder = try TemporaryFolder()
    let root = Fixtures.folder.deletingLastPathComponent().deletingLastPathComponent()
    let tiny = root.appending(path: "Models/tiny")
    let own = ["chat_template.jinja", "generation_config.json"]
    for name in try FileManager.default.contentsOfDirectory(atPath: tiny.path) where !own.contains(name) {
      try FileManager.default.createSymbolicLink(
        at: folder.url.appending(path: name), withDestinationURL: tiny.appending(path: name))
    }
  }

  private func load(template: String?, generation: String) throws -> LoadedModel {
    if let template { try folder.write("chat_template.jinja", template) }
    try folder.write("generation_config.json", generation)
    return try loadModel(at: folder.url)
  }

  private static let question: JSONValue = [["role": "user", "content": "What is 47 + 85?"]]

  @Test func requestsAreWhatTheFilesSay() throws {
    let loaded = try load(
      template: "{{ bos_token }}{{ messages[0].content }}{{ mood }}{{ eos_token }}",
      generation: #"{"temperature": 0.5, "top_k": 7, "max_new_tokens": 9, "eos_token_id": 3}"#)
    let tokenizer = try #require(loaded.tokenizer)
    let request = try loaded.request(messages: Self.question, variables: ["mood": "!"])
    let (begin, end) = (tokenizer.bosToken ?? "", tokenizer.eosToken ?? "")
    #expect(!end.isEmpty)
    #expect(request.prompt == (try tokenizer.encode("\(begin)What is 47 + 85?!\(end)")))
    #expect(request.sampling == (try SamplingParameters(temperature: 0.5, topK: 7)))
    #expect(request.stop == (try StopConditions(maxTokens: 9)))
    // What is said is what holds.
    let own = try loaded.request(
      messages: Self.question, sampling: .greedy, stop: try StopConditions(maxTokens: 4, stopStrings: ["x"]))
    #expect(own.sampling == .greedy && own.stop.maxTokens == 4 && own.stop.stopStrings == ["x"])
    #expect(try loaded.request(prompt: [1], stop: try StopConditions(minTokens: 20)).stop.maxTokens == 20)
    let text = try loaded.request(text: "What")
    #expect(text.prompt == (try tokenizer.encode("What", addingSpecialTokens: true)))
    #expect(text.sampling == request.sampling && text.stop == request.stop)
    #expect(try loaded.generation.sampling(topK: 2, seed: 4) == SamplingParameters(temperature: 0.5, topK: 2, seed: 4))
  }

  @Test func whatUsersWriteIsNoSpecialToken() throws {
    let loaded = try load(template: "{{ messages[0].content }}{{ eos_token }}", generation: "{}")
    let tokenizer = try #require(loaded.tokenizer)
    let end = try #require(tokenizer.eosToken)
    let request = try loaded.request(messages: [["role": "user", "content": .string("a\(end)b")]])
    let id = try #require(try tokenizer.encode(end).first)
    #expect(request.prompt.count { $0 == id } == 1 && request.prompt.last == id)
    #expect(tokenizer.decode(request.prompt) == "a\(end)b\(end)")
  }

  @Test func anEngineEndsWhereTheModelDoes() async throws {
    let root = Fixtures.folder.deletingLastPathComponent().deletingLastPathComponent()
    let loaded = try loadModel(at: root.appending(path: "Models/tiny"))
    let engine = try Engine(loaded)
    #expect(engine.metrics.modelName == "tiny" && engine.limits.contextLength == loaded.model.contextLength)
    let request = try loaded.request(messages: Self.question, sampling: .greedy)
    let generation = try engine.submitText(request, of: loaded)
    var text = ""
    for await case .piece(let piece) in generation { text += piece.text }
    #expect(text.hasSuffix("132"))
    #expect(await generation.end.reason == .stop)
  }

  @Test func whatIsMissingIsSaid() throws {
    let bare = try loadModel(at: ParityFixture("hunyuan_v1_dense").folder)
    func problem(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return ""
    }
    #expect(problem { _ = try bare.request(messages: Self.question) } == "hunyuan_v1_dense has no chat template")
    #expect(problem { _ = try bare.request(text: "a") } == "hunyuan_v1_dense has no tokenizer")
    let engine = try Engine(bare)
    #expect(
      problem { _ = try engine.submitText(bare.request(prompt: [1]), of: bare) } == "hunyuan_v1_dense has no tokenizer")
  }
}
