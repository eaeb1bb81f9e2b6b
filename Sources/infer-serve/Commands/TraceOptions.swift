import ArgumentParser
import Foundation
import Logging

/// Where traces of requests are sent.
struct TraceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Receiver of OpenTelemetry's traces, over HTTP, as http://host:4318. OpenTelemetry's own variables \
      (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER …) count where this says nothing.
      """, valueName: "url"))
  var otlpEndpoint: String?

  /// The maker of requests' spans; `nil` for none.
  ///
  /// - Throws: ``CommandFailure`` for an address or a variable that makes no sense.
  func tracer(_ metrics: ServerMetrics, _ logger: Logger) throws(CommandFailure) -> RequestTracer? {
    guard let settings = try TraceEnvironment(endpoint: otlpEndpoint, ProcessInfo.processInfo.environment) else {
      return nil
    }
    let exporter = TraceExporter(
      settings.exporter, OTLPDocument(resource: settings.resource), metrics: metrics.traces, logger: logger)
    return RequestTracer(sampler: settings.sampler, exporter: exporter)
  }
}
