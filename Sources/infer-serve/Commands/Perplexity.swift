import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferText

/// `infer-serve perplexity`: how well a model predicts a text, and how far it is from another.
struct Perplexity: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures how well a model predicts a text.",
    discussion: """
      The text is cut into windows of --context tokens, of which the second half is scored, as llama-perplexity does. \
      With --stride, windows overlap and every token has at least context − stride tokens before it.

      With --reference or --reference-quantize, a second model reads the text as well, or the same one in another \
      format, and the divergence of the first from it is told: the Kullback–Leibler divergence of the predictions of \
      every scored token, and how often both find the same token most likely.
      """)

  @OptionGroup var model: ModelOptions

  @Option(help: ArgumentHelp("The text, in UTF-8.", valueName: "file"), transform: PathArgument.init)
  var file: PathArgument

  @Option(parsing: .unconditional, help: ArgumentHelp("Tokens of a window.", valueName: "count"))
  var context = 512

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tokens from one window to the next (default: all of a window).", valueName: "count"))
  var stride: Int?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Windows to read at most (default: all).", valueName: "count"))
  var windows: Int?

  @Option(
    help: ArgumentHelp("A model to compare with (default: the same).", valueName: "path"), transform: PathArgument.init)
  var reference: PathArgument?

  @Option(help: ArgumentHelp("Quantise the model to compare with while loading.", valueName: "format"))
  var referenceQuantize: String?

  @Option(help: ArgumentHelp("Format of attention keys and values: f32, f16 or q8_0.", valueName: "type"))
  var kvType = KVType.f16

  @Flag(help: "Take names of special tokens in the text for these tokens.")
  var parseSpecial = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    try require(4...1_048_576, "context", context)
    try require(1...context - 1, "stride", stride)
    try require(1...Int.max, "windows", windows)
    try requireFormat("reference-quantize", referenceQuantize)
  }

  func run() async throws {
    let text = try TextWindows.text(at: file, option: "file")
    let loaded = try model.load()
    let windows = try TextWindows(
      text, of: file, option: "file", for: loaded, context: context, stride: stride, parsingSpecialTokens: parseSpecial)
    let other = try loadReference(for: loaded)
    let count = min(windows.count, self.windows ?? .max)
    var runner = try PerplexityRunner(
      windows, model: loaded.model, reference: other?.model, kvType: kvType, threads: model.threadCount)
    let report = ProgressReport("reading", lines: .seconds(5))
    defer { report.end() }
    for index in 0..<count {
      try runner.read(index)
      let perplexity = runner.score.perplexity
      report.update(
        Double(index + 1) / Double(count),
        "window \(index + 1) of \(count), perplexity \(String(format: "%.4f", perplexity))")
    }
    report.end()
    let result = PerplexityReport(
      model: loaded, reference: other, windows: windows, windowCount: count, score: runner.score,
      referenceScore: runner.referenceScore, divergence: runner.divergence)
    try emit(json ? result.json.serialized(.pretty) + "\n" : result.text)
  }

  private func loadReference(for loaded: LoadedModel) throws -> LoadedModel? {
    guard reference != nil || referenceQuantize != nil else { return nil }
    var computing = model.computing
    computing.loading.quantizing.quantize = referenceQuantize
    computing.loading.quantizing.quantizeHead = nil
    let other = try computing.load(reference ?? model.model)
    guard other.model.vocabularySize == loaded.model.vocabularySize else {
      throw CommandFailure(
        "--reference: it has \(other.model.vocabularySize) tokens and \(loaded.name) \(loaded.model.vocabularySize)")
    }
    guard context <= other.model.contextLength else {
      throw CommandFailure("--reference: its context is \(other.model.contextLength), a window \(context) tokens")
    }
    return other
  }
}
