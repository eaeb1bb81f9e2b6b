import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferText

/// `infer-serve imatrix`: which columns of a model's matrices matter, as a text shows.
struct Imatrix: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures on a text which columns of a model's matrices matter.",
    discussion: """
      The model reads the text in pieces of --context tokens, and of every matrix the squares of what it is multiplied \
      with are added up. The file is one of llama.cpp's: `infer-serve quantize --imatrix` and `llama-quantize` read it, \
      and llama-imatrix's are read here. Errors of weights count as much as their columns do then, and formats of three \
      bits and fewer are of use.

      Take a text like those that the model will read and write, of a hundred thousand tokens or more; more helps little. \
      A mixture's experts need more, since each sees a part of it.
      """)

  @Option(help: ArgumentHelp("Folder of the model, or its GGUF file.", valueName: "path"), transform: PathArgument.init)
  var model: PathArgument

  @Option(
    parsing: .singleValue, help: ArgumentHelp("A text, in UTF-8; may be repeated.", valueName: "file"),
    transform: PathArgument.init)
  var text: [PathArgument] = []

  @Option(
    help: ArgumentHelp("The file to write (default: imatrix.gguf).", valueName: "file"), transform: PathArgument.init)
  var output: PathArgument?

  @Option(parsing: .unconditional, help: ArgumentHelp("Tokens of a piece.", valueName: "count"))
  var context = 512

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Pieces to read at most (default: all).", valueName: "count"))
  var chunks: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Pieces to leave out at the beginning, which --in-file has.", valueName: "count"))
  var skipChunks = 0

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "An importance matrix of the same model whose sums are added; may be repeated.", valueName: "file"),
    transform: PathArgument.init)
  var inFile: [PathArgument] = []

  @Flag(help: "Sum up the inputs of the head as well, which takes the time of all logits.")
  var processOutput = false

  @Flag(help: "Take names of special tokens in the text for these tokens.")
  var parseSpecial = false

  @Flag(help: "Replace the file if there is one.")
  var force = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads to compute with (default: one for each core).", valueName: "count"))
  var threads: Int?

  @OptionGroup var placement: PlacementOptions

  func validate() throws {
    try require(1...1024, "threads", threads)
    try require(2...1_048_576, "context", context)
    try require(1...Int.max, "chunks", chunks)
    try require(0...Int.max, "skip-chunks", skipChunks)
    guard !(text.isEmpty && inFile.isEmpty) else { throw ValidationError("expected --text, or --in-file to merge") }
  }

  func run() async throws {
    let output = try self.output ?? PathArgument("imatrix.gguf")
    guard force || !FileManager.default.fileExists(atPath: output.description) else {
      throw CommandFailure("\(output) exists; --force replaces it")
    }
    var matrix = ImportanceMatrix()
    for file in inFile { try matrix.add(ImportanceMatrix(at: file.url)) }
    if !text.isEmpty { try matrix.add(measure()) }
    let written = matrix
    try await cleaningUpAtSignals { try written.write(to: output.url) }
    let pieces = written.chunkCount == 1 ? "piece" : "pieces"
    try emit("\(output): \(written.count) tensors, \(written.chunkCount) \(pieces) of text\n")
  }

  /// Reads the texts with the model.
  private func measure() throws -> ImportanceMatrix {
    let texts = try text.map { try TextWindows.text(at: $0, option: "text") }
    placement.place()
    var options = LoadOptions()
    options.threads = threads ?? defaultThreadCount()
    let loading = ProgressReport("loading")
    options.progress = { loading.update($0) }
    let calibration = try ModelCalibration(at: model.url, options: options)
    loading.end()
    var pieces: [(windows: TextWindows, index: Int)] = []
    for (path, text) in zip(text, texts) {
      let windows = try TextWindows(
        text, of: path, option: "text", for: calibration.loaded, context: context, parsingSpecialTokens: parseSpecial)
      pieces += (0..<windows.count).map { (windows, $0) }
    }
    guard skipChunks < pieces.count else {
      throw CommandFailure("--skip-chunks: \(skipChunks) of \(pieces.count) pieces of \(context) tokens")
    }
    pieces = Array(pieces.dropFirst(skipChunks).prefix(chunks ?? .max))
    try read(pieces, calibration, threads: options.threads)
    var matrix = calibration.importance
    matrix.datasets = text.map(\.description)
    matrix.chunkCount = pieces.count
    matrix.chunkSize = context
    if let (name, _) = matrix.entries.first(where: { !$0.value.sums.allSatisfy { $0.allSatisfy(\.isFinite) } }) {
      throw CommandFailure("tensor \(name): what it is multiplied with is NaN or infinite")
    }
    return matrix
  }

  private func read(
    _ pieces: [(windows: TextWindows, index: Int)], _ calibration: ModelCalibration, threads: Int
  ) throws {
    let model = calibration.loaded.model
    let runner = try StepRunner(model: model, sequences: 1, length: context, kvType: .f32, threads: threads)
    runner.report.inputs = calibration.inputs
    // Logits take at most 64 MiB.
    let rows = min(
      EngineConfiguration().maxBatchTokens, processOutput ? max(1, (16 << 20) / model.vocabularySize) : .max)
    let report = ProgressReport("reading", lines: .seconds(5))
    defer { report.end() }
    for (done, piece) in pieces.enumerated() {
      let tokens = piece.windows.window(piece.index)
      for first in stride(from: 0, to: context, by: rows) {
        let end = min(context, first + rows)
        let part = StepRunner.Part(
          sequence: 0, tokens: tokens[first..<end], position: first, logits: processOutput ? end - first : 0)
        runner.step([part]) { _ in }
      }
      report.update(Double(done + 1) / Double(pieces.count), "piece \(done + 1) of \(pieces.count)")
    }
  }
}
