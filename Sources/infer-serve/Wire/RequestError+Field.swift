import InferCore

extension RequestError.Property {
  /// The field of a request's body that gives it.
  var field: String {
    switch self {
    case .prompt: "prompt"
    case .promptLogprobs: "prompt_logprobs"
    case .pooling: "pooling"
    case .requests: "n"
    case .priority: "priority"
    case .adapter: "model"
    case .temperature: "temperature"
    case .topK: "top_k"
    case .topP: "top_p"
    case .minP: "min_p"
    case .repetitionPenalty: "repetition_penalty"
    case .presencePenalty: "presence_penalty"
    case .frequencyPenalty: "frequency_penalty"
    case .logitBias: "logit_bias"
    case .logprobs: "top_logprobs"
    case .maxTokens: "max_tokens"
    case .minTokens: "min_tokens"
    case .stopTokenIDs: "stop_token_ids"
    case .stopStrings: "stop"
    }
  }
}
