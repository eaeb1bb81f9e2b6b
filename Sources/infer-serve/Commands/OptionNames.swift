import InferCore

extension RequestError.Property {
  /// The option of `generate` that gives it, without its dashes; `nil` when none does.
  var option: String? {
    switch self {
    case .requests, .promptLogprobs, .pooling, .priority, .adapter: nil
    case .prompt: "prompt"
    case .temperature: "temperature"
    case .topK: "top-k"
    case .topP: "top-p"
    case .minP: "min-p"
    case .repetitionPenalty: "repetition-penalty"
    case .presencePenalty: "presence-penalty"
    case .frequencyPenalty: "frequency-penalty"
    case .logitBias: "logit-bias"
    case .logprobs: "logprobs"
    case .maxTokens: "max-tokens"
    case .minTokens: "min-tokens"
    case .stopTokenIDs: "stop-token-ids"
    case .stopStrings: "stop"
    }
  }
}

extension ConfigurationError.Property {
  /// The option of `serve` that gives it, without its dashes; `nil` when none does.
  var option: String? {
    switch self {
    case .threads: "threads"
    case .kvCacheMiB: "kv-cache-mib"
    case .stateCacheMiB: "state-cache-mib"
    case .coldStateMiB: "cold-state-mib"
    case .kvType: "kv-type"
    case .pageTokens: "page-tokens"
    case .maxBatchTokens: "max-batch-tokens"
    case .maxRunning: "max-running"
    case .maxQueue: "max-queue"
    case .maxQueueTokens: "max-queue-tokens"
    case .interTokenTarget: "target-itl-ms"
    case .maxUnreadTokens: nil
    case .maxContext: "max-context"
    case .cacheFolder: "cache-dir"
    }
  }
}

extension ConfigurationError {
  /// One line that names the option.
  var usage: String { property.option.map { "--\($0) \(reason)" } ?? description }
}
