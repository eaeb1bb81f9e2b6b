import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferText

/// `infer-serve quantize`: a model's weights in fewer bits, in one file.
struct Quantize: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes a model with quantised weights to a GGUF file.",
    discussion: """
      The file carries configuration, tokenizer and chat template as well: --model FILE.gguf is all that the other \
      commands need, and they compute what --quantize with the same format computes. llama.cpp loads it too where it \
      has the architecture and all that the model makes use of; the output says whether, and else why not. Routers, \
      norms, convolutions and other small tensors are 32-bit floats. Formats: \
      \(Quantization.names.joined(separator: ", ")); with --imatrix also \
      \(Quantization.namesOfImportance.joined(separator: ", ")).
      """)

  @Option(help: ArgumentHelp("Folder or GGUF file of the model.", valueName: "path"), transform: PathArgument.init)
  var model: PathArgument

  @Option(help: ArgumentHelp("Format of the weights, or a mix of formats.", valueName: "format"))
  var format: String

  @Option(help: ArgumentHelp("Format of the head (default: as suits the other).", valueName: "format"))
  var headFormat: WeightFormat?

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      """
      A LoRA adapter, a folder of peft's or a GGUF file, that is added to the weights, with a factor behind an equals \
      sign if need be; may be repeated.
      """, valueName: "path[=scale]"), transform: AdapterArgument.unnamed)
  var lora: [AdapterArgument] = []

  @Option(
    help: ArgumentHelp(
      "An importance matrix, of `infer-serve imatrix` or llama-imatrix: errors count as much as their columns matter.",
      valueName: "file"), transform: PathArgument.init)
  var imatrix: PathArgument?

  @Option(help: ArgumentHelp("The file to write.", valueName: "file"), transform: PathArgument.init)
  var output: PathArgument

  @Flag(
    help: ArgumentHelp(
      "Write weights in panels, as this machine multiplies with them, for the fastest start.",
      discussion: """
        The file is mapped and used in place by machines of the same instruction set, turned while it is loaded by others, \
        and read by no other program.
        """))
  var panels = false

  @Flag(help: "Replace the file if there is one.")
  var force = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Threads to compute with (default: one for each core).", valueName: "count"))
  var threads: Int?

  @OptionGroup var placement: PlacementOptions

  func validate() throws {
    try require(1...1024, "threads", threads)
    guard let quantization = Quantization(named: format, head: headFormat) else {
      let names = Quantization.names + Quantization.namesOfImportance
      throw ValidationError("--format \(format) is unknown: \(names.joined(separator: ", "))")
    }
    guard imatrix != nil || !quantization.needsImportance else {
      let option =
        quantization.format.needsImportance ? "--format \(format)" : "--head-format \(quantization.headFormat.name)"
      throw ValidationError(
        "\(option) needs --imatrix, a file that `infer-serve imatrix` makes of the model and a text")
    }
  }

  func run() async throws {
    guard var quantization = Quantization(named: format, head: headFormat) else { return }
    quantization.importance = try imatrix.map { try ImportanceMatrix(at: $0.url) }
    guard force || !FileManager.default.fileExists(atPath: output.description) else {
      throw CommandFailure("\(output) exists; --force replaces it")
    }
    placement.place()
    var options = LoadOptions()
    options.threads = threads ?? defaultThreadCount()
    options.mergedAdapters = lora.map(\.adapter)
    let (chosen, report) = (quantization, ProgressReport("quantising"))
    options.progress = { report.update($0) }
    let result = try await cleaningUpAtSignals {
      defer { report.end() }
      return try quantizeModel(at: model.url, to: output.url, chosen, inPanels: panels, options: options)
    }
    try emit(Self.summary(result, output))
  }

  /// A summary of the written file, for people.
  static func summary(_ result: QuantizationResult, _ output: PathArgument) -> String {
    let (before, after) = (Quantity.mebibytes(result.bytesBefore), Quantity.mebibytes(result.bytesAfter))
    let lines = ["\(output): \(after) of weights, \(before) before", result.form.text] + result.remarks
    return (lines + result.formats.map(\.text))
      .map { $0 + "\n" }.joined()
  }
}

extension FormatShare {
  /// For people, as `Q4_K, 83 tensors, 4.35 M weights, 2.3 MiB`.
  var text: String {
    let tensors = "\(tensorCount) tensor\(tensorCount == 1 ? "" : "s")"
    return "\(name), \(tensors), \(Quantity.count(parameterCount)) weights, \(Quantity.mebibytes(byteCount))"
  }
}

extension QuantizationResult.Form {
  /// For people.
  var text: String {
    switch self {
    case .llamaCpp(let architecture): "a file that llama.cpp loads too, as \(architecture)"
    case .own(let reason): "a file for infer-serve alone: \(reason)"
    }
  }
}
