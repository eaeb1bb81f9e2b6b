internal import Foundation

/// The reason for which a conversation cannot go on.
public enum ChatError: DescribedError, Equatable {
  /// The engine was not started for a loaded model.
  case bareEngine
  /// Two tools have the same name.
  case duplicateTool(String)
  /// The model's chat template takes no tools, or does not show how calls are written.
  case toolsUnsupported(model: String, reason: String)
  /// Another answer of the session is under way.
  case busy
  /// The model called tools in more answers in a row than the options allow.
  case tooManyToolRounds(limit: Int)
  /// The engine ended the answer before it was complete.
  case ended(FinishReason)
  /// The answer is not of the type that was asked for.
  case undecodable(type: String, answer: String, reason: String)

  /// One line for people.
  public var description: String {
    switch self {
    case .bareEngine: "the engine has no tokenizer and no chat template; expected one that was made of a Model"
    case .duplicateTool(let name): "there are two tools named \"\(name)\"; expected names of their own"
    case .toolsUnsupported(let model, let reason): "\(model) cannot call tools: \(reason)"
    case .busy: "the session is answering already; expected one prompt at a time"
    case .tooManyToolRounds(let limit): "the model called tools in more than \(limit) answers in a row"
    case .ended(let reason): "the answer ended before it was complete: \(reason.rawValue)"
    case .undecodable(let type, let answer, let reason):
      "the answer is no \(type): \(reason); it begins with \"\(answer.prefix(100))\""
    }
  }
}
