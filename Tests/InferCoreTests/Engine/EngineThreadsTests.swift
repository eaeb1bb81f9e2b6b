import Foundation
import Glibc
import TestSupport
import Testing

@testable import InferCore

/// The engine's threads as the system has them.
@Suite(.timeLimit(.minutes(10))) struct EngineThreadsTests {
  @Test func threadsHaveNames() async throws {
    await #expect(processExitsWith: .success) {
      let engine = try Engine(model: HashModel(), configuration: smallConfiguration { $0.threads = 4 })
      // A thread names itself when it first runs.
      _ = await Collected(
        try engine.submit(GenerationRequest(prompt: [1], stop: try StopConditions(maxTokens: 2))))
      let expected: Set = ["infer-engine", "infer-worker-1", "infer-worker-2", "infer-worker-3"]
      for _ in 0..<1000 {
        let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
        let names = tasks.compactMap { try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8) }
        if expected.isSubset(of: names.map { $0.trimmingCharacters(in: .newlines) }) {
          return await engine.shutdown()
        }
        try await Task.sleep(for: .milliseconds(10))
      }
      preconditionFailure("no threads named \(expected)")
    }
  }

  /// Stacks need address space: with little of it, the system starts a few threads and no more.
  @Test func anEngineWithoutItsThreadsIsRefused() async {
    await #expect(processExitsWith: .success) {
      func threadCount() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
      }
      let statm = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
      let pages = statm.split(separator: " ").first.flatMap { UInt($0) } ?? 0
      let before = try threadCount()
      var limit = rlimit()
      unsafe getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
      limit.rlim_cur = pages * 4096 + 1 << 30
      unsafe setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
      do throws(ConfigurationError) {
        var configuration = EngineConfiguration()
        (configuration.threads, configuration.kvCacheMiB, configuration.stateCacheMiB) = (1000, 8, 8)
        _ = try Engine(model: HashModel(), configuration: configuration)
        preconditionFailure("a thousand threads in a gibibyte")
      } catch {
        precondition(error.property == .threads, "\(error)")
        precondition(error.reason.hasPrefix("cannot be 1000: the system starts no thread infer-work"), error.reason)
      }
      // Those that did start have been waited for; others may belong to the runtime.
      let after = try threadCount()
      precondition(after < before + 20, "\(after - before) threads are left")
    }
  }
}
