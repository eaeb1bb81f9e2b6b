import Foundation
import Tracing

/// The settings of traces, from an option and from the variables that OpenTelemetry has names for.
struct TraceEnvironment {
  var exporter: TraceExporter.Configuration
  var sampler = TraceSampler()
  /// The attributes of the program.
  var resource: [(name: String, value: SpanAttribute)]

  /// Variables of the standard that are read.
  static let names = [
    "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG", "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED", "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
  ]

  /// - Parameters:
  ///   - endpoint: The receiver's address without a path of its own; `nil` for what the variables say.
  ///   - variables: The environment. An empty one counts as none.
  /// - Throws: ``CommandFailure`` for a value that makes no sense, with the name of its variable.
  /// - Returns: `nil` where nobody wants traces.
  init?(endpoint: String?, _ variables: [String: String]) throws(CommandFailure) {
    func value(_ name: String) -> String? { variables[name].flatMap { $0.isEmpty ? nil : $0 } }
    // What is said of traces counts before what is said of all signals.
    func exporterValue(_ name: String) -> String? {
      value("OTEL_EXPORTER_OTLP_TRACES_\(name)") ?? value("OTEL_EXPORTER_OTLP_\(name)")
    }
    let isOff = value("OTEL_SDK_DISABLED")?.lowercased() == "true" || value("OTEL_TRACES_EXPORTER") == "none"
    let base = (endpoint ?? value("OTEL_EXPORTER_OTLP_ENDPOINT")).map { Self.appending("v1/traces", to: $0) }
    let address = endpoint == nil ? value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") ?? base : base
    guard let address, !isOff || endpoint != nil else { return nil }
    guard let url = URL(string: address), ["http", "https"].contains(url.scheme), url.host() != nil else {
      let name = endpoint == nil ? "OTEL_EXPORTER_OTLP_ENDPOINT" : "--otlp-endpoint"
      throw CommandFailure("\(name) must be like http://host:4318, not '\(endpoint ?? address)'")
    }
    if let name = exporterValue("PROTOCOL"), name != "http/json", name != "http/protobuf" {
      throw CommandFailure("OTEL_EXPORTER_OTLP_PROTOCOL is '\(name)', and traces are sent as http/json alone")
    }
    var exporter = TraceExporter.Configuration(url: address)
    exporter.headers = try Self.pairs(exporterValue("HEADERS"), "OTEL_EXPORTER_OTLP_HEADERS")
    func number(_ name: String, _ text: String?, from least: Int = 1) throws(CommandFailure) -> Int? {
      guard let text else { return nil }
      guard let number = Int(text), (least...3_600_000).contains(number) else {
        throw CommandFailure("\(name) is '\(text)', not a number from \(least) to 3600000")
      }
      return number
    }
    let timeout = try number("OTEL_EXPORTER_OTLP_TIMEOUT", exporterValue("TIMEOUT"))
    if let timeout { exporter.timeout = .milliseconds(timeout) }
    let delay = try number("OTEL_BSP_SCHEDULE_DELAY", value("OTEL_BSP_SCHEDULE_DELAY"))
    if let delay { exporter.delay = .milliseconds(delay) }
    exporter.queue = try number("OTEL_BSP_MAX_QUEUE_SIZE", value("OTEL_BSP_MAX_QUEUE_SIZE")) ?? exporter.queue
    let batch = try number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", value("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"))
    exporter.batch = min(batch ?? exporter.batch, exporter.queue)
    self.exporter = exporter
    if let name = value("OTEL_TRACES_SAMPLER") {
      sampler = try TraceSampler(name, argument: value("OTEL_TRACES_SAMPLER_ARG"))
    }
    let given = try Self.pairs(value("OTEL_RESOURCE_ATTRIBUTES"), "OTEL_RESOURCE_ATTRIBUTES")
    var attributes: [String: SpanAttribute] = [
      "service.name": .string(Software.name), "service.version": .string(Software.version),
      "process.pid": .int64(Int64(ProcessInfo.processInfo.processIdentifier)),
    ]
    for (name, text) in given { attributes[name] = .string(text) }
    if let name = value("OTEL_SERVICE_NAME") { attributes["service.name"] = .string(name) }
    resource = attributes.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
  }

  private static func appending(_ path: String, to address: String) -> String {
    address.hasSuffix("/") ? address + path : "\(address)/\(path)"
  }

  /// Names and values as `a=b,c=d`, with bytes of either as `%20`.
  private static func pairs(
    _ text: String?, _ variable: String
  ) throws(CommandFailure) -> [(name: String, value: String)] {
    var pairs: [(name: String, value: String)] = []
    for member in (text ?? "").split(separator: ",") {
      let parts = member.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces).removingPercentEncoding
      }
      guard parts.count == 2, let name = parts[0], let value = parts[1], !name.isEmpty,
        value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
      else { throw CommandFailure("\(variable) must be like name=value,name=value, which '\(member)' is not") }
      pairs.append((name, value))
    }
    return pairs
  }
}
