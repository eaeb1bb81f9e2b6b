import ArgumentParser
import Foundation
package import InferCore

/// The options for quantising weights while a model is loaded. Shared by all commands that compute.
struct QuantizationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Quantise the weights while loading: \(Quantization.names.joined(separator: ", ")).", valueName: "format"))
  var quantize: String?

  @Option(help: ArgumentHelp("Format of the head, with --quantize (default: as suits it).", valueName: "format"))
  var quantizeHead: WeightFormat?

  /// The quantisation, if any.
  var quantization: Quantization? {
    quantize.flatMap { Quantization(named: $0, head: quantizeHead) }
  }

  func validate() throws {
    try requireFormat("quantize", quantize)
    guard quantizeHead == nil || quantize != nil else {
      throw ValidationError("--quantize-head needs --quantize")
    }
  }
}

/// Refuses a format that weights cannot be quantised to while they are loaded, as wrong usage.
func requireFormat(_ option: String, _ name: String?) throws {
  guard let name else { return }
  guard let quantization = Quantization(named: name) else {
    throw ValidationError("--\(option) \(name) is unknown: \(Quantization.names.joined(separator: ", "))")
  }
  guard !quantization.needsImportance else {
    throw ValidationError(
      "--\(option) \(name) needs an importance matrix, which `infer-serve imatrix` makes: write a file with "
        + "`infer-serve quantize --imatrix`")
  }
}

extension WeightFormat: ExpressibleByArgument {
  /// A format by its name.
  package init?(argument: String) { self.init(named: argument) }

  /// All names of formats that are written.
  package static var allValueStrings: [String] { (writable + weighted).map(\.name) }
}

/// Passes progress on once loading has taken two seconds, and every two seconds from then on.
final class SlowProgress: Sendable {
  private let tell: @Sendable (LoadProgress) -> Void
  private let last = Monitor(ContinuousClock.now)

  init(tell: @escaping @Sendable (LoadProgress) -> Void) { self.tell = tell }

  func update(_ progress: LoadProgress) {
    let now = ContinuousClock.now
    let isDue = last.withLock { last in
      guard now - last >= .seconds(2) else { return false }
      last = now
      return true
    }
    if isDue { tell(progress) }
  }
}
