import Foundation
import HybridBlocks
import InferCore
import InferKit
import InferText
import TestSupport
import Testing

@testable import infer_serve

struct MemoryForecastTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private var configuration: EngineConfiguration {
    var configuration = EngineConfiguration()
    configuration.threads = 1
    configuration.kvCacheMiB = 8
    configuration.stateCacheMiB = 12
    configuration.coldStateMiB = 2
    configuration.maxRunning = 2
    return configuration
  }

  /// The bundled model in a format: as it is stored, quantised while loading, or in a GGUF file.
  private func model(_ format: String, inFile: Bool) throws -> (url: URL, quantization: Quantization?) {
    let quantization = format == "F32" ? nil : try #require(Quantization(named: format, head: nil))
    guard inFile else { return (Fixtures.tinyModel, quantization) }
    let url = folder.url.appending(path: "\(format).gguf")
    _ = try quantizeModel(at: Fixtures.tinyModel, to: url, try #require(Quantization(named: format, head: nil)))
    return (url, nil)
  }

  /// The forecast is what the server counts when the model is loaded.
  @Test(arguments: ["F32", "Q8_0", "Q4_K"], [false, true])
  func itIsWhatALoadedModelTakes(_ format: String, inFile: Bool) throws {
    let (url, quantization) = try model(format, inFile: inFile)
    let forecast = try MemoryForecast(of: url, quantization, configuration)
    var options = LoadOptions()
    options.quantization = quantization
    let loaded = try loadModel(at: url, options: options)
    let engine = try Engine(loaded, configuration: configuration)
    #expect(forecast.weightBytes == loaded.summary.weightBytes)
    #expect(forecast.stateBytes == engine.limits.stateMemoryBytes)
    #expect(forecast.stateBytes > 20 << 20 && forecast.stateBytes <= 22 << 20)
  }

  /// The weights lie in memory as they lie in a file of panels, but for what rounds these up: within three percent.
  @Test(arguments: ["F32", "Q8_0", "Q4_K", "IQ4_XS", "TQ1_0"]) func itIsWhatPanelsTake(_ format: String) throws {
    let url = folder.url.appending(path: "panels.gguf")
    let quantization = try #require(Quantization(named: format, head: nil))
    _ = try quantizeModel(at: Fixtures.tinyModel, to: url, quantization, inPanels: true)
    let forecast = try MemoryForecast(of: Fixtures.tinyModel, quantization, configuration)
    let bytes = try loadModel(at: url).mappedWeightBytes
    #expect(abs(forecast.weightBytes - bytes) < bytes * 3 / 100, "\(forecast.weightBytes) \(bytes)")
  }

  /// A model that takes the memory that is left counts with the least that is of use.
  @Test func automaticMemoryCountsWithOneSequence() throws {
    var configuration = configuration
    configuration.coldStateMiB = 0
    configuration.kvCacheMiB = nil
    let small = try MemoryForecast(of: Fixtures.tinyModel, nil, configuration)
    #expect(small.stateBytes == 15 << 20, "\(small)")
    configuration.kvType = .f32
    configuration.pageTokens = 4096
    let large = try MemoryForecast(of: Fixtures.tinyModel, nil, configuration)
    #expect(large.stateBytes > 15 << 20 && large.stateBytes <= 21 << 20, "\(large)")
  }

  @Test func sumsAreBounded() {
    #expect(MemoryForecast(weightBytes: .max, stateBytes: 1).bytes == .max)
    #expect(MemoryForecast(weightBytes: .max - 1, stateBytes: .max - 1).bytes == .max)
    #expect(MemoryForecast(weightBytes: 3, stateBytes: 4).bytes == 7)
  }

  @Test func budgetsThatNoEngineCouldHaveAreErrors() {
    var configuration = configuration
    (configuration.kvCacheMiB, configuration.stateCacheMiB) = (1 << 24, 1 << 24)
    configuration.coldStateMiB = 1 << 24
    // No more than can be of use is taken, and no more than the machine has.
    let forecast = try? MemoryForecast(of: Fixtures.tinyModel, nil, configuration)
    #expect(forecast.map { $0.bytes <= MachineLimits.current.usableMemory } ?? true)
    for kv in [.max, -1, 0] {
      configuration.kvCacheMiB = kv
      #expect(throws: ConfigurationError.self) { try MemoryForecast(of: Fixtures.tinyModel, nil, configuration) }
    }
  }

  /// Files are read again when they have changed, and not otherwise; damaged ones have no forecast.
  @Test func itIsMadeAnewWhenFilesChange() throws {
    let reads = Monitor(0)
    let place = folder.url.appending(path: "model")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    let kept = KeptForecast(place) { [configuration] in
      reads.withLock { $0 += 1 }
      return try MemoryForecast(of: place, nil, configuration)
    }
    for _ in 0..<3 { #expect(kept.value == nil) }
    #expect(reads.withLock { $0 } == 1)
    for name in ["config.json", "generation_config.json", "model.safetensors"] {
      try FileManager.default.copyItem(
        at: Fixtures.tinyModel.appending(path: name), to: place.appending(path: name))
    }
    let first = try #require(kept.value)
    for _ in 0..<3 { #expect(kept.value == first) }
    #expect(reads.withLock { $0 } == 2)
    let weights = place.appending(path: "model.safetensors")
    for sizes in ["[9223372036854775807, 9223372036854775807]", "[4611686018427387904]", "[-1]"] {
      let header = #"{"w":{"dtype":"F32","shape":\#(sizes),"data_offsets":[0,9223372036854775807]}}"#
      let length = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> ($0 * 8)) }
      try Data(length + Array(header.utf8)).write(to: weights)
      #expect(kept.value == nil, "\(sizes)")
    }
    #expect(reads.withLock { $0 } == 5)
  }
}
