/// Writes metrics in the Prometheus text format, version 0.0.4
/// (prometheus.io/docs/instrumenting/exposition_formats).
///
/// Families of one name, which may be written again with other labels, stand together, as the format demands.
public struct PrometheusText {
  /// The value of the header `Content-Type`.
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// The text so far.
  package var text: String { families.joined() }
  /// The labels of every sample that is written from now on.
  package var commonLabels: [(name: String, value: String)]
  /// The text of each family.
  private var families: [String] = []
  private var positions: [String: Int] = [:]

  package init(commonLabels: [(name: String, value: String)] = []) { self.commonLabels = commonLabels }

  package mutating func write(_ family: MetricFamily<Counter>) {
    var samples = ""
    for (values, counter) in family.members {
      samples += sample(family.name, family.labels, values, String(counter.value))
    }
    add(samples, of: family, "counter")
  }

  package mutating func write(_ family: MetricFamily<Gauge>) {
    var samples = ""
    for (values, gauge) in family.members {
      samples += sample(family.name, family.labels, values, Self.number(gauge.value))
    }
    add(samples, of: family, "gauge")
  }

  package mutating func write(_ family: MetricFamily<Histogram>) {
    var samples = ""
    for (values, histogram) in family.members {
      let counts = histogram.cumulativeCounts
      let bounds = histogram.bounds.map(Self.number) + ["+Inf"]
      for (bound, count) in zip(bounds, counts) {
        samples += sample(family.name + "_bucket", family.labels + ["le"], values + [bound], String(count))
      }
      samples += sample(family.name + "_sum", family.labels, values, Self.number(histogram.sum))
      samples += sample(family.name + "_count", family.labels, values, String(counts.last ?? 0))
    }
    add(samples, of: family, "histogram")
  }

  /// Adds samples to the text of a family.
  private mutating func add<Metric>(_ samples: String, of family: MetricFamily<Metric>, _ type: String) {
    let position = positions[family.name] ?? families.count
    if position == families.count {
      positions[family.name] = position
      let help = Self.escape(family.help, quotes: false)
      families.append("# HELP \(family.name) \(help)\n# TYPE \(family.name) \(type)\n")
    }
    families[position] += samples
  }

  private func sample(_ name: String, _ labels: [String], _ values: [String], _ value: String) -> String {
    let pairs = commonLabels.map { ($0.name, $0.value) } + zip(labels, values)
    let list = pairs.map { "\($0)=\"\(Self.escape($1, quotes: true))\"" }.joined(separator: ",")
    return list.isEmpty ? "\(name) \(value)\n" : "\(name){\(list)} \(value)\n"
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
