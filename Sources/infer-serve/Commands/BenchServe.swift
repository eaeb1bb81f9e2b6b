import ArgumentParser
import Foundation
import Glibc
import InferCore
import InferText
import NIOPosix
import UnixSignals

/// `infer-serve bench-serve`: how a server of completions does under a workload.
struct BenchServe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-serve",
    abstract: "Measures a server under random, recorded or conversational load.",
    discussion: """
      Works with every server of OpenAI's completions. Requests are sent at their times, whatever became of those \
      before: random prompts at --request-rate, a trace's at its own times. Prompts are words, of which there are as \
      many as the server's /tokenize says it takes; what they came to is what the server reports. Options and results \
      have the names of `vllm bench serve`, also --num-prompts, --random-input-len and the like.

      Traces: azure, the CSV of Azure's LLM inference traces; mooncake, whose blocks with equal numbers become equal \
      text. Conversations: each turn is sent after the answer to the one before it, which the history then holds; with \
      --max-concurrency 1 all take turns.

      An interrupt ends the run and reports what was measured by then.
      """)

  @OptionGroup(title: "Workload") var workload: ReplayWorkloadOptions
  @OptionGroup(title: "Server") var server: ReplayServerOptions

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Requests under way at most; others wait.", valueName: "count"))
  var maxConcurrency: Int?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Latencies in ms that good requests keep within, such as ttft:500 tpot:50 e2el:10000.", valueName: "name:ms"))
  var goodput: [LatencyTarget] = []

  @Option(help: ArgumentHelp("Percentiles to report.", valueName: "numbers"))
  var metricPercentiles = PercentileList([90, 99])

  @Option(
    name: [.customLong("json"), .customLong("result-filename")],
    help: ArgumentHelp("Also write the results as JSON.", valueName: "FILE"), transform: PathArgument.init)
  var json: PathArgument?

  @Flag(help: "Write every request's lengths, times, text and error into the JSON as well.")
  var saveDetailed = false

  func validate() throws {
    try require(1...1_000_000, "max-concurrency", maxConcurrency)
    guard saveDetailed, json == nil else { return }
    throw ValidationError("--save-detailed needs --json")
  }

  func run() async throws {
    let isChat = workload.conversations != nil
    let sessions = try workload.sessions()
    let target = try server.target(forConversations: isChat)
    try checkOutput()
    _ = ConnectionLimits.raiseDescriptorLimit()
    let client = ReplayClient(
      target, timeout: .seconds(server.requestTimeout), threads: min(4, availableProcessorCount()))
    let result: Result<ReplayReport, any Error>
    do { result = .success(try await measure(sessions, client)) } catch { result = .failure(error) }
    await client.shutdown()
    try tell(try result.get(), of: sessions.requestCount)
  }

  private func measure(_ sessions: [ReplaySession], _ client: ReplayClient) async throws -> ReplayReport {
    let preparation = try await ReplayPreparation(
      client, model: server.model,
      template: server.template(client.target.api, forConversations: workload.conversations != nil),
      seed: workload.seed, patience: .seconds(server.readyCheckTimeoutSec))
    let driver = ReplayDriver(
      await preparation.prepare(sessions), on: client.group.next(), concurrency: maxConcurrency, send: client.complete,
      describe: client.describe)
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    let watcher = Task {
      for await arrived in signals {
        driver.stop()
        // Who does not want to wait for the report says so again.
        signal(arrived.rawValue, SIG_DFL)
      }
    }
    let reporter = Task { await ReplayProgressWriter().follow(driver) }
    let (outcomes, duration) = try await driver.run()
    reporter.cancel()
    await reporter.value
    watcher.cancel()
    return ReplayReport(
      summary: ReplaySummary(outcomes, duration: duration, targets: goodput),
      settings: settings(preparation.template.model, client.target, sessions), percentiles: metricPercentiles.values,
      rate: workload.requestRate, concurrency: maxConcurrency)
  }

  private func settings(_ model: String, _ target: ReplayTarget, _ sessions: [ReplaySession]) -> JSONObject {
    let rate = workload.requestRate
    return [
      "date": .string(Date.now.ISO8601Format()), "backend": .string(target.api.rawValue), "model_id": .string(model),
      "base_url": .string(target.base), "endpoint": .string(target.endpoint), "dataset_name": .string(workload.kind),
      "num_prompts": .integer(sessions.requestCount),
      "request_rate": rate.map { $0.isFinite ? .number($0) : "inf" } ?? (workload.trace == nil ? "inf" : "trace"),
      "burstiness": .number(workload.burstiness), "rate_scale": .number(workload.rateScale ?? 1),
      "length_scale": .number(workload.lengthScale ?? 1), "seed": .integer(Int(clamping: workload.seed)),
      "max_concurrency": maxConcurrency.map(JSONValue.integer) ?? .null,
    ]
  }

  private func tell(_ report: ReplayReport, of requests: Int) throws {
    let summary = report.summary
    for (reason, count) in summary.failures.prefix(8) {
      note("infer-serve: \(count) failed: \(reason)")
    }
    try emit(report.text)
    if let json {
      let text = report.json(details: saveDetailed).serialized(.pretty) + "\n"
      do { try Data(text.utf8).write(to: json.url, options: .atomic) } catch {
        throw CommandFailure("--json: cannot write \(json): \(error.localizedDescription)")
      }
    }
    let ended = summary.succeeded.count + summary.failed.count
    if ended < requests { throw CommandFailure("interrupted when \(ended) of \(requests) requests had ended") }
    if summary.succeeded.isEmpty { throw CommandFailure("no request succeeded") }
  }

  /// Refuses a place for the results that does not exist before anything is measured.
  private func checkOutput() throws {
    guard let json else { return }
    let folder = json.url.deletingLastPathComponent().path
    var isFolder: ObjCBool = false
    let isThere = unsafe FileManager.default.fileExists(atPath: json.description, isDirectory: &isFolder)
    guard FileManager.default.isWritableFile(atPath: folder), !(isThere && isFolder.boolValue) else {
      throw CommandFailure("--json: cannot write \(json)")
    }
  }
}

/// Percentiles on the command line: `90,99.9`.
struct PercentileList: ExpressibleByArgument {
  let values: [Double]

  init(_ values: [Double]) { self.values = values }

  init?(argument: String) {
    values = argument.split(separator: ",", omittingEmptySubsequences: false).compactMap { Double($0) }
    guard values.count == argument.count(where: { $0 == "," }) + 1, values.allSatisfy((0...100).contains) else {
      return nil
    }
  }

  var defaultValueDescription: String { values.map(Quantity.decimal).joined(separator: ",") }
}

extension LatencyTarget: ExpressibleByArgument {
  init?(argument: String) { self.init(argument) }
}
