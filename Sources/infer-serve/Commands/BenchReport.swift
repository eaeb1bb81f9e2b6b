import Foundation
import HybridBlocks
import InferCore
import InferText

/// Prints results in the manner of llama-bench and llama-batched-bench.
struct BenchReport {
  let loaded: LoadedModel
  let path: String
  let kvType: KVType
  let batchTokens: Int
  /// The temperature at which tokens were chosen; `nil` where none were.
  var temperature: Float?

  /// Markdown tables: the machine's limits, single sequences, batches. Rates are medians, spreads are from least to
  /// most.
  func tables(_ results: [BenchResult]) -> String {
    let (single, batches) = (results.filter { !$0.test.isBatch }, results.filter(\.test.isBatch))
    var tables: [String] = []
    let limits = RooflineReport(results.flatMap(\.limits), threads: results.first?.threads ?? 1)
    let hasSeveral = Set(results.map(\.threads)).count > 1
    if let limits { tables.append(limits.table) }
    if !single.isEmpty {
      let names = ["model", "size", "params", "threads", "test", "t/s", "min … max", "MiB/step", "MFLOP/token"]
      let rows = single.map { result in
        singleRow(result) + (hasSeveral ? [efficiency(result, results, \.seconds)] : [])
      }
      tables.append(
        table(
          names + samplingName + (limits == nil ? [] : ["of roof"]) + (hasSeveral ? ["efficiency"] : []), rows,
          leading: 1))
    }
    if !batches.isEmpty {
      let names = ["PP", "TG", "B", "N_KV", "T_PP s", "S_PP t/s", "T_TG s", "S_TG t/s", "T s", "S t/s", "MiB/step"]
      let rows = batches.map { result in
        batchRow(result)
          + (hasSeveral
            ? [
              "\(result.threads)", efficiency(result, results, \.promptSeconds),
              efficiency(result, results, \.generationSeconds),
            ] : [])
      }
      tables.append(
        table(
          names + samplingName + (limits == nil ? [] : ["PP of roof", "TG of roof"])
            + (hasSeveral ? ["threads", "PP efficiency", "TG efficiency"] : []), rows))
    }
    return tables.joined(separator: "\n")
  }

  /// The result that others of the same test are held against: the first one.
  private func base(_ result: BenchResult, _ results: [BenchResult]) -> BenchResult {
    results.first { $0.test == result.test } ?? result
  }

  private func efficiency(
    _ result: BenchResult, _ results: [BenchResult], _ time: KeyPath<BenchResult, [Double]>
  ) -> String {
    result.efficiency(beside: base(result, results), time).map { String(format: "%.3f", $0) } ?? "-"
  }

  private var samplingName: [String] { temperature == nil ? [] : ["sampling"] }

  private func samplingShare(_ result: BenchResult) -> [String] {
    temperature == nil ? [] : [String(format: "%.1f %%", result.samplingShare * 100)]
  }

  /// A table whose first `leading` columns are text.
  private func table(_ names: [String], _ rows: [[String]], leading: Int = 0) -> String {
    let rule = names.indices.map { $0 < leading ? "---" : "---:" }
    return ([names, rule] + rows).map { "| \($0.joined(separator: " | ")) |\n" }.joined()
  }

  private func singleRow(_ result: BenchResult) -> [String] {
    let rates = Samples(result.rates)
    let share = result.roofline.map { [String(format: "%.2f", $0.share(result))] } ?? []
    return [
      loaded.name, Quantity.mebibytes(loaded.summary.weightBytes), Quantity.count(loaded.summary.parameterCount),
      "\(result.threads)", result.test.name, String(format: "%.2f", rates.median),
      String(format: "%.2f … %.2f", rates.least, rates.most),
      String(format: "%.1f", result.bytesPerStep / 1_048_576), String(format: "%.1f", result.operationsPerToken / 1e6),
    ] + samplingShare(result) + share
  }

