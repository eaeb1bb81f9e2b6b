import Foundation
import HybridBlocks
import InferCore
import OrderedCollections

/// Prints results in the manner of llama-bench and llama-batched-bench.
struct BenchReport {
  let loaded: LoadedModel
  let path: String
  let threads: Int
  let kvType: KVType
  let batchTokens: Int

  /// Two Markdown tables: single sequences, then batches. Rates are medians, spreads are from least to most.
  func tables(_ results: [BenchResult]) -> String {
    let single = results.filter { !$0.test.isBatch }
    let batches = results.filter(\.test.isBatch)
    var text = ""
    if !single.isEmpty {
      text +=
        "| model | size | params | threads | test | t/s | min … max |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
      text += single.map(singleRow).joined()
    }
    if !batches.isEmpty {
      text += single.isEmpty ? "" : "\n"
      text += "| PP | TG | B | N_KV | T_PP s | S_PP t/s | T_TG s | S_TG t/s | T s | S t/s |\n"
      text += "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
      text += batches.map(batchRow).joined()
    }
    return text
  }

  private func singleRow(_ result: BenchResult) -> String {
    let rates = Samples(result.rates)
    let summary = loaded.summary
    let cells = [
      loaded.name, Quantity.mebibytes(summary.weightBytes), Quantity.count(summary.parameterCount), "\(threads)",
      result.test.name, String(format: "%.2f", rates.median),
      String(format: "%.2f … %.2f", rates.least, rates.most),
    ]
    return "| \(cells.joined(separator: " | ")) |\n"
  }

  private func batchRow(_ result: BenchResult) -> String {
    let row = BatchRow(result)
    let numbers = [row.promptTime, row.promptRate, row.generateTime, row.generateRate, row.time, row.rate]
    let cells =
      ["\(result.test.prompt)", "\(result.test.generate)", "\(result.test.batch)", "\(row.tokens)"]
      + numbers.enumerated().map { String(format: $0.offset % 2 == 0 ? "%.3f" : "%.2f", $0.element) }
    return "| \(cells.joined(separator: " | ")) |\n"
  }

  /// An array with llama-bench's fields for every test, and llama-batched-bench's for batches as well.
  func json(_ results: [BenchResult]) -> JSONValue { .array(results.map(object)) }

  private func object(_ result: BenchResult) -> JSONValue {
    let test = result.test
    let times = Samples(result.seconds.map { $0 * 1e9 })
    let rates = Samples(result.rates)
    var members: OrderedDictionary<String, JSONValue> = [
      "test": .string(test.name), "model_filename": .string(path), "model_type": .string(loaded.summary.family),
      "model_size": .integer(loaded.summary.weightBytes), "model_n_params": .integer(loaded.summary.parameterCount),
      "n_batch": .integer(batchTokens), "n_threads": .integer(threads), "type_k": .string(kvType.rawValue),
      "type_v": .string(kvType.rawValue), "n_prompt": .integer(test.prompt), "n_gen": .integer(test.generate),
      "n_depth": .integer(test.depth), "test_time": .string(result.date.ISO8601Format()),
      "avg_ns": .integer(Int(times.mean)), "stddev_ns": .integer(Int(times.deviation)),
      "avg_ts": .number(rates.mean), "stddev_ts": .number(rates.deviation), "median_ts": .number(rates.median),
      "samples_ns": .array(times.values.map { .integer(Int($0)) }),
      "samples_ts": .array(rates.values.map { .number($0) }),
    ]
    if test.isBatch {
      let row = BatchRow(result)
      members["pp"] = .integer(test.prompt)
      members["tg"] = .integer(test.generate)
      members["pl"] = .integer(test.batch)
      members["n_kv"] = .integer(row.tokens)
      members["t_pp"] = .number(row.promptTime)
      members["speed_pp"] = .number(row.promptRate)
      members["t_tg"] = .number(row.generateTime)
      members["speed_tg"] = .number(row.generateRate)
      members["t"] = .number(row.time)
      members["speed"] = .number(row.rate)
    }
    return .object(members)
  }
}

extension BenchResult {
  /// Seconds of each measurement.
  fileprivate var seconds: [Double] { zip(promptTimes, generateTimes).map { ($0 + $1) / .seconds(1) } }
  /// Tokens a second of each measurement.
  fileprivate var rates: [Double] {
    seconds.map { Double((test.prompt + test.generate) * test.batch) / $0 }
  }
}

/// The numbers of a batch: medians.
private struct BatchRow {
  let tokens: Int
  let promptTime: Double
  let promptRate: Double
  let generateTime: Double
  let generateRate: Double
  let time: Double
  let rate: Double

  init(_ result: BenchResult) {
    let test = result.test
    tokens = test.batch * (test.prompt + test.generate)
    promptTime = Samples(result.promptTimes.map { $0 / .seconds(1) }).median
    promptRate = Double(test.batch * test.prompt) / promptTime
    generateTime = Samples(result.generateTimes.map { $0 / .seconds(1) }).median
    generateRate = Double(test.batch * test.generate) / generateTime
    time = Samples(result.seconds).median
    rate = Double(tokens) / time
  }
}
