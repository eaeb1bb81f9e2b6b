/// Writes metrics in the Prometheus text format, version 0.0.4
/// (prometheus.io/docs/instrumenting/exposition_formats).
public struct PrometheusText {
  /// The value of the header `Content-Type`.
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// The text so far.
  package private(set) var text = ""
  /// The labels of every sample.
  private let commonLabels: [(name: String, value: String)]

  package init(commonLabels: [(name: String, value: String)]) { self.commonLabels = commonLabels }

  package mutating func write(_ family: MetricFamily<Counter>) {
    header(family.name, family.help, "counter")
    for (values, counter) in family.members { sample(family.name, family.labels, values, String(counter.value)) }
  }

  package mutating func write(_ family: MetricFamily<Gauge>) {
    header(family.name, family.help, "gauge")
    for (values, gauge) in family.members { sample(family.name, family.labels, values, Self.number(gauge.value)) }
  }

  package mutating func write(_ family: MetricFamily<Histogram>) {
    header(family.name, family.help, "histogram")
    for (values, histogram) in family.members {
      let counts = histogram.cumulativeCounts
      let bounds = histogram.bounds.map(Self.number) + ["+Inf"]
      for (bound, count) in zip(bounds, counts) {
        sample(family.name + "_bucket", family.labels + ["le"], values + [bound], String(count))
      }
      sample(family.name + "_sum", family.labels, values, Self.number(histogram.sum))
      sample(family.name + "_count", family.labels, values, String(counts.last ?? 0))
    }
  }

  private mutating func header(_ name: String, _ help: String, _ type: String) {
    text += "# HELP \(name) \(Self.escape(help, quotes: false))\n# TYPE \(name) \(type)\n"
  }

  private mutating func sample(_ name: String, _ labels: [String], _ values: [String], _ value: String) {
    let pairs = commonLabels.map { ($0.name, $0.value) } + zip(labels, values)
    let list = pairs.map { "\($0)=\"\(Self.escape($1, quotes: true))\"" }.joined(separator: ",")
    text += list.isEmpty ? "\(name) \(value)\n" : "\(name){\(list)} \(value)\n"
  }

  private static func escape(_ text: String, quotes: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return value.description
  }
}