  private func batchRow(_ result: BenchResult) -> [String] {
    let row = BatchRow(result)
    let numbers = [row.promptTime, row.promptRate, row.generateTime, row.generateRate, row.time, row.rate]
    let shares = result.roofline.map { [$0.promptShare(result), $0.generationShare(result)] } ?? []
    return ["\(result.test.prompt)", "\(result.test.generate)", "\(result.test.batch)", "\(row.tokens)"]
      + numbers.enumerated().map { String(format: $0.offset % 2 == 0 ? "%.3f" : "%.2f", $0.element) }
      + [String(format: "%.1f", result.bytesPerStep / 1_048_576)] + samplingShare(result)
      + shares.map { String(format: "%.2f", $0) }
  }

  /// An array with llama-bench's fields for every test, and llama-batched-bench's for batches as well; and what a
  /// step must read, what a token must compute, and, where the machine's limits are known, the share of them; with several
  /// numbers of threads also what each thread is worth beside those of the first.
  func json(_ results: [BenchResult]) -> JSONValue {
    let hasSeveral = Set(results.map(\.threads)).count > 1
    return .array(results.map { object($0, base: hasSeveral ? base($0, results) : nil) })
  }

  private func object(_ result: BenchResult, base: BenchResult?) -> JSONValue {
    let test = result.test
    let times = Samples(result.seconds.map { $0 * 1e9 })
    let rates = Samples(result.rates)
    var members: JSONObject = [
      "test": .string(test.name), "model_filename": .string(path), "model_type": .string(modelType),
      "model_size": .integer(loaded.summary.weightBytes), "model_n_params": .integer(loaded.summary.parameterCount),
      "n_batch": .integer(batchTokens), "n_threads": .integer(result.threads), "type_k": .string(kvType.rawValue),
      "type_v": .string(kvType.rawValue), "n_prompt": .integer(test.prompt), "n_gen": .integer(test.generate),
      "n_depth": .integer(test.depth), "test_time": .string(result.date.ISO8601Format()),
      "avg_ns": .integer(Int(times.mean)), "stddev_ns": .integer(Int(times.deviation)),
      "avg_ts": .number(rates.mean), "stddev_ts": .number(rates.deviation), "median_ts": .number(rates.median),
      "samples_ns": .array(times.values.map { .integer(Int($0)) }),
      "samples_ts": .array(rates.values.map { .number($0) }),
      "bytes_per_step": .number(result.bytesPerStep), "flops_per_token": .number(result.operationsPerToken),
    ]
    if let temperature {
      members["temperature"] = .number(Double(temperature))
      members["sampling_share"] = .number(result.samplingShare)
    }
    if let roofline = result.roofline {
      members["roof_share"] = .number(roofline.share(result))
      members.merge(RooflineReport.members(roofline)) { old, _ in old }
    }
    if let base {
      let parts: [(String, KeyPath<BenchResult, [Double]>)] = [
        ("parallel_efficiency", \.seconds), ("parallel_efficiency_pp", \.promptSeconds),
        ("parallel_efficiency_tg", \.generationSeconds),
      ]
      for (name, time) in parts { members[name] = result.efficiency(beside: base, time).map { .number($0) } }
    }
    if test.isBatch { addBatch(result, to: &members) }
    return .object(members)
  }

  private func addBatch(_ result: BenchResult, to members: inout JSONObject) {
    let row = BatchRow(result)
    members["pp"] = .integer(result.test.prompt)
    members["tg"] = .integer(result.test.generate)
    members["pl"] = .integer(result.test.batch)
    members["n_kv"] = .integer(row.tokens)
    members["t_pp"] = .number(row.promptTime)
    members["speed_pp"] = .number(row.promptRate)
    members["t_tg"] = .number(row.generateTime)
    members["speed_tg"] = .number(row.generateRate)
    members["t"] = .number(row.time)
    members["speed"] = .number(row.rate)
    guard let roofline = result.roofline else { return }
    members["roof_share_pp"] = .number(roofline.promptShare(result))
    members["roof_share_tg"] = .number(roofline.generationShare(result))
  }

  /// The family, and the format that most weights have: `granitemoehybrid BF16`.
  private var modelType: String { "\(loaded.summary.family) \(loaded.summary.mainFormat)" }
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
    promptTime = Samples(result.prompts.map(\.seconds)).median
    promptRate = Double(test.batch * test.prompt) / promptTime
    generateTime = Samples(result.generations.map(\.seconds)).median
    generateRate = Double(test.batch * test.generate) / generateTime
    time = Samples(result.seconds).median
    rate = Double(tokens) / time
  }
}
