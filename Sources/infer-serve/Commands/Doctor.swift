import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferText

/// `infer-serve doctor`: whether a machine, and a model on it, is fit to serve.
struct Doctor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Checks a machine, and a model on it, and says what to change.",
    discussion: """
      Looks at kernels, processors, memory, limits and settings of the system, and with a model at its files, whether it \
      fits the memory, its tokenizer and its template. Each line is ok, warn or fail; those that are not ok say why it \
      matters and what to do. Changes nothing. Ends with 1 where something fails.
      """)

  @Argument(
    help: ArgumentHelp("Folder of the model, or its GGUF file.", valueName: "path"), transform: PathArgument.init)
  var model: PathArgument?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Tokens of prompt and answer that one request may have (default: what the model is made for).", valueName: "count"
    ))
  var maxContext: Int?

  @OptionGroup var computing: ComputingOptions
  @OptionGroup var placement: PlacementOptions

  @Flag(help: "Do not measure the bandwidth of memory, which takes a second and a gigabyte.")
  var noMeasurement = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if let maxContext, maxContext < 1 { throw ValidationError("--max-context must be at least 1, not \(maxContext)") }
    if maxContext != nil, model == nil { throw ValidationError("--max-context needs a model") }
    if computing.loading.quantizing.quantize != nil, model == nil { throw ValidationError("--quantize needs a model") }
    if computing.loading.strict, model == nil { throw ValidationError("--strict needs a model") }
  }

  func run() throws {
    var messages: [String] = []
    placement.place(tell: { _ in }, warn: { messages.append($0) })
    var machine = MachineReading.current()
    machine.placement = ThreadPlacement.current?.description
    machine.placementWarning = messages.first
    if let threads = computing.threads { machine.threads = threads }
    if !noMeasurement, let meter = try? RooflineMeter(threads: machine.threads) {
      machine.bandwidth = meter.measure().bandwidth
    }
    var findings = MachineChecks(machine: machine).findings
    if let model {
      findings += ModelChecks.findings(model.url, context: maxContext, on: machine) {
        try computing.load(model, onlyDescribing: true, warn: { _ in })
      }
    }
    let failures = findings.count { $0.level == .fail }
    if json {
      let object: JSONValue = ["ok": .bool(failures == 0), "findings": .array(findings.map(\.json))]
      try emit(object.serialized(.pretty) + "\n")
    } else {
      try emit(findings.map(\.text).joined())
    }
    guard failures == 0 else {
      throw CommandFailure("\(failures) check\(failures == 1 ? "" : "s") failed")
    }
  }
}
