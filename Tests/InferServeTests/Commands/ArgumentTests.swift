import ArgumentParser
import HybridBlocks
import InferCore
import Logging
import TestSupport
import Testing

@testable import infer_serve

struct ArgumentTests {
  private func parse<Command: ParsableCommand>(_ type: Command.Type, _ line: String) throws -> Command {
    let command = try InferServe.parseAsRoot(line.split(separator: " ").map(String.init))
    return try #require(command as? Command)
  }

  /// The one line that a wrong command line is answered with.
  private func complaint(_ arguments: [String]) -> (line: String, code: Int32)? {
    do {
      _ = try InferServe.parseAsRoot(arguments)
      return nil
    } catch {
      return (InferServe.message(for: error), InferServe.exitCode(for: error).rawValue)
    }
  }

  @Test func serveTakesItsOptions() throws {
    let serve = try parse(
      Serve.self,
      """
      serve --model Models/tiny --host 0.0.0.0 --port 0 --threads 3 --kv-cache-mib 64 --state-cache-mib 32 \
      --cold-state-mib 16 --max-batch-tokens 256 --max-running 8 --max-queue 4 --max-context 1000 --kv-type f32 --page-tokens 32 \
      --max-body-kib 16 --request-timeout 5 --drain-timeout 0 --idle-timeout 3 --log-level debug --log-format json \
      --served-model-name a/b,c --keep-alive-interval 0 --served-model-name d e
      """)
    #expect(serve.settings.model?.description == "Models/tiny" && serve.settings.computing.threadCount == 3)
    #expect(serve.listening.host == "0.0.0.0" && serve.listening.port == 0 && serve.requests.maxBodyKib == 16)
    #expect(serve.requests.requestTimeout == 5 && serve.drainTimeout == 0 && serve.listening.idleTimeout == 3)
    #expect(serve.settings.serving.names == ["a/b", "c", "d", "e"] && serve.requests.keepAliveInterval == 0)
    #expect(serve.log.logLevel == .debug && serve.log.logFormat == .json)
    let configuration = serve.settings.engineConfiguration
    #expect(configuration.threads == 3 && configuration.kvCacheMiB == 64 && configuration.stateCacheMiB == 32)
    #expect(configuration.coldStateMiB == 16)
    #expect(configuration.maxBatchTokens == 256 && configuration.maxRunning == 8 && configuration.maxQueue == 4)
    #expect(configuration.maxContext == 1000 && configuration.kvType == .f32 && configuration.pageTokens == 32)
  }

  @Test func defaultsAreThoseOfTheEngine() throws {
    let serve = try parse(Serve.self, "serve --model x")
    #expect(serve.listening.addresses == [.network(host: "127.0.0.1", port: 8080)])
    let configuration = serve.settings.engineConfiguration
    #expect(configuration.kvType == .f16 && configuration.maxQueue == EngineConfiguration().maxQueue)
    #expect(configuration.kvCacheMiB == EngineConfiguration().kvCacheMiB && serve.settings.serving.overflow == .error)
    let automatic = try parse(Serve.self, "serve --model x --kv-cache-mib auto --overflow shift")
    #expect(automatic.settings.engineConfiguration.kvCacheMiB == nil && automatic.settings.serving.overflow == .shift)
    #expect(try parse(Logits.self, "logits --model x --tokens 1 --output y").kvType == .f32)
    #expect(try parse(Generate.self, "generate --model x --tokens 1").engine.kvType == .f16)
    #expect(try parse(Bench.self, "bench --model x").measurement.kvType == .f16)
  }

  @Test func weightsAreQuantisedOnRequest() throws {
    #expect(try parse(Serve.self, "serve --model x").settings.computing.loading.quantizing.quantization == nil)
    for (line, format, head) in [
      ("serve --model x --quantize q8_0", WeightFormat.q8_0, WeightFormat.q8_0),
      ("serve --model x --quantize Q4_K_M", .q4_K, .q6_K),
      ("serve --model x --quantize Q4_0 --quantize-head q5_k", .q4_0, .q5_K),
    ] {
      let quantization = try parse(Serve.self, line).settings.computing.loading.quantizing.quantization
      #expect(quantization?.format == format && quantization?.headFormat == head)
    }
  }

