import Foundation
import InferCore
import InferText

/// Prints what it costs threads to begin and end together, and the work that they would share.
struct BarrierReport {
  /// The regions of all steps of a test, computed by one thread.
  struct Work {
    var test: BenchTest
    var regions: [RegionLog.Region]
  }

  /// The measurements for each number of threads.
  let costs: [(threads: Int, costs: [BarrierCost])]
  let works: [Work]

  /// Markdown tables: costs, as medians and from least to most, and work.
  var tables: String {
    var lines = [
      "| threads | empty region, ns | min … max | cache line there and back, ns | shared addition, ns |",
      "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for (threads, costs) in costs {
      let regions = Samples(costs.map { $0.region * 1e9 })
      lines.append(
        "| \(threads) | \(Self.number(regions.median)) | \(Self.number(regions.least)) … \(Self.number(regions.most)) | "
          + "\(Self.median(costs.compactMap(\.roundTrip))) | \(Self.median(costs.compactMap(\.sharedAdd))) |")
    }
    guard !works.isEmpty else { return lines.joined(separator: "\n") + "\n" }
    lines += [
      "", "| test, one thread | regions | items | µs of an item, median | longest | ms of items | ms between regions |",
      "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for work in works {
      let items = work.regions.flatMap(\.items).map(Double.init)
      guard !items.isEmpty else { continue }
      let samples = Samples(items)
      let cells = [
        work.test.name, "\(work.regions.count)", "\(items.count)", String(format: "%.1f", samples.median / 1e3),
        String(format: "%.1f", samples.most / 1e3), String(format: "%.2f", items.reduce(0, +) / 1e6),
        String(format: "%.2f", Double(work.regions.reduce(0) { $0 + $1.gap }) / 1e6),
      ]
      lines.append("| \(cells.joined(separator: " | ")) |")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func number(_ value: Double) -> String { String(format: "%.0f", value) }

  /// Of seconds, in nanoseconds.
  private static func median(_ seconds: [Double]) -> String {
    seconds.isEmpty ? "-" : String(format: "%.1f", Samples(seconds).median * 1e9)
  }

  /// One object: medians of costs in nanoseconds by number of threads, and the regions of each test, with nanoseconds of
  /// each item.
  var json: JSONValue {
    [
      "barriers": .array(
        costs.map { threads, costs in
          var members: JSONObject = [
            "n_threads": .integer(threads), "region_ns": .number(Samples(costs.map(\.region)).median * 1e9),
          ]
          let (trips, adds) = (costs.compactMap(\.roundTrip), costs.compactMap(\.sharedAdd))
          if !trips.isEmpty { members["round_trip_ns"] = .number(Samples(trips).median * 1e9) }
          if !adds.isEmpty { members["shared_add_ns"] = .number(Samples(adds).median * 1e9) }
          return .object(members)
        }),
      "tests": .array(
        works.map { work in
          [
            "test": .string(work.test.name),
            "regions": .array(
              work.regions.map { region in
                ["gap_ns": .integer(region.gap), "items_ns": .array(region.items.map { .integer($0) })]
              }),
          ]
        }),
    ]
  }
}
