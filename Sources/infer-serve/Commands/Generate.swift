import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferText

/// `infer-serve generate`: one answer, without a server.
struct Generate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Generates a continuation of a prompt.",
    discussion: """
      Text goes to standard output as it is generated. With --json, one object is printed at the end: the generated \
      `tokens`, their `text`, `finish_reason`, `usage` and `timings`, and with --chat the text split into \
      `reasoning_content` and `content`. Models without a tokenizer take and give --tokens.
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var prompt: PromptOptions
  @OptionGroup var sampling: SamplingOptions
  @OptionGroup var engine: EngineOptions

  @Option(
    help: ArgumentHelp(
      "File of state: what it holds of the prompt is not computed again, and what is computed is saved there.",
      valueName: "file"), transform: PathArgument.init)
  var session: PathArgument?

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  /// The engine's configuration.
  func configuration() -> EngineConfiguration {
    var configuration = engine.configuration(threads: model.threadCount)
    configuration.maxRunning = 1
    configuration.maxQueue = 1
    return configuration
  }

  func validate() throws {
    try check(configuration())
    if session != nil, !engine.prefixCaching { throw ValidationError("--session needs --prefix-caching") }
    if sampling.logprobs != nil, !json { throw ValidationError("--logprobs needs --json") }
  }

  func run() async throws {
    let loaded = try model.load(template: prompt.template.replacement())
    if loaded.tokenizer == nil, !sampling.stop.isEmpty {
      throw CommandFailure("--stop needs a tokenizer, which \(model.model) does not have")
    }
    let prompt = try prompt.resolve(loaded)
    let engine = try Engine(loaded, configuration: configuration())
    try await restore(to: engine)
    var request = GenerationRequest(
      prompt: prompt.tokens, sampling: try sampling.sampling(loaded.generation),
      stop: try sampling.conditions().defaultingLength(
        to: loaded.generation.maxTokens, promptTokens: prompt.tokens.count,
        contextLength: engine.limits.contextLength))
    request.session = Self.sessionName
    let generation = try submit(request, to: engine)
    var transcript = Transcript(
      prompt: prompt, loaded.outputFormat, hasText: loaded.tokenizer != nil, printing: !json)
    if let tokenizer = loaded.tokenizer {
      for await event in TextGeneration(
        generation, stop: request.stop, tokenizer: tokenizer,
        keeping: loaded.outputFormat.markers(of: tokenizer, takesCalls: false))
      {
        switch event {
        case .promptScores, .pooled: break
        case .piece(let piece): try transcript.append(piece)
        case .finished(let reason, let statistics): transcript.finish(reason, statistics)
        }
      }
    } else {
      for await event in generation {
        switch event {
        case .promptScores, .pooled: break
        case .token(let token): try transcript.append(token)
        case .finished(let reason, let statistics): transcript.finish(reason, statistics)
        }
      }
    }
    if let session, let tokens = engine.tokens(of: Self.sessionName) {
      do throws(StateFileError) { _ = try await engine.save(tokens, to: session.url) } catch {
        throw CommandFailure("--session: \(error)")
      }
    }
    await engine.shutdown()
    switch transcript.finishReason {
    case .error: throw CommandFailure("the model's logits left no token to choose")
    case .notFinite:
      throw CommandFailure("the model computed what is no number: its weights are damaged, or too large for it")
    default: break
    }
    try emit(json ? transcript.json.serialized(.pretty) + "\n" : "\n")
  }

  private static let sessionName = SessionName("generate")

  /// Puts the session's state into the engine, if there is one.
  private func restore(to engine: Engine) async throws {
    guard let session else { return }
    do throws(StateFileError) { _ = try await engine.restore(from: session.url) } catch {
      if case .missing = error { return }
      throw CommandFailure("--session: \(error)")
    }
  }

  /// Submits the request; a refusal names the option.
  private func submit(_ request: GenerationRequest, to engine: Engine) throws -> Generation {
    do { return try engine.submit(request) } catch {
      guard let property = error.property, let option = property == .prompt ? prompt.option : property.option else {
        throw error
      }
      let reason = if case .invalid(_, let reason) = error { " \(reason)" } else { ": \(error)" }
      throw CommandFailure("--\(option)\(reason)")
    }
  }
}
