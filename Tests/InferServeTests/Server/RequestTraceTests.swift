import InferMetrics
import InferText
import Testing
import Tracing

@testable import infer_serve

struct RequestTraceTests {
  private let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  @Test func aPlaceIsReadAndWrittenAsItIs() throws {
    let span = try #require(SpanIdentity(parentField: parent, stateField: "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"))
    #expect(span.traceText == "4bf92f3577b34da6a3ce929d0e0e4736" && span.spanText == "00f067aa0ba902b7")
    #expect(span.isSampled && span.parentField == parent && span.state == "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7")
    #expect(span.child.trace == span.trace && span.child.span != span.span && span.child.state == span.state)
    // Later versions may say more.
    #expect(SpanIdentity(parentField: "cc" + parent.dropFirst(2) + "-what-comes", stateField: nil) != nil)
    #expect(SpanIdentity(parentField: parent.dropLast(2) + "00", stateField: nil)?.isSampled == false)
  }

  @Test(arguments: [
    "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902é7-01",
  ])
  func whatIsNoParentIsNone(_ field: String) { #expect(SpanIdentity(parentField: field, stateField: nil) == nil) }

  @Test func aStateThatIsTooLongIsDropped() {
    for state in [String(repeating: "a", count: 513), "é=1", (0...32).map { "a\($0)=1" }.joined(separator: ",")] {
      #expect(SpanIdentity(parentField: parent, stateField: state)?.state == "")
    }
  }

  @Test func samplersGoByTheirNames() throws {
    let unsampled = try #require(SpanIdentity(parentField: parent.dropLast() + "0", stateField: nil))
    let sampled = try #require(SpanIdentity(parentField: parent, stateField: nil))
    func records(_ name: String, _ argument: String? = nil, parent: SpanIdentity?, trace: UInt64 = 7) throws -> Bool {
      try TraceSampler(name, argument: argument).records(trace: trace, parent: parent)
    }
    #expect(try records("always_on", parent: unsampled) && !records("always_off", parent: sampled))
    #expect(try !records("parentbased_always_on", parent: unsampled) && records("parentbased_always_on", parent: nil))
    #expect(try records("parentbased_always_off", parent: sampled) && !records("parentbased_always_off", parent: nil))
    #expect(try records("parentbased_traceidratio", "0", parent: sampled))
    #expect(try records("traceidratio", "0.5", parent: nil, trace: 1 << 62))
    #expect(try !records("traceidratio", "0.5", parent: nil, trace: 3 << 62))
    // Shares are met.
    let sampler = try TraceSampler("traceidratio", argument: "0.25")
    let count = (0..<4000).count { _ in sampler.records(trace: .random(in: .min ... .max), parent: nil) }
    #expect((850...1150).contains(count))
    for (name, argument) in [("sometimes", nil), ("traceidratio", "2"), ("traceidratio", "half")] {
      #expect(throws: CommandFailure.self) { try TraceSampler(name, argument: argument) }
    }
  }

  @Test func theEnvironmentSaysWhereTo() throws {
    #expect(try TraceEnvironment(endpoint: nil, [:]) == nil)
    #expect(try TraceEnvironment(endpoint: nil, ["OTEL_EXPORTER_OTLP_ENDPOINT": ""]) == nil)
    let variables = [
      "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, x=y=z",
      "OTEL_SERVICE_NAME": "mine", "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,team=a%2Cb",
      "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5", "OTEL_BSP_SCHEDULE_DELAY": "50",
    ]
    let told = try #require(try TraceEnvironment(endpoint: nil, variables))
    #expect(told.exporter.url == "http://collector:4318/v1/traces" && told.exporter.delay == .milliseconds(50))
    #expect(told.exporter.headers.map(\.name) == ["api-key", "x"])
    #expect(told.exporter.headers.map(\.value) == ["a b", "y=z"])
    #expect(told.sampler == TraceSampler(share: 0.5, followsParent: false))
    let resource = Dictionary(uniqueKeysWithValues: told.resource.map { ($0.name, $0.value) })
    #expect(resource["service.name"] == .string("mine") && resource["team"] == .string("a,b"))
    // The option counts before the variable, and a variable of traces before that of all signals.
    #expect(try TraceEnvironment(endpoint: "https://x", variables)?.exporter.url == "https://x/v1/traces")
    let own = variables.merging(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t/own"]) { $1 }
    #expect(try TraceEnvironment(endpoint: nil, own)?.exporter.url == "http://t/own")
    #expect(try TraceEnvironment(endpoint: nil, variables.merging(["OTEL_SDK_DISABLED": "true"]) { $1 }) == nil)
    for (name, value) in [
      ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
      ("OTEL_EXPORTER_OTLP_HEADERS", "no"), ("OTEL_BSP_SCHEDULE_DELAY", "-1"), ("OTEL_TRACES_SAMPLER", "x"),
      ("OTEL_EXPORTER_OTLP_HEADERS", "a=b%0Ac"),
    ] {
      let failure = #expect(throws: CommandFailure.self) {
        try TraceEnvironment(endpoint: nil, variables.merging([name: value]) { $1 })
      }
      #expect(failure?.errorDescription?.contains(name) == true)
    }
  }

  /// A queue that is full loses spans, which are counted; nothing waits.
  @Test func spansBeyondTheQueueAreCounted() throws {
    var configuration = TraceExporter.Configuration(url: "http://127.0.0.1:9/v1/traces")
    configuration.queue = 3
    let metrics = TraceMetrics()
    let exporter = TraceExporter(
      configuration, OTLPDocument(resource: []), metrics: metrics, logger: HTTPServer.quietLogger)
    let tracer = RequestTracer(sampler: TraceSampler(), exporter: exporter)
    let outer = tracer.startSpan("outer", context: .topLevel, ofKind: .server)
    for _ in 0..<4 { tracer.startSpan("inner", context: outer.context).end() }
    outer.end()
    outer.end()
    #expect(metrics.dropped("queue").value == 2 && metrics.exported().value == 0)
    // What is not recorded costs nothing, and knows its place all the same.
    let off = RequestTracer(sampler: TraceSampler(share: 0), exporter: exporter)
    let silent = off.startSpan("silent", context: .topLevel, ofKind: .server)
    let within = off.startSpan("within", context: silent.context)
    within.end()
    #expect(!silent.isRecording && !within.isRecording && within.identity.trace == silent.identity.trace)
    #expect(metrics.dropped("queue").value == 2)
  }
}
