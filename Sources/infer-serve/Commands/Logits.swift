import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferText

/// `infer-serve logits`: what the model says after every token of one or several prompts.
struct Logits: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes the logits of every token of a prompt to a safetensors file.",
    discussion: """
      The file holds `logits` (f32, tokens × vocabulary). Given several prompts, they are computed together in each \
      step, and the file holds `logits.0`, `logits.1`, ….
      """)

  @OptionGroup var model: ModelOptions

  @Option(
    help: ArgumentHelp("Another config.json than the model's own.", valueName: "file"), transform: PathArgument.init)
  var config: PathArgument?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Token ids of a prompt, as in 5,17,9; may be given several times.", valueName: "ids"))
  var tokens: [TokenIDs]

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Tokens of each prompt in a step (default: all).", valueName: "count"))
  var chunk: Int?

  @Option(help: ArgumentHelp("Format of attention keys and values: f32, f16 or q8_0.", valueName: "type"))
  var kvType = KVType.f32

  @Option(help: ArgumentHelp("The file to write.", valueName: "file"), transform: PathArgument.init)
  var output: PathArgument

  func validate() throws {
    try require(1...Int.max, "chunk", chunk)
  }

  func run() async throws {
    let loaded = try model.load(config: config)
    let prompts = tokens.map(\.ids)
    try Self.check(prompts, vocabularySize: loaded.model.vocabularySize)
    let longest = prompts.map(\.count).max() ?? 0
    guard longest <= loaded.model.contextLength else {
      throw CommandFailure("--tokens: \(longest) tokens are more than the context of \(loaded.model.contextLength)")
    }
    let runner = try StepRunner(
      model: loaded.model, sequences: prompts.count, length: longest, kvType: kvType, threads: model.threadCount)
    try await cleaningUpAtSignals {
      do {
        try Self.write(
          prompts, chunk: chunk ?? longest, vocabularySize: loaded.model.vocabularySize, runner: runner,
          to: output.url)
      } catch let error as WriteError { throw CommandFailure("cannot write \(output): \(error.reason)") }
    }
  }

  /// Computes the logits of all prompts, `chunk` tokens of each in a step, and writes them to a file.
  static func write(
    _ prompts: [[Int32]], chunk: Int, vocabularySize: Int, runner: StepRunner, to file: URL
  ) throws {
    let writer = try SafetensorsWriter(
      at: file,
      tensors: prompts.enumerated().map { index, prompt in
        SafetensorsWriter.Tensor(
          name: prompts.count == 1 ? "logits" : "logits.\(index)", rows: prompt.count, columns: vocabularySize)
      })
    try compute(prompts, chunk: chunk, runner: runner, writer: writer)
    try writer.finish()
  }

  private static func check(_ prompts: [[Int32]], vocabularySize: Int) throws {
    for (index, prompt) in prompts.enumerated() {
      for (position, token) in prompt.enumerated() where token >= vocabularySize {
        throw CommandFailure(
          "--tokens: token \(token) at position \(position) of prompt \(index) is outside 0 ..< \(vocabularySize)")
      }
    }
  }

  private static func compute(
    _ prompts: [[Int32]], chunk: Int, runner: StepRunner, writer: SafetensorsWriter
  ) throws {
    let longest = prompts.map(\.count).max() ?? 0
    for start in stride(from: 0, to: longest, by: chunk) {
      let parts = prompts.enumerated().compactMap { index, prompt -> StepRunner.Part? in
        let end = min(prompt.count, start + chunk)
        guard start < end else { return nil }
        return StepRunner.Part(
          sequence: index, tokens: prompt[start..<end], position: start, logits: end - start)
      }
      try runner.step(parts) { logits in
        var row = 0
        for part in parts {
          try writer.write(
            logits.rows(row..<row + part.logits), to: part.sequence, firstRow: part.position)
          row += part.logits
        }
      }
    }
  }
}
