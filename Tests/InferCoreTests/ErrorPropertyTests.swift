import Testing

@testable import InferCore

@Suite struct ErrorPropertyTests {
  /// The library's messages name its own properties, never an option or a field of some wire.
  @Test func namesAreThoseOfProperties() {
    let configuration = ConfigurationError(.kvCacheMiB, reason: "is too small")
    #expect(configuration.description == "kvCacheMiB is too small")
    #expect("\(RequestError.invalid(.maxTokens, reason: "must be at least 1"))" == "stop.maxTokens must be at least 1")
    let properties = Mirror(reflecting: EngineConfiguration()).children.compactMap(\.label)
    for property in ConfigurationError.Property.allCases { #expect(properties.contains(property.rawValue)) }
    let request = GenerationRequest(prompt: [1])
    let paths =
      Mirror(reflecting: request).children.compactMap(\.label)
      + Mirror(reflecting: request.sampling).children.compactMap { $0.label.map { "sampling.\($0)" } }
      + Mirror(reflecting: request.stop).children.compactMap { $0.label.map { "stop.\($0)" } }
    for property in RequestError.Property.allCases where property != .requests {
      #expect(paths.contains(property.rawValue), "\(property)")
    }
  }
}
