import Foundation
import InferText

/// Sums of what was used, by whatever tells them apart, with their prices.
struct UsageReport: Equatable {
  /// What tells sums apart.
  enum Grouping: String, CaseIterable, Sendable { case hour, day, key, model }

  /// One sum.
  struct Line: Equatable {
    /// The value of each grouping.
    var groups: [String]
    var counts = UsageCounts()
    /// The price of all models that have one; `nil` where none has.
    var cost: Double?
  }

  let groupings: [Grouping]
  let currency: String
  let lines: [Line]

  /// Sums rows up.
  ///
  /// - Complexity: O(rows · log rows).
  init(_ rows: [UsageRow], by groupings: [Grouping], prices: PriceTable) {
    self.groupings = groupings
    currency = prices.currency
    var sums: [[String]: Line] = [:]
    for row in rows {
      let groups = groupings.map { Self.value(of: $0, in: row) }
      var line = sums[groups] ?? Line(groups: groups)
      line.counts += row.counts
      if let cost = prices[row.payer.model]?.cost(of: row.counts) { line.cost = (line.cost ?? 0) + cost }
      sums[groups] = line
    }
    lines = sums.values.sorted { $0.groups.lexicographicallyPrecedes($1.groups) }
  }

  private static func value(of grouping: Grouping, in row: UsageRow) -> String {
    switch grouping {
    case .hour: Timestamp.text(Date(timeIntervalSince1970: Double(row.hour) * 3600))
    case .day: String(Timestamp.text(Date(timeIntervalSince1970: Double(row.hour) * 3600)).prefix(10))
    case .key: row.payer.key
    case .model: row.payer.model
    }
  }

  /// The names of a line's values.
  var columns: [String] {
    groupings.map(\.rawValue) + [
      "requests", "prompt_tokens", "cached_tokens", "generated_tokens", "reasoning_tokens", "seconds", "cost",
    ]
  }

  /// A line's values as text; that of no price is empty.
  func values(of line: Line) -> [String] {
    let counts = line.counts
    let numbers = [
      counts.requests, counts.promptTokens, counts.cachedTokens, counts.generatedTokens, counts.reasoningTokens,
    ]
    let seconds = String(format: "%.3f", counts.seconds)
    return line.groups + numbers.map(String.init) + [seconds, line.cost.map(Self.text) ?? ""]
  }

  /// A cost: six decimals, and more where it has them, of which a sum of small ones would lack them.
  private static func text(_ cost: Double) -> String {
    var text = String(format: "%.9f", cost)
    for _ in 0..<3 where text.utf8.last == UInt8(ascii: "0") { text.removeLast() }
    return text
  }

  /// For programs.
  var json: JSONValue {
    let data = lines.map { line -> JSONValue in
      var object: JSONObject = [:]
      for (grouping, value) in zip(groupings, line.groups) { object[grouping.rawValue] = .string(value) }
      let counts = line.counts
      object["requests"] = .integer(counts.requests)
      object["prompt_tokens"] = .integer(counts.promptTokens)
      object["cached_tokens"] = .integer(counts.cachedTokens)
      object["generated_tokens"] = .integer(counts.generatedTokens)
      object["reasoning_tokens"] = .integer(counts.reasoningTokens)
      object["seconds"] = .number(counts.seconds)
      object["cost"] = line.cost.map { .number($0) } ?? .null
      return .object(object)
    }
    return ["object": "list", "currency": .string(currency), "data": .array(data)]
  }

  /// For spreadsheets (RFC 4180).
  var csv: String {
    ([columns] + lines.map(values)).map { $0.map(Self.cell).joined(separator: ",") + "\r\n" }.joined()
  }

  private static func cell(_ text: String) -> String {
    // What begins like a formula is none: some programs compute those of files that they open.
    let isFormula = text.utf8.first.map { [0x3d, 0x2b, 0x2d, 0x40].contains($0) } ?? false
    let needsQuotes = isFormula || text.utf8.contains { [0x22, 0x2c, 0x0d, 0x0a].contains($0) }
    guard needsQuotes else { return text }
    return "\"" + (isFormula ? "'" : "") + text.replacing("\"", with: "\"\"") + "\""
  }
}
