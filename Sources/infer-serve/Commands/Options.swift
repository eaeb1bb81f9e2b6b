public import ArgumentParser
import Foundation
import HybridBlocks
public import InferCore
import InferText

/// Which model, and how it is loaded and computed. Shared by all commands that need one.
struct ModelOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Folder of the model, or its GGUF file.", valueName: "path"), transform: PathArgument.init)
  var model: PathArgument

  @OptionGroup var computing: ComputingOptions
  @OptionGroup var placement: PlacementOptions

  /// Threads to compute with.
  var threadCount: Int { computing.threadCount }

  /// Places threads and memory, and loads the model; see
  /// ``ComputingOptions/load(_:config:template:adapters:onlyDescribing:share:warn:tell:)``.
  func load(
    config: PathArgument? = nil, template: ChatTemplate? = nil, onlyDescribing: Bool = false,
    warn: (String) -> Void = ComputingOptions.warn,
    tell: (@Sendable (LoadProgress) -> Void)? = nil
  ) throws -> LoadedModel {
    placement.place()
    return try computing.load(
      model, config: config, template: template, onlyDescribing: onlyDescribing, warn: warn, tell: tell)
  }
}

/// The options for loading and computing any model.
struct ComputingOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Threads to compute with (default: one for each core, within what control groups allow).", valueName: "count"))
  var threads: Int?

  @OptionGroup var loading: LoadingOptions

  /// Threads to compute with.
  var threadCount: Int { threads ?? defaultThreadCount() }

  /// Loads a model with the threads; see
  /// ``LoadingOptions/load(_:threads:config:template:adapters:onlyDescribing:share:warn:tell:)``.
  func load(
    _ path: PathArgument, config: PathArgument? = nil, template: ChatTemplate? = nil, adapters: [Adapter] = [],
    onlyDescribing: Bool = false, share: ModelShare = .whole, warn: (String) -> Void = Self.warn,
    tell: (@Sendable (LoadProgress) -> Void)? = nil
  ) throws -> LoadedModel {
    try loading.load(
      path, threads: threadCount, config: config, template: template, adapters: adapters,
      onlyDescribing: onlyDescribing, share: share, warn: warn, tell: tell)
  }

  static func warn(_ warning: String) { note("infer-serve: warning: \(warning)") }

  func validate() throws {
    try require(1...1024, "threads", threads)
  }
}

/// The options for loading any model.
struct LoadingOptions: ParsableArguments {
  @Flag(help: "Refuse a config.json with keys that nothing reads.")
  var strict = false

  @OptionGroup var quantizing: QuantizationOptions

  /// Warns once of what is odd about the machine.
  private static let machineWarning: Void = { InstructionSet.warning.map(ComputingOptions.warn) }()

  /// Loads a model, tells how far that has come where it takes long, and warns of what is odd about it: on standard
  /// error unless `warn` and `tell` say otherwise. One that is only described may have unknown tensors, and cannot
  /// compute.
  func load(
    _ path: PathArgument, threads: Int, config: PathArgument? = nil, template: ChatTemplate? = nil,
    adapters: [Adapter] = [], onlyDescribing: Bool = false, share: ModelShare = .whole,
    warn: (String) -> Void = ComputingOptions.warn,
    tell: (@Sendable (LoadProgress) -> Void)? = nil
  ) throws -> LoadedModel {
    if !onlyDescribing { try AddressSpace.checkBeforeStart() }
    var options = LoadOptions()
    options.quantization = quantizing.quantization
    options.threads = threads
    options.share = share
    options.adapters = adapters
    let report = tell == nil ? ProgressReport("loading") : nil
    defer { report?.end() }
    options.progress = tell.map { SlowProgress(tell: $0).update } ?? { report?.update($0) }
    options.configuration = config?.url
    options.chatTemplate = template
    options.allowsUnreadTensors = onlyDescribing
    options.readsMatrices = !onlyDescribing
    options.refusesUnknownKeys = strict
    // What cannot be divided is refused before its weights are read.
    if !share.isWhole { _ = try describeModel(at: path.url, options: options) }
    let loaded = try loadModel(at: path.url, options: options)
    // The server, which takes what is told itself, has warned of the machine at its start.
    if tell == nil, !onlyDescribing { _ = Self.machineWarning }
    for warning in loaded.summary.warnings { warn(warning) }
    return loaded
  }
}