  @Test func promptsAreTokensTextOrAChat() throws {
    let generate = try parse(
      Generate.self, "generate --model x --tokens 5,17,9 --seed 7 --stop a --stop b --logit-bias 17:-100 --json")
    #expect(generate.prompt.tokens?.ids == [5, 17, 9])
    #expect(generate.sampling.seed == 7 && generate.sampling.stop == ["a", "b"] && generate.json)
    #expect(try generate.sampling.sampling(GenerationDefaults()).logitBias == [17: -100])
    let logits = try parse(Logits.self, "logits --model x --tokens 1,2 --tokens 3 --chunk 5 --output y --config z")
    #expect(logits.tokens.map(\.ids) == [[1, 2], [3]] && logits.chunk == 5 && logits.config?.description == "z")
  }

  @Test func limitsNeedNoModel() throws {
    let bench = try parse(Bench.self, "bench --roofline --threads 3")
    #expect(bench.model == nil && bench.roofline && bench.threadCounts == [3])
    #expect(try !parse(Bench.self, "bench --model x").roofline)
  }

  @Test func batchesMayHavePromptsOfTheirOwn() throws {
    let model = HashModel()
    func names(_ line: String) throws -> [String] {
      try parse(Bench.self, "bench --model x --generate-tokens 4 --batch 2 --depth 0,9 \(line)")
        .measurement.tests(for: model).map(\.name)
    }
    #expect(
      try names("--prompt-tokens 5") == ["pp5", "tg4", "pp5 @ d9", "tg4 @ d9", "pp5+tg4 b2"])
    #expect(
      try names("--prompt-tokens 5 --batch-prompt-tokens 7")
        == ["pp5", "tg4", "pp5 @ d9", "tg4 @ d9", "pp7+tg4 b2"])
    #expect(try names("--prompt-tokens 0 --batch-prompt-tokens 0") == ["tg4", "tg4 @ d9"])
    #expect(throws: CommandFailure.self) { try names("--prompt-tokens 4096") }
  }

  /// A value that begins like an option is a value all the same.
  @Test(arguments: [
    (["generate", "--tokens", "1", "--temperature", "-1"], "--temperature must be"),
    (["generate", "--tokens", "1", "--max-tokens", "-1"], "--max-tokens must be"),
    (["generate", "--tokens", "1", "--logit-bias", "-3:1"], "The value '-3:1' is invalid for '--logit-bias"),
    (["generate", "--tokens", "-1"], "The value '-1' is invalid for '--tokens"),
    (["serve", "--max-queue", "-1"], "--max-queue must be between 0 and"),
    (["serve", "--port", "-1"], "--port must be between 0 and 65535, not -1"),
    (["bench", "--repetitions", "-1"], "--repetitions must be between 1 and 10000, not -1"),
    (["logits", "--tokens", "1", "--output", "y", "--chunk", "-1"], "--chunk must be between 1 and"),
  ])
  func negativeValuesAreJudged(arguments: [String], message: String) throws {
    let complaint = try #require(self.complaint(arguments + ["--model", "x"]))
    #expect(complaint.line.contains(message), "\(complaint.line)")
  }

  @Test func seedsAreThoseOfRequests() throws {
    let generate = try parse(Generate.self, "generate --model x --tokens 1 --seed -3 --presence-penalty -0.5")
    let sampling = try generate.sampling.sampling(GenerationDefaults())
    #expect(sampling.seed == UInt64(bitPattern: -3) && sampling.presencePenalty == -0.5)
  }

  static let wrong: [(arguments: [String], names: String)] = [
    (["serve"], "--model"),
    (["serve", "--model", "x", "--port", "99999"], "--port"),
    (["serve", "--model", "x", "--port", "-1"], "--port"),
    (["serve", "--model", "x", "--port", "http"], "--port"),
    (["serve", "--model", "x", "--threads", "0"], "--threads"),
    (["serve", "--model", "x", "--kv-cache-mib", "-3"], "--kv-cache-mib"),
    (["serve", "--model", "x", "--kv-cache-mib", "some"], "--kv-cache-mib"),
    (["serve", "--model", "x", "--overflow", "drop"], "--overflow"),
    (["serve", "--model", "x", "--kv-type", "q9"], "--kv-type"),
    (["serve", "--model", "x", "--max-running", "1000"], "--max-batch-tokens"),
    (["serve", "--model", "x", "--request-timeout", "0"], "--request-timeout"),
    (["serve", "--model", "x", "--drain-timeout", "nan"], "--drain-timeout"),
    (["serve", "--model", "x", "--log-level", "loud"], "--log-level"),
    (["serve", "--model", "x", "--frobnicate"], "--frobnicate"),
    (["serve", "--model", "x", "--kv-events-hwm", "9"], "--kv-events-hwm needs --kv-events-endpoint"),
    (["serve", "--model", "x", "--kv-events-endpoint", "5557"], "expected tcp://*:PORT"),
    (["serve", "--model", "x", "--quantize", "Q3"], "--quantize Q3 is unknown: F32, F16"),
    (["serve", "--model", "x", "--quantize"], "--quantize"),
    (["serve", "--model", "x", "--quantize", "Q4_K", "--quantize-head", "Q4_K_M"], "--quantize-head"),
    (["logits", "--model", "x", "--tokens", "1", "--output", "y", "--quantize-head", "Q8_0"], "needs --quantize"),
    (["generate", "--model", "x"], "--chat"),
    (["generate", "--model", "x", "--chat", "a", "--tokens", "1"], "--chat"),
    (["generate", "--model", "x", "--tokens", "1,,2"], "--tokens"),
    (["generate", "--model", "x", "--tokens", "-1"], "--tokens"),
    (["generate", "--model", "x", "--tokens", "1", "--temperature", "-1"], "--temperature"),
    (["generate", "--model", "x", "--tokens", "1", "--top-p", "-1"], "--top-p"),
    (["generate", "--model", "x", "--tokens", "1", "--max-tokens", "0"], "--max-tokens"),
    (["generate", "--model", "x", "--tokens", "1", "--logit-bias", "x"], "--logit-bias"),
    (["generate", "--model", "x", "--tokens", "1", "--logprobs", "3"], "--logprobs"),
    (["generate", "--model", "x", "--prompt", "a", "--system", "b"], "--system"),
    (["generate", "--model", "x", "--chat", "a", "--template-kwargs", "[1]"], "--template-kwargs"),
    (["generate", "--model", "x", "--chat", "a", "--template-kwargs", "{"], "--template-kwargs"),
    (["logits", "--model", "x", "--tokens", "1"], "--output"),
    (["logits", "--model", "x", "--tokens", "1", "--output", "y", "--chunk", "0"], "--chunk"),
    (["bench"], "--model"),
    (["bench", "--model", "x", "--batch", "513"], "--batch"),
    (["bench", "--model", "x", "--repetitions", "0"], "--repetitions"),
    (["bench", "--model", "x", "--prompt-tokens", "1,x"], "--prompt-tokens"),
    (["quantize", "--model", "x", "--output", "y"], "--format"),
    (["quantize", "--model", "x", "--format", "Q4_K_M"], "--output"),
    (["quantize", "--model", "x", "--format", "Q9", "--output", "y"], "--format Q9 is unknown: F32, F16"),
    (["quantize", "--model", "x", "--format", "Q4_K", "--head-format", "Q9", "--output", "y"], "--head-format"),
    (["quantize", "--model", "x", "--format", "Q4_K", "--threads", "0", "--output", "y"], "--threads"),
    (["fly"], "fly"),
  ]

  #if !ZMQ
    @Test func aBuildWithoutZeroMQSaysSo() throws {
      let arguments = ["serve", "--model", "x", "--kv-events-endpoint", "tcp://*:5557"]
      #expect(try #require(complaint(arguments)).line.contains("swift build --traits Server,ZMQ"))
    }
  #endif

  /// What the library's errors are about has options of these names.
  @Test func optionsThatErrorsNameExist() {
    let generate = InferServe.helpMessage(for: Generate.self)
    for property in RequestError.Property.allCases {
      guard ![.requests, .promptLogprobs, .pooling, .priority, .adapter].contains(property) else { continue }
      #expect(property.option.map { generate.contains("--\($0) ") } == true, "\(property)")
    }
    let serve = InferServe.helpMessage(for: Serve.self)
    for property in ConfigurationError.Property.allCases where property != .maxUnreadTokens {
      #expect(property.option.map { serve.contains("--\($0) ") } == true, "\(property)")
    }
    #expect(ConfigurationError(.maxQueue, reason: "is -1").usage == "--max-queue is -1")
  }

  @Test(arguments: wrong) func wrongUsageNamesTheOption(arguments: [String], names: String) throws {
    let complaint = try #require(self.complaint(arguments))
    #expect(complaint.code != 0)
    #expect(complaint.line.contains(names), "\(complaint.line)")
  }
}
