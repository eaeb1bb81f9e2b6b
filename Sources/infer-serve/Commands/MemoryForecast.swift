import Foundation
import HybridBlocks
import InferCore
import InferText

/// The memory that a model will take once it is loaded, as its files and its engine's configuration tell.
struct MemoryForecast: Equatable {
  /// Bytes of the weights, in the formats that they are computed with.
  let weightBytes: Int
  /// Bytes of attention keys, values and recurrent state of all sequences together.
  let stateBytes: Int

  /// All of it. The largest integer where the sum is more.
  var bytes: Int {
    let (sum, overflow) = weightBytes.addingReportingOverflow(stateBytes)
    return overflow ? .max : sum
  }

  init(weightBytes: Int, stateBytes: Int) {
    self.weightBytes = weightBytes
    self.stateBytes = stateBytes
  }

  /// - Parameter model: A model that may be described and not loaded.
  /// - Throws: ``ConfigurationError`` when an engine with this configuration could not run the model.
  init(
    of model: any LanguageModel, weightBytes: Int, _ configuration: EngineConfiguration
  ) throws(ConfigurationError) {
    let limits = try EngineLimits.expected(of: configuration, model: model)
    self.init(weightBytes: weightBytes, stateBytes: limits.stateMemoryBytes)
  }

  /// Reads what a model's files tell, and nothing of its weights. Of a share of a model, it is a rank's memory.
  ///
  /// - Throws: `ModelError` and ``ConfigurationError``, as loading it will.
  init(
    of url: URL, _ quantization: Quantization?, share: ModelShare = .whole, _ configuration: EngineConfiguration
  ) throws {
    var options = LoadOptions()
    options.quantization = quantization
    options.share = share
    let (model, summary) = try describeModel(at: url, options: options)
    try self.init(of: model, weightBytes: summary.weightBytes, configuration)
  }
}

/// A model's forecast, which is made once, and again when the model's files have changed.
final class KeptForecast: Sendable {
  private struct Reading {
    var files: [String: FileVersion]
    var forecast: MemoryForecast?
  }

  private let url: URL
  private let read: @Sendable () throws -> MemoryForecast
  private let last = Monitor<Reading?>(nil)

  /// - Parameters:
  ///   - url: The model's folder, or its GGUF file: of several, the first, which others that belong to it come with.
  ///   - read: Makes the forecast.
  init(_ url: URL, _ read: @escaping @Sendable () throws -> MemoryForecast) {
    self.url = url
    self.read = read
  }

  /// The forecast; `nil` where none can be made, of which loading the model will tell why.
  var value: MemoryForecast? {
    last.withLock { last in
      let files = Self.versions(at: url)
      if let last, last.files == files { return last.forecast }
      let forecast = try? read()
      last = Reading(files: files, forecast: forecast)
      return forecast
    }
  }

  /// The versions of a file, or of the files in a folder.
  private static func versions(at url: URL) -> [String: FileVersion] {
    let url = url.resolvingSymlinksInPath()
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: url.path(percentEncoded: false)) else {
      return FileVersion(url).map { ["": $0] } ?? [:]
    }
    return names.reduce(into: [:]) { $0[$1] = FileVersion(url.appending(path: $1)) }
  }
}