/// The memory and work that the engine takes on. Shared by the commands that run an engine.
struct EngineOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Format of attention keys and values: f32, f16 or q8_0.", valueName: "type"))
  var kvType = KVType.f16

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Memory for attention keys and values; 'auto' takes what the machine or its container has left when the model is \
      loaded, and is best where nothing else needs it. It is one budget with --state-cache-mib: what one kind of state does \
      not need the other may take.
      """, valueName: "MiB"))
  var kvCacheMib = CacheSize(EngineConfiguration().kvCacheMiB)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Memory for recurrent state, of which that of running sequences is set aside.", valueName: "MiB"))
  var stateCacheMib = EngineConfiguration().stateCacheMiB

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Memory beside these for recurrent states with 8 bits an element, none by default: kept states go there when others \
      need their memory, and what goes on from one, a later request or one that was preempted, is an approximation.
      """, valueName: "MiB"))
  var coldStateMib = EngineConfiguration().coldStateMiB

  @Flag(
    inversion: .prefixedNo,
    help: "Keep state of requests for others that begin alike, in what memory running ones do not need.")
  var prefixCaching = EngineConfiguration().keepsPrefixes

  @Option(parsing: .unconditional, help: ArgumentHelp("Tokens of a page of keys and values.", valueName: "count"))
  var pageTokens = EngineConfiguration().pageTokens

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Rows of a step at most: decoding sequences first, prompts share the rest.", valueName: "count"))
  var maxBatchTokens = EngineConfiguration().maxBatchTokens

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tokens of prompt and answer at most (default: what the model is made for).", valueName: "count")
  )
  var maxContext: Int?

  /// The engine's configuration.
  func configuration(threads: Int) -> EngineConfiguration {
    var configuration = EngineConfiguration()
    configuration.threads = threads
    configuration.kvType = kvType
    configuration.kvCacheMiB = kvCacheMib.mebibytes
    configuration.stateCacheMiB = stateCacheMib
    configuration.coldStateMiB = coldStateMib
    configuration.keepsPrefixes = prefixCaching
    configuration.pageTokens = pageTokens
    configuration.maxBatchTokens = maxBatchTokens
    configuration.maxContext = maxContext
    return configuration
  }
}

extension KVType: ExpressibleByArgument {}

/// Memory in MiB, or `auto`.
struct CacheSize: ExpressibleByArgument, Equatable {
  /// `nil` for what is left.
  let mebibytes: Int?

  init(_ mebibytes: Int?) { self.mebibytes = mebibytes }

  init?(argument: String) {
    if argument.isExactly("auto") {
      mebibytes = nil
    } else {
      guard let number = Int(argument) else { return nil }
      mebibytes = number
    }
  }

  var defaultValueDescription: String { mebibytes.map(String.init) ?? "auto" }
}

/// Token ids on the command line: `5,17,9`.
struct TokenIDs: ExpressibleByArgument, Equatable {
  let ids: [Int32]

  init?(argument: String) {
    var ids: [Int32] = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      guard let id = Int32(part.trimmingCharacters(in: .whitespaces)), id >= 0 else { return nil }
      ids.append(id)
    }
    self.ids = ids
  }
}

/// Numbers on the command line: `1,4,16`.
struct NumberList: ExpressibleByArgument, Equatable {
  let values: [Int]

  init(_ values: [Int]) { self.values = values }

  init?(argument: String) {
    var values: [Int] = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      guard let value = Int(part.trimmingCharacters(in: .whitespaces)), value >= 0 else { return nil }
      values.append(value)
    }
    self.values = values
  }

  var defaultValueDescription: String { values.map(String.init).joined(separator: ",") }
}

/// Refuses an option's value outside `range`, naming the option. An absent one is fine.
func require<Value: Comparable>(_ range: ClosedRange<Value>, _ option: String, _ value: Value?) throws {
  guard let value, !range.contains(value) else { return }
  throw ValidationError("--\(option) must be between \(range.lowerBound) and \(range.upperBound), not \(value)")
}

/// Refuses an engine's configuration that makes no sense, as wrong usage.
func check(_ configuration: EngineConfiguration) throws {
  do { try configuration.validate() } catch { throw ValidationError(error.usage) }
}
