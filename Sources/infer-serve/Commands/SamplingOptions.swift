import ArgumentParser
import HybridBlocks
import InferCore
import InferText

/// The options for choosing tokens and ending generation. What is left out comes from the model's
/// `generation_config.json`.
struct SamplingOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tokens to generate at most (default: the model's, or all that fit).", valueName: "count"))
  var maxTokens: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tokens to generate before anything ends the generation.", valueName: "count"))
  var minTokens = 0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Divides the logits; 0 takes the most likely token (default: the model's, or 1).", valueName: "number"))
  var temperature: Float?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Choose among this many most likely tokens; 0 for all.", valueName: "count"))
  var topK: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Choose among the most likely tokens that together have this probability.", valueName: "number"))
  var topP: Float?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Choose among tokens at least this likely, relative to the most likely one.", valueName: "number"))
  var minP: Float?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Divides positive logits of tokens seen before, multiplies negative ones.", valueName: "number"))
  var repetitionPenalty: Float?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Subtracted from the logits of tokens generated before.", valueName: "number"))
  var presencePenalty: Float = 0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Subtracted for every time that a token was generated before.", valueName: "number"))
  var frequencyPenalty: Float = 0

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Added to a token's logit, as in 17:-100; may be given several times.", valueName: "id:bias"))
  var logitBias: [TokenBias] = []

  @Option(parsing: .unconditional, help: ArgumentHelp("Same seed, same tokens.", valueName: "number"))
  var seed: Int?

  @Option(
    help: ArgumentHelp(
      "A text that ends the generation, in reasoning too; may be given several times.", valueName: "text"))
  var stop: [String] = []

  @Option(parsing: .unconditional, help: ArgumentHelp("Tokens that end the generation, as in 2,7.", valueName: "ids"))
  var stopTokenIds: TokenIDs?

  @Flag(help: "Generate past the model's end tokens.")
  var ignoreEos = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Report log-probabilities of this many most likely tokens (with --json).", valueName: "count"))
  var logprobs: Int?

  /// The parameters, checked.
  func sampling(_ defaults: GenerationDefaults) throws(RequestError) -> SamplingParameters {
    try defaults.sampling(
      temperature: temperature, topK: topK, topP: topP, minP: minP, repetitionPenalty: repetitionPenalty,
      presencePenalty: presencePenalty, frequencyPenalty: frequencyPenalty,
      logitBias: Dictionary(logitBias.map { ($0.id, $0.bias) }) { _, last in last },
      seed: seed.map { UInt64(bitPattern: Int64($0)) }, logprobs: logprobs)
  }

  /// The conditions, checked.
  func conditions() throws(RequestError) -> StopConditions {
    try StopConditions(
      maxTokens: maxTokens, minTokens: minTokens, stopTokenIDs: Set(stopTokenIds?.ids ?? []),
      ignoresEndTokens: ignoreEos, stopStrings: stop)
  }

  func validate() throws {
    do throws(RequestError) {
      if let maxTokens, maxTokens < 1 { throw .invalid(.maxTokens, reason: "must be at least 1, not \(maxTokens)") }
      _ = try sampling(GenerationDefaults())
      _ = try conditions()
    } catch {
      guard case .invalid(let property, let reason) = error, let option = property.option else { throw error }
      throw ValidationError("--\(option) \(reason)")
    }
  }
}

/// A token's bias on the command line: `17:-100`.
struct TokenBias: ExpressibleByArgument {
  let id: Int32
  let bias: Float

  init?(argument: String) {
    let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let id = Int32(parts[0]), id >= 0, let bias = Float(parts[1]) else { return nil }
    self.id = id
    self.bias = bias
  }
}
