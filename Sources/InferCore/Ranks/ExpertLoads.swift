internal import InferMetrics
internal import InferText

/// How many rows each expert of each layer computes, as a server has counted them.
public struct ExpertLoads: Sendable, Hashable {
  /// Rows of each expert, by the layer's number in the model.
  public let rows: [Int: [Double]]

  /// Rows by layer.
  ///
  /// - Precondition: Rows are numbers from 0 on.
  public init(_ rows: [Int: [Double]]) {
    precondition(rows.values.allSatisfy { $0.allSatisfy { $0 >= 0 && $0.isFinite } }, "rows that are none")
    self.rows = rows
  }

  /// The most experts of a layer, and layers, that a page may name.
  private static let largestNumber = 4_095

  /// The counters `infer_expert_rows_total` of a server's page of metrics, or of several pages one behind the other: equal ones
  /// are added up.
  ///
  /// - Throws: ``ModelError/unsuitable(_:)`` for a page that has none, or those of several models, or odd ones.
  public init(metrics page: String) throws(ModelError) {
    var rows: [Int: [Double]] = [:]
    var model: String?
    for line in page.utf8.split(separator: UInt8(ascii: "\n")) {
      let text = Substring(line)
      guard text.utf8.starts(with: "infer_expert_rows_total".utf8) else { continue }
      guard let sample = PrometheusSample(text), sample.name.isExactly("infer_expert_rows_total"), sample.value >= 0,
        sample.value < 0x1p63, let layer = sample.number("layer"), let expert = sample.number("expert"),
        layer <= Self.largestNumber, expert <= Self.largestNumber
      else {
        throw .unsuitable("\(text.prefix(200)): expected infer_expert_rows_total with a layer, an expert and a count")
      }
      let name = sample["model_name"] ?? ""
      guard name.isExactly(model ?? name) else {
        throw .unsuitable("expert rows of several models, \(model ?? "") and \(name); expected those of one")
      }
      model = name
      var layerRows = rows[layer] ?? []
      if layerRows.count <= expert { layerRows += Array(repeating: 0, count: expert + 1 - layerRows.count) }
      layerRows[expert] += sample.value
      rows[layer] = layerRows
    }
    guard !rows.isEmpty else {
      throw .unsuitable(
        "no infer_expert_rows_total; expected /metrics of a server that has computed a model with experts")
    }
    self.rows = rows
  }

  /// The mean over layers of the busiest rank's part of all rows, where ranks have the experts that `share` deals out.
  package func busiestPart(_ share: ModelShare) throws(ModelError) -> Double {
    var (sum, layers) = (0.0, 0)
    for (layer, rows) in rows {
      let total = rows.reduce(0, +)
      guard total > 0 else { continue }
      var busiest = 0.0
      for rank in 0..<share.count {
        let part = try share.of(rank).experts(of: rows.count, layer: layer).reduce(0) { $0 + rows[$1] }
        busiest = max(busiest, part / total)
      }
      sum += busiest
      layers += 1
    }
    return layers > 0 ? sum / Double(layers) : 0
  }

  /// Eight bytes that tell loads from others.
  package var digest: [UInt8] {
    var hash = SHA256()
    for (layer, rows) in rows.sorted(by: { $0.key < $1.key }) {
      hash.update(data: [UInt64(layer), UInt64(rows.count)].littleEndianBytes)
      hash.update(data: rows.map(\.bitPattern).littleEndianBytes)
    }
    return Array(hash.finalize().prefix(8))
  }
}
